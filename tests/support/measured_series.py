"""Distributions and time series of given values, in the form that the reports read."""

from __future__ import annotations

from conf.operations import Operation, Outcome
from monitoring.measurement import Recorder, Tag
from reports.statistics.distribution import Distribution
from reports.statistics.series import Series

TAG = Tag(Operation.CHAT, Outcome.SUCCESS, 0)


def distribution(*values_ms: float) -> Distribution:
    recorder, made = Recorder(), Distribution()
    for value_ms in values_ms:
        recorder.record(TAG, value_ms / 1000)
    for encoded in recorder.take().values():
        made.add_encoded(encoded)
    return made


def series(*intervals: tuple[float, list[float]]) -> Series:
    made = Series()
    for start_s, values_ms in intervals:
        made.add(start_s, distribution(*values_ms))
    return made
