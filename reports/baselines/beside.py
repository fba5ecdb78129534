"""Compares a run with the shipped baseline that its settings name, for its own report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from conf.errors import LoadTestError
from conf.loading import load_settings
from monitoring.unexpected import describe_unexpected
from reports.baselines.baseline import Machine
from reports.baselines.baseline_file import SHIPPED_DIR, baseline_path, load_baseline
from reports.baselines.comparison import compare
from reports.baselines.reduction import build_baseline
from reports.record import Beside, FigureBeside

if TYPE_CHECKING:
    from pathlib import Path

    from reports.baselines.baseline import Made
    from reports.baselines.comparison import Difference
    from reports.reading.run_files import RunFiles


def build_beside(run: RunFiles, directory: Path = SHIPPED_DIR) -> Beside | None:
    """
    Compare a run with its baseline; None where the settings name none, or the run made several journeys at once.

    *directory* holds the baselines. A baseline that is missing, damaged or of another load gives NOT COMPARABLE
    with the reason, and changes no verdict.
    """
    manifest = run.manifest
    if manifest is None or not manifest.settings.run.baseline or len(manifest.journeys) != 1:
        return None
    name = f"{manifest.settings.run.baseline}-{manifest.journeys[0]}"
    try:
        baseline = load_baseline(baseline_path(directory, name))
        new = build_baseline(run, run.run_id, Machine.here())
        comparison = compare(baseline, new, load_settings(environ={}).comparison)
    except LoadTestError as error:
        return Beside(name, "NOT COMPARABLE", (error.message,), "", ())
    except Exception as error:  # noqa: BLE001 - figures that no run can have may raise anything, and must change no verdict
        return Beside(name, "NOT COMPARABLE", (describe_unexpected(error)[0],), "", ())
    return Beside(
        name,
        comparison.change.value,
        comparison.reasons,
        _words(baseline.made),
        tuple(_figure(difference) for difference in comparison.differences if difference.decides),
    )


def _figure(difference: Difference) -> FigureBeside:
    ratio = difference.ratio
    value, low, high = map(_finite, ratio) if ratio else (None, None, None)
    return FigureBeside(
        difference.subject,
        difference.metric,
        difference.baseline,
        difference.new,
        ratio=value,
        low=low,
        high=high,
        change=difference.change.value,
        at_least=tuple("value" if name == "new" else name for name in difference.at_least),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _words(made: Made) -> str:
    machine = f"{made.machine.cpus} processors, {made.machine.platform}"
    return f"{made.started_at:%Y-%m-%d}, commit {(made.commit or 'unknown')[:12]}, {machine}"
