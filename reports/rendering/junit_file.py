"""
``junit.xml``: the record as test results, which CI shows.

It is the dialect that GitLab, Jenkins and most actions read, with attributes and elements that all of them know. Each
text is written in full, since GitLab shows the text of an element and not its ``message``.
"""

from __future__ import annotations

import re
from datetime import UTC
from itertools import chain, count
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from reports.state import State
from reports.wording import figures
from reports.wording.sentences import headline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reports.finding import Finding
    from reports.problem import Problem
    from reports.record import Verdict

_SUITE = "loadtest"
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(verdict: Verdict) -> str:
    """
    One test case per criterion, and one per problem.

    PASS and WARN are passed, FAIL is a failure, NO VERDICT and each problem an error, and a criterion that was not
    judged is skipped. So there is a failure or an error exactly where the verdict is FAIL or NO VERDICT. ``--strict``
    changes nothing here: it is about the exit code.

    A case is named after its criterion, and its class after the journeys. Both stay the same from run to run, so that
    CI can follow them, and differ between the journeys of one job. A case's time is 0; the suite has the run's time.
    """
    manifest = verdict.manifest
    length_s = f"{manifest.length_s if manifest else 0:.3f}"
    cases = [*map(_finding_case, verdict.findings), *map(_problem_case, verdict.problems)]
    _make_unique(cases)
    for case in cases:
        case.set("classname", _class_name(verdict))
    counts = {
        "tests": str(len(cases)),
        "failures": str(_count(cases, "failure")),
        "errors": str(_count(cases, "error")),
    }
    root = ET.Element("testsuites", {"name": _SUITE, **counts, "time": length_s})
    skipped = {"skipped": str(_count(cases, "skipped"))}
    suite = ET.SubElement(
        root, "testsuite", {"name": _class_name(verdict), **counts, **skipped, "time": length_s}
    )
    if manifest:
        suite.set("timestamp", f"{manifest.started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(verdict).items():
        ET.SubElement(properties, "property", {"name": name, "value": _legal(value)})
    suite.extend(cases)
    _add_text(suite, "system-out", "\n".join([f"{verdict.state.word}: {headline(verdict)}", *verdict.notes]))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _class_name(verdict: Verdict) -> str:
    return f"{_SUITE}.{'+'.join(verdict.journeys) or 'unknown'}"


def _properties(verdict: Verdict) -> dict[str, str]:
    """What distinguishes this run from others, by the record's own names."""
    properties = {"run_id": verdict.run_id, "state": verdict.state.word, "judged_by": verdict.judged_by}
    if manifest := verdict.manifest:
        properties |= {
            "target": manifest.target,
            "profile": manifest.profile,
            "contract": manifest.contract,
            "git_commit": manifest.git_commit or "",
            "random_seed": str(manifest.random_seed),
            "ended_by": manifest.ended_by,
        }
    return properties


def _finding_case(finding: Finding) -> ET.Element:
    case = _case(f"{finding.subject}.{finding.metric}")
    fact = _fact(finding)
    match finding.state:
        case State.PASS | State.WARN:
            _add_text(case, "system-out", f"{finding.state.word}: {fact}")
        case State.FAIL:
            _add_outcome(case, "failure", finding.state.word, fact)
        case State.NO_VERDICT:
            _add_outcome(case, "error", finding.state.word, fact)
        case None:
            _add_outcome(case, "skipped", "not judged", fact)
    return case


def _problem_case(problem: Problem) -> ET.Element:
    case = _case(f"problem.{problem.code}")
    seen = f"{problem.message} ({problem.at})" if problem.at else problem.message
    _add_outcome(case, "error", problem.code, seen, problem.next_step)
    return case


def _case(name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": "", "name": _legal(name), "time": "0"})


def _add_outcome(case: ET.Element, tag: str, kind: str, message: str, more: str = "") -> None:
    """Add an element with the whole text, and the text's beginning as the message."""
    element = _add_text(case, tag, f"{message}\n{more}" if more else message)
    element.set("message", " ".join(_legal(message).split()))
    element.set("type", _legal(kind))


def _add_text(parent: ET.Element, tag: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = _legal(text)
    return element


def _fact(finding: Finding) -> str:
    """One criterion with its value, limits, interval and note."""
    label = (
        f"{figures.subject_label(finding.subject)}: {figures.metric_label(finding.metric, finding.limits)}"
    )
    parts = [
        f"{label}: {figures.finding_value(finding) if finding.is_measured else 'not measured'}",
        f"passes {figures.passes_text(finding.metric, finding.limits)}",
    ]
    fails = figures.fails_text(finding.metric, finding.limits)
    if fails != figures.NONE:
        parts.append(f"fails {fails}")
    if doubt := figures.certainty_text(finding):
        parts.append(doubt)
    elif finding.interval:
        parts.append(f"95 % interval {figures.interval_text(finding)} at n = {figures.count(finding.count)}")
    if finding.note:
        parts.append(finding.note)
    return "; ".join(parts).replace("\u00a0", " ")


def _make_unique(cases: Iterable[ET.Element]) -> None:
    """Number the names that come more than once: GitLab shows only one case of each name."""
    taken: set[str] = set()
    for case in cases:
        name = case.get("name", "")
        numbered = chain([name], (f"{name} ({number})" for number in count(2)))
        unique = next(candidate for candidate in numbered if candidate not in taken)
        taken.add(unique)
        case.set("name", unique)


def _count(cases: Iterable[ET.Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _legal(text: str) -> str:
    """The text with ``?`` for each character that XML cannot hold; every output shows control characters so."""
    return _NOT_XML.sub("?", text)
