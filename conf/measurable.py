"""
Checks criteria and load of a run against each other and the contract.

A criterion on something that will never be measured is a mistake, and so is a part of the load that will never happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import SettingsError
from conf.metric import parse_metric
from conf.operations import Operation
from conf.subject import parse_subject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from conf.operations import Journey
    from conf.profile import Profile
    from conf.thresholds import Limits, Thresholds


def stopping_criteria(thresholds: Thresholds) -> list[tuple[str, str, Limits]]:
    """The criteria that may end a run: subject, metric, limits."""
    return [
        (subject, metric, limits)
        for subject, demands in thresholds.items()
        for metric, limits in demands.items()
        if limits.stop_early
    ]


def require_measurable(
    thresholds: Thresholds,
    profile: Profile,
    journeys: Collection[Journey],
    streamed: AbstractSet[Operation],
    step_users: Collection[int] | None = None,
) -> None:
    """
    Refuse criteria of these journeys that no run with this load can measure, and homeowners who can never leave.

    Args:
        thresholds: The criteria; those of other journeys are not checked.
        profile: The load.
        journeys: Of the run.
        streamed: The requests whose answers the contract streams.
        step_users: Users of the steps, where they differ from the profile's; empty: there are no steps.

    Raises:
        SettingsError: A criterion names a step that does not exist, or a planned start where nothing is planned, or a
            stream where none is; or homeowners shall leave a stream where none is.
    """
    mistakes = [
        f"profile.{journey}.abandon_ratio: the contract's answers to {journey} are not streamed, so no homeowner "
        "leaves before the end of one"
        for journey in journeys
        if profile.load(journey).abandon_ratio and streamed.isdisjoint(journey.operations)
    ]
    for text, demands in thresholds.items():
        subject = parse_subject(text)
        operation, users = subject.operation, subject.users
        if operation is None or operation.journey not in journeys:
            continue
        steps = profile.load(operation.journey).steps
        levels = [step.users for step in steps] if step_users is None else step_users
        if users is not None and users not in levels:
            known = f"its steps have {', '.join(map(str, levels))}" if levels else "it has no steps"
            mistakes.append(f"thresholds.{text}: the load has no step with {users} users: {known}")
        mistakes += _without_plan(text, operation, demands, profile)
        if operation not in streamed:
            mistakes += _without_stream(text, operation, demands)
    if mistakes:
        raise SettingsError(mistakes)


def _without_plan(
    text: str, operation: Operation, demands: Collection[str], profile: Profile
) -> Iterator[str]:
    for name in demands:
        if not parse_metric(name).planned:
            continue
        if not operation.begins_flow:
            flows = ", ".join(operation for operation in Operation if operation.begins_flow)
            yield f"thresholds.{text}.{name}: only a flow has a planned start: {flows}"
        elif profile.load(operation.journey).arrival_rate is None:
            yield (
                f"thresholds.{text}.{name}: nothing is planned: the profile's {operation.journey} has no arrival_rate"
            )


def _without_stream(text: str, operation: Operation, demands: Mapping[str, Limits]) -> Iterator[str]:
    for name, limits in demands.items():
        if parse_metric(name).is_of_stream or limits.within is not None:
            yield f"thresholds.{text}.{name}: the contract's answers to {operation} are not streamed"
