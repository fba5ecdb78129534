"""A run's own report shows the difference from the baseline that ships with the suite."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from built_run import BuiltRun, Result, evenly

from conf.loading import load_settings
from conf.operations import Journey
from reports.baselines.baseline import Machine
from reports.baselines.baseline_file import SHIPPED_DIR, baseline_path, load_baseline, write_baseline
from reports.baselines.beside import build_beside
from reports.baselines.reduction import build_baseline
from reports.reading.run_files import load_run
from reports.rendering.html_page import render_html
from reports.verdict import judge_run
from reports.wording.sentences import beside_text

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import Beside


def answers(slowest_ms: float, count: int = 6000) -> list[Result]:
    results = evenly("chat", slowest_ms, count)
    Random(17).shuffle(results)
    return results


def settings(baseline: str) -> dict[str, Any]:
    configured = load_settings({"run.baseline": baseline}, environ={})
    return {"settings": configured.model_dump(mode="json", include={"thresholds", "run", "generator"})}


def beside(directory: Path, results: list[Result], **manifest: Any) -> Beside:
    """The run beside a baseline of answers within a second."""
    kept = load_run(BuiltRun(answers(1000)).write(directory / "kept"))
    write_baseline(build_baseline(kept, "ours-chat", Machine(cpus=2, platform="Linux")), directory)
    run = BuiltRun(results, manifest=settings("ours") | manifest).write(directory / "run")
    found = build_beside(load_run(run), directory)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("slowest_ms", "change"), [(1001, "NO CHANGE"), (1500, "REGRESSED"), (700, "IMPROVED")]
)
def test_a_run_is_held_against_the_baseline_of_its_journey(
    tmp_path: Path, slowest_ms: float, change: str
) -> None:
    found = beside(tmp_path, answers(slowest_ms))
    assert (found.baseline, found.change, found.reasons) == ("ours-chat", change, ())
    p95 = next(figure for figure in found.figures if figure.metric == "p95_ms")
    assert p95.ratio == pytest.approx(slowest_ms / 1000, rel=2e-3)
    assert p95.low is not None
    assert p95.high is not None
    assert p95.low < p95.ratio < p95.high
    assert beside_text(found).startswith(
        f"ours-chat: {change.lower()} (recorded 2025-11-15, commit 0a1b2c3, 2 proc"
    )


def test_what_the_comparison_itself_fails_at_harms_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.baselines.beside.compare", lambda *_: 1 / 0)
    found = beside(tmp_path, answers(1500, count=200))
    assert (found.change, found.reasons) == ("NOT COMPARABLE", ("ZeroDivisionError: division by zero",))


def test_a_run_of_another_load_is_not_compared_and_says_why(tmp_path: Path) -> None:
    found = beside(tmp_path, answers(1500), profile="smoke")
    assert found.change == "NOT COMPARABLE"
    assert beside_text(found) == (
        "ours-chat: not comparable: profile: phase17 in the baseline, smoke in the run."
    )


def test_a_baseline_that_is_not_there_harms_no_verdict(tmp_path: Path) -> None:
    run = BuiltRun(answers(900), manifest=settings("nobodys")).write(tmp_path / "run")
    verdict = judge_run(run)
    assert verdict.state.word == "PASS"
    assert verdict.beside is not None
    assert verdict.beside.change == "NOT COMPARABLE"
    assert "nobodys-chat" in verdict.beside.reasons[0]


def test_without_a_baseline_in_the_settings_nothing_is_said(tmp_path: Path) -> None:
    verdict = judge_run(BuiltRun(answers(900)).write(tmp_path / "run"))
    assert verdict.beside is None
    assert "Beside the baseline" not in render_html(verdict)


def test_the_page_shows_every_figure_beside_the_baselines(tmp_path: Path) -> None:
    found = beside(tmp_path, answers(1500))
    verdict = judge_run(tmp_path / "run")
    page = render_html(replace(verdict, beside=found))
    assert "Beside the baseline" in page
    assert page.count("<b>REGRESSED</b>") == 3


@pytest.mark.parametrize("journey", Journey)
def test_a_baseline_of_the_embedded_default_ships_for_every_journey(journey: Journey) -> None:
    shipped = load_baseline(baseline_path(SHIPPED_DIR, f"embedded-{journey}"))
    assert shipped.made.journeys == (journey,)
    assert (shipped.made.profile, shipped.made.target) == ("phase17", "loopback")
    assert not (shipped.made.commit or "").endswith("-dirty")
