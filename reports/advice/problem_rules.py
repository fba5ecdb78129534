"""What to do about a test that is not valid."""

from __future__ import annotations

from reports.advice.evidence import problem_noted
from reports.advice.rule import AdviceRule
from reports.problem import ProblemCode


def _rule(code: ProblemCode, title: str, cause: str, commands: tuple[str, ...]) -> AdviceRule:
    """A rule for one kind of problem; its advice has the code of the problem."""
    return AdviceRule(code.value, title, problem_noted(code), cause, commands)


PROBLEM_RULES = (
    _rule(
        ProblemCode.WORKER_LOST,
        "A load-generating process was lost",
        "It was killed, perhaps for its memory, told to go, or lost its connection.",
        ("dmesg | grep -i 'killed process'",),
    ),
    _rule(
        ProblemCode.NOT_WRITTEN,
        "The run directory could not be written",
        "The disk is full, or takes no more from this user. The run was ended, with what was measured until then.",
        ("df -h .", "loadtest run {journey} --output-dir DIR"),
    ),
    _rule(
        ProblemCode.SUITE_FAILED,
        "A part of the suite failed",
        "The run was ended, with what was measured until then. The traceback is in the run's log.",
        ("less {run_log}", "loadtest run {journey} --profile smoke"),
    ),
    _rule(
        ProblemCode.USERS_FAILED,
        "Users could not begin",
        "The run was ended: with fewer users than asked for it would be another test. What they need is checked by:",
        ("loadtest check",),
    ),
    _rule(
        ProblemCode.FEWER_USERS,
        "Fewer users ran than were asked for",
        "The load generators are too few or too busy, or the run ended before all users had started.",
        ("locust -f locustfiles/{journey}.py --headless --processes 2",),
    ),
    _rule(
        ProblemCode.GENERATOR_SATURATED,
        "A load generator was at its own limits",
        "One process makes more load than it has time for, or something else keeps its machine busy; its latencies hold "
        "its own delays.",
        ("locust -f locustfiles/{journey}.py --headless --processes 2", "uptime"),
    ),
    _rule(
        ProblemCode.MISSED_STARTS,
        "Planned flows could not be started",
        "The portal is too slow for the arrival rate, so that all users waited for it, or the profile's users are too "
        "few for it: arrival_rate times the longest answer, at least.",
        ("loadtest run {journey} --profile capacity",),
    ),
    _rule(
        ProblemCode.FIXTURE_EXHAUSTED,
        "There were no new homeowners left to onboard",
        "The run made more onboardings than the fixture has houses. Seed more of them, make fewer, or allow it in the "
        "profile: reuse_houses = true.",
        ("loadtest seed --houses {more_houses}",),
    ),
    _rule(
        ProblemCode.SETTINGS_DIFFER,
        "A worker made another load than its master",
        "Each process reads the settings on its own. Give all of them the same profile and files.",
        ("env | grep LOADTEST_",),
    ),
)
