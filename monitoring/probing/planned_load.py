"""Whether the load of a run can be judged: its criteria, its questions, and the waits that it may cut short."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.measurable import require_measurable
from conf.metric import parse_metric
from conf.operations import Journey, Kind
from conf.subject import parse_subject
from conf.waits import wait_limit
from seed.questions import Questions, load_questions
from seed.request import require_askable

if TYPE_CHECKING:
    from collections.abc import Collection

    from conf.settings import Settings

_STATEMENT = "database.statement_timeout_s"


def check_criteria(settings: Settings, journeys: Collection[Journey]) -> str:
    """
    Check that the profile's load will produce what every criterion of *journeys* measures.

    Raises:
        LoadTestError: There is a criterion on something that it will not produce.
    """
    require_measurable(settings.thresholds, settings.profile, journeys, settings.contract.streamed)
    count = sum(map(len, settings.thresholds.values()))
    said = f"{count} criteria, all of them about what will be measured"
    return "; ".join(filter(None, (said, warn_of_short_timeout(settings, journeys))))


def usable_questions(settings: Settings, journeys: Collection[Journey]) -> Questions:
    """
    The questions of a run of *journeys*, without its salt; none where no journey asks.

    Raises:
        LoadTestError: They cannot be read; a user would ask more at once than there are; or one cannot be sent.
    """
    if Journey.CHAT not in journeys:
        return Questions(())
    questions = load_questions(settings.run)
    load, known = settings.profile.loads.get(Journey.CHAT), len(questions.texts)
    if load is not None and load.questions_in_flight > known:
        raise LoadTestError(
            f"profile: {Journey.CHAT}.questions_in_flight is {load.questions_in_flight}, and there are {known} questions",
            "Ask fewer at once, and raise users; or write more questions (run.questions)",
        )
    require_askable(settings.contract, questions.texts)
    return questions


def questions_words(settings: Settings, journeys: Collection[Journey]) -> str:
    """What will be asked; raises as `usable_questions` does."""
    run, known = settings.run, len(usable_questions(settings, journeys).texts)
    return f"{known:,} of {run.questions or 'the suite'}, {run.question_mix}, salt: {run.question_salt}"


def warn_of_short_timeout(settings: Settings, journeys: Collection[Journey]) -> str:
    """A warning about latencies with a limit above the timeout, where a timeout decides nothing; empty without such."""
    short: dict[str, list[str]] = {}
    for text, demands in settings.thresholds.items():
        subject = parse_subject(text)
        if subject.operation is None or subject.outcome or subject.operation.journey not in journeys:
            continue
        for name, limits in demands.items():
            metric = parse_metric(name)
            ended_by = wait_limit(subject.operation, settings.contract.streamed, metric.moment)
            largest_ms = max(limits.pass_below or 0, limits.fail_above or 0)
            if metric.is_latency and largest_ms >= _limit_s(settings, ended_by) * 1000:
                short.setdefault(ended_by, []).append(f"{text}.{name} ({largest_ms:g} ms)")
    return "; ".join(
        f"timeouts decide nothing about {', '.join(named)}: {ended_by} ({_limit_s(settings, ended_by):g} s) ends before"
        for ended_by, named in short.items()
    )


def warn_of_short_stop(settings: Settings, journeys: Collection[Journey], stop_timeout_s: float) -> str:
    """A warning about requests that the end of the run may cut off after *stop_timeout_s*; empty without such."""
    requests = [op for journey in journeys for op in journey.operations if op.kind is Kind.REQUEST]
    names = {wait_limit(operation, settings.contract.streamed) for operation in requests}
    limits_s = {name: _limit_s(settings, name) for name in sorted(names, reverse=True)}
    statement_s = limits_s.get(_STATEMENT, stop_timeout_s)
    if statement_s < stop_timeout_s:  # a search waits for a connection first
        both_s = settings.database.pool_timeout_s + statement_s
        limits_s[f"database.pool_timeout_s and {_STATEMENT} together"] = both_s
    shorter = [f"{name} ({limit_s:g} s)" for name, limit_s in limits_s.items() if limit_s >= stop_timeout_s]
    if not shorter:
        return ""
    return (
        f"run.stop_timeout_s ({stop_timeout_s:g} s) is not longer than {' and '.join(shorter)}: what is in "
        "flight then is cut off, and the verdict may be NO VERDICT for it"
    )


def _limit_s(settings: Settings, name: str) -> float:
    limit_s: float = attrgetter(name)(settings)
    return limit_s
