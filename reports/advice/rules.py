"""What to do next: rules over the record, each with its evidence, the likely cause, and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.advice.commands import RUN_AGAIN, after_embedded, fill_commands
from reports.advice.failure_rules import FAILURE_RULES
from reports.advice.figure_rules import FIGURE_RULES
from reports.advice.foreign_rules import FOREIGN_RULES
from reports.advice.problem_rules import PROBLEM_RULES
from reports.advice.stream_rules import STREAM_RULES
from reports.record import Advice

if TYPE_CHECKING:
    from reports.advice.rule import AdviceRule
    from reports.record import Verdict

RULES = (*FAILURE_RULES, *STREAM_RULES, *FIGURE_RULES, *PROBLEM_RULES)
"""The rules in the order in which their advice is shown: the gravest first."""
_GONE = " This run brought database, portal and secret along, and they end with it: look at what it left, or run it again."


def advise(verdict: Verdict, run_log: str = "") -> tuple[Advice, ...]:
    """The advice of each rule that applies to the run; *run_log* is the path of Locust's own log, or empty."""
    return tuple(
        _advice(rule, evidence, verdict, run_log)
        for rule in (RULES if verdict.own else FOREIGN_RULES)
        if (evidence := rule.evidence(verdict))
    )


def _advice(rule: AdviceRule, evidence: str, verdict: Verdict, run_log: str) -> Advice:
    cause, commands = rule.cause, rule.commands
    if verdict.manifest and verdict.manifest.settings.target.embedded:
        commands = after_embedded(commands, verdict.journeys)
        cause += _GONE if RUN_AGAIN in commands else ""
    return Advice(rule.code, rule.title, evidence, cause, fill_commands(commands, verdict, run_log))
