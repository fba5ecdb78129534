"""Charts over time: latency, throughput with failures, users with steps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from conf.operations import Outcome
from reports.charts.canvas import ACCENT, FAIL, INK, LINE, SOFT, Axis, Box, Drawing, Mark, Plane
from reports.charts.points import round_up
from reports.wording import figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conf.thresholds import Limits
    from reports.course import Course, OperationCourse, Window
    from reports.manifest import StepSpan
    from reports.record import Verdict

_STEPS_S = (0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MOST_TICKS = 7
_PASS_WITHIN, _FAIL_WITHIN = 2.5, 1.4
"""A limit is drawn up to so many times the largest value; a larger limit would make the values a flat line."""
_ROW = 0.2
"""Height of a row of failures, as a share of the throughput's height; the upper half is for its name."""
_NAMES = 110
"""Room for the labels of the steps."""
_ENOUGH = 20
"""With fewer results in a window, p95 is the slowest: a caption uses such a window only where there is no other."""
_MINUTES_FROM_S = 120
_HOURS_FROM_S = 7200


class Timeline(NamedTuple):
    """
    What all charts over time of a run share; moments are seconds since its start.

    Args:
        steps: Begin, end and users of each step.
        warm_ups: Begin and end of the stretches that are in no figure.
    """

    axis: Axis
    steps: tuple[tuple[float, float, int], ...]
    warm_ups: tuple[tuple[float, float], ...]

    def backdrop(self, plane: Plane) -> list[Mark]:
        """Warm-ups as shades, the beginnings of steps as thin lines."""
        shades = [Box(left, right, plane.y.low, plane.y.high) for left, right in self.warm_ups]
        posts = [plane.post(begin, LINE) for begin, _, _ in self.steps[1:]]
        return [*([plane.boxes(shades, LINE, opacity=0.55)] if shades else []), *posts]


def build_timeline(verdict: Verdict, course: Course) -> Timeline:
    """The timeline of a run: its length, its steps and its warm-ups."""
    end_s = max(window.start_s + window.length_s for row in course.operations for window in row.windows)
    spans: Sequence[StepSpan] = ()
    steps: tuple[tuple[float, float, int], ...] = ()
    warm_ups: tuple[tuple[float, float], ...] = ()
    if manifest := verdict.manifest:
        spans, end_s = manifest.steps, max(end_s, manifest.length_s)
        began = manifest.started_at
        steps = tuple(
            ((span.started_at - began).total_seconds(), (span.ended_at - began).total_seconds(), span.users)
            for span in spans
        )
    if any(row.warm_up[0] for row in verdict.operations):
        ends = [0.0, *(end for _, end, _ in steps)]
        warm_ups = tuple(
            (end, begin)
            for end, (begin, _, _) in zip(ends, steps, strict=False)
            if begin - end > 0.1  # noqa: PLR2004 - seen
        )
    return Timeline(_time_axis(end_s), steps, warm_ups)


def draw_latency(row: OperationCourse, timeline: Timeline, limits: Limits | None) -> Drawing | None:
    """p50, p95 and p99 of each window, and where p95 passes and fails; None where nothing was answered or waited for in vain."""
    known = [window for window in row.windows if window.p95_ms is not None]
    if not known:
        return None
    largest = max(window.p99_ms or 0 for window in known)
    bounds = [
        (value, text, dash)
        for value, text, dash, within in (
            (limits and limits.pass_below, "p95 passes below", (5, 4), _PASS_WITHIN),
            (limits and limits.fail_above, "p95 fails above", (2, 3), _FAIL_WITHIN),
        )
        if value and value <= largest * within
    ]
    plane = Plane(timeline.axis, value_axis(max([largest, *(value for value, _, _ in bounds)]), "ms"))
    lines = (("p99", SOFT, 1.25), ("p50", INK, 1.5), ("p95", ACCENT, 2.25))
    layers = timeline.backdrop(plane)
    layers += [plane.level(value, INK, dash) for value, _, dash in bounds]
    last = known[-1]
    ends = [(last.start_s + last.length_s, _value(last, name), name, colour) for name, colour, _ in lines]
    layers += [plane.line(_stairs(row.windows, name), colour, width=width) for name, colour, width in lines]
    layers += [
        plane.text((timeline.axis.high, value), f"{text} {value:,g} ms", dy=-8, align="right")
        for value, text, _ in bounds
    ]
    layers += [*plane.ends(ends), plane.columns(_spans(row.windows, _latency_text))]
    title = "Latency over time"
    return Drawing(title, row.operation.label, _latency_caption(known), plane.svg(title, layers))


