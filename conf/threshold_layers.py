"""Thresholds that a contract brings, and those of streamed answers: layers between the suite's own and the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conf.answer import AnswerFormat
from conf.layers import Layer, lookup, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OWN, STREAMED = "thresholds", "stream_thresholds"


def with_thresholds_of(contract: Layer, layers: Sequence[Layer]) -> Iterator[Layer]:
    """
    *layers* with the contract's own thresholds laid over those of the first.

    Where an operation's answers are streamed, ``stream_thresholds`` of it stand in place of the first layer's.

    Args:
        contract: The contract's file as it was read; it may be wrong in any way.
        layers: The suite's settings, and then the user's.
    """
    first, *others = layers
    told = lookup(merge(layers), STREAMED)
    streamed = told if isinstance(told, dict) else {}
    replacing = {
        subject: demands for subject, demands in streamed.items() if _streams(contract.values, subject)
    }
    own = lookup(first.values, OWN)
    if isinstance(own, dict):
        kept = {subject: demands for subject, demands in own.items() if subject not in replacing}
        first = Layer(first.name, first.values | {OWN: kept | replacing})
    yield first
    if OWN in contract.values:
        yield Layer(contract.name, {OWN: contract.values[OWN]})
    yield from others


def _streams(contract: Mapping[str, Any], operation: str) -> bool:
    one, several = lookup(contract, f"{operation}.answer"), lookup(contract, f"{operation}.answers")
    answers = [one, *(several.values() if isinstance(several, dict) else ())]
    return any(isinstance(answer, dict) and answer.get("format") == AnswerFormat.EVENTS for answer in answers)