def draw_throughput(row: OperationCourse, timeline: Timeline) -> Drawing:
    """Successes per second, and below them one row for each way to fail, with the failures of each window."""
    rates = [window.successes / window.length_s if window.length_s else 0.0 for window in row.windows]
    upper = value_axis(max(rates) or 1.0, "per second")
    step = upper.high * _ROW
    axis = Axis(-step * len(row.outcomes), upper.high, upper.ticks, upper.title)
    plane = Plane(timeline.axis, axis, height=170 + 34 * len(row.outcomes))
    bars = [
        Box(window.start_s, window.start_s + window.length_s, 0, rate)
        for window, rate in zip(row.windows, rates, strict=True)
    ]
    layers = [*timeline.backdrop(plane), *plane.area(_outline(bars))]
    for number, outcome in enumerate(row.outcomes):
        floor, counts = -step * (number + 1), [window.failures[number] for window in row.windows]
        most = max(counts) or 1
        failed = [
            Box(window.start_s, window.start_s + window.length_s, floor, floor + step * 0.5 * count / most)
            for window, count in zip(row.windows, counts, strict=True)
            if count
        ]
        text = f"{outcome}: {sum(counts):,}"
        layers += [
            plane.boxes(failed, FAIL),
            plane.text((timeline.axis.low, floor + step * 0.74), text, INK, dx=2),
        ]
        layers.append(plane.level(floor, LINE, ()))

    def text_of(window: Window) -> str:
        failures = [f"{count:,} {o}" for count, o in zip(window.failures, row.outcomes, strict=True) if count]
        return ", ".join([f"{window.successes:,} succeeded", *failures])

    layers.append(plane.columns(_spans(row.windows, text_of)))
    title = "Throughput and failures over time"
    return Drawing(title, row.operation.label, _throughput_caption(row, rates), plane.svg(title, layers))


def draw_users(course: Course, timeline: Timeline) -> Drawing | None:
    """How many users there were, with the steps; None where their number is not known."""
    if not course.users:
        return None
    most = max(level.users for level in course.users)
    plane = Plane(timeline.axis, value_axis(max(most * 1.1, 4), "users", whole=True))
    untils = [*(level.at_s for level in course.users[1:]), timeline.axis.high]
    bars = [Box(level.at_s, until, 0, level.users) for level, until in zip(course.users, untils, strict=True)]
    layers = [*timeline.backdrop(plane), *plane.area(_outline(bars))]
    for begin, end, users in timeline.steps:
        layers.append(plane.text(((begin + end) / 2, users), f"{users:,}", INK, dy=-9, align="center"))
    layers.append(
        plane.columns((bar.left, bar.right, f"from {moment(bar.left)}: {bar.top:,.0f} users") for bar in bars)
    )
    caption = f"Up to {most:,} at once"
    if len(timeline.steps) > 1:
        caption += f", in {len(timeline.steps)} steps"
    if timeline.warm_ups:
        caption += "; shaded: warm-up, in no figure"
    title = "Users and steps over time"
    return Drawing(title, "", f"{caption}.", plane.svg(title, layers))


def draw_server_steps(row: OperationCourse, timeline: Timeline) -> Drawing | None:
    """The mean of each step that the target's own timing names; None where it names none."""
    means = [[window.steps_ms[place] for window in row.windows] for place in range(len(row.server_steps))]
    known = {
        label: (max(values), values[-1])
        for label, course in zip(row.server_steps, means, strict=True)
        if (values := [value for value in course if value is not None])
    }
    if not known:
        return None
    longest = max(known, key=lambda label: known[label][0])
    plane = Plane(timeline.axis, value_axis(known[longest][0], "ms"), right=_NAMES)
    layers = timeline.backdrop(plane)
    ends = []
    for label, course in zip(row.server_steps, means, strict=True):
        if label not in known:
            continue
        colour = ACCENT if label == longest else SOFT
        stairs = [
            (at_s, value)
            for window, value in zip(row.windows, course, strict=True)
            for at_s in (window.start_s, window.start_s + window.length_s)
        ]
        layers.append(plane.line(stairs, colour, width=2.25 if label == longest else 1.5))
        ends.append((row.windows[-1].start_s + row.windows[-1].length_s, known[label][1], label, colour))

    def text_of(window: Window) -> str:
        named = zip(row.server_steps, window.steps_ms, strict=True)
        told = [f"{label} {figures.figure('mean_ms', value)}" for label, value in named if value is not None]
        return ", ".join(told) or "no answer told"

    layers += [*plane.ends(ends), plane.columns(_spans(row.windows, text_of))]
    title = "Where the time went, step by step"
    caption = f"{longest} takes longest: up to {figures.figure('mean_ms', known[longest][0])} on average."
    return Drawing(title, row.operation.label, caption, plane.svg(title, layers))


def value_axis(largest: float, unit: str, *, whole: bool = False) -> Axis:
    """From zero to a round number that is not below *largest*."""
    step = max(round_up(largest / 4), 1 if whole else 0)
    number = -int(-largest // step)
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3  # noqa: PLR2004 - digits
    return Axis(
        0, step * number, tuple((step * n, f"{step * n:,.{decimals}f}") for n in range(number + 1)), unit
    )


def moment(at_s: float) -> str:
    """A moment of the run, e.g. ``35 s`` or ``2:35 min``."""
    return (
        f"{at_s:.0f} s"
        if at_s < _MINUTES_FROM_S
        else f"{_clock(at_s)} min"
        if at_s < _HOURS_FROM_S
        else f"{_clock(at_s / 60)} h"
    )


def _clock(seconds: float) -> str:
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02}"


def _time_axis(end_s: float) -> Axis:
    step = next((s for s in _STEPS_S if end_s / s <= _MOST_TICKS), _STEPS_S[-1])
    ticks = [step * number for number in range(int(end_s / step + 1e-9) + 1)]
    if end_s < _MINUTES_FROM_S:
        return Axis(0, end_s, tuple((at, f"{at:g}") for at in ticks), "seconds since the start")
    if end_s < _HOURS_FROM_S:
        return Axis(0, end_s, tuple((at, _clock(at)) for at in ticks), "minutes since the start")
    return Axis(0, end_s, tuple((at, _clock(at / 60)) for at in ticks), "hours since the start")


def _value(window: Window, name: str) -> float:
    value: float | None = getattr(window, f"{name}_ms")
    assert value is not None
    return value


def _stairs(windows: Iterable[Window], name: str) -> Iterable[tuple[float, float | None]]:
    """The points of a line that stays at a window's value for the whole window."""
    for window in windows:
        value: float | None = getattr(window, f"{name}_ms")
        yield from ((window.start_s, value), (window.start_s + window.length_s, value))


def _outline(bars: Sequence[Box]) -> Iterable[tuple[float, float]]:
    for bar in bars:
        yield from ((bar.left, bar.top), (bar.right, bar.top))


def _spans(windows: Iterable[Window], text_of: Callable[[Window], str]) -> Iterable[tuple[float, float, str]]:
    for window in windows:
        end_s = window.start_s + window.length_s
        yield window.start_s, end_s, f"{moment(window.start_s)} to {moment(end_s)}: {text_of(window)}"


def _latency_text(window: Window) -> str:
    if window.p95_ms is None:
        return "nothing succeeded"
    values = (f"{name} {_figure(window, name)}" for name in ("p50", "p95", "p99"))
    return f"{', '.join(values)}, of {window.successes:,} answers"


def _figure(window: Window, name: str) -> str:
    metric = f"{name}_ms"
    return figures.figure(metric, _value(window, name), at_least=metric in window.at_least)


def _latency_caption(known: Sequence[Window]) -> str:
    if len(known) == 1:
        return f"p95 {_figure(known[0], 'p95')}, in the one window of {figures.seconds(known[0].length_s)}."
    known = [window for window in known if window.at_least or window.successes >= _ENOUGH] or known
    low = min(known, key=lambda window: _value(window, "p95"))
    high = max(known, key=lambda window: _value(window, "p95"))
    least, most = (_figure(window, "p95") for window in (low, high))
    return (
        f"p95 between {least} and {most}; the slowest {high.length_s:.0f} s began at {moment(high.start_s)}."
    )


def _throughput_caption(row: OperationCourse, rates: Sequence[float]) -> str:
    least, most = figures.per_second(min(rates)), figures.per_second(max(rates))
    said = f"Between {least} and {most}" if least != most else most
    counts = Counter[Outcome]()
    for window in row.windows:
        counts.update(dict(zip(row.outcomes, window.failures, strict=True)))
    cut_off = counts.pop(Outcome.CUT_OFF, 0)
    failed = f"{counts.total():,}" if counts.total() else "nothing"
    return f"{said} successes per second; {failed} failed" + (f", {cut_off:,} cut off." if cut_off else ".")
