"""The commands that advice gives, and what fills their placeholders."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from conf.operations import Journey
from reports.advice.rule import OF_THE_PORTAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reports.record import Verdict

INDEXES = (
    'psql "$DATABASE_URL" -c "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = \'{doc_chunks}\'"'
)
STRAY_CHUNKS = (
    'psql "$DATABASE_URL" -c "SELECT c.tenant_id, c.development_id, count(*) FROM {doc_chunks} c '
    'JOIN developments d ON d.id = c.development_id WHERE d.tenant_id <> c.tenant_id GROUP BY 1, 2"'
)
ACTIVITY = 'psql "$DATABASE_URL" -c "SELECT state, wait_event_type, query FROM pg_stat_activity"'
POOL = "curl -s {health_db}"
HEALTH = "curl -i {health}"
_FEWEST_HOUSES = 1_000
_TO_THE_STACK = (
    "curl ", "psql ", "export ", "locust ", "loadtest check", "loadtest seed", "loadtest qrs", "loadtest houses",
    "loadtest portal",
)  # fmt: skip
"""Beginnings of commands that need the portal, the database or the secret; all three go with the embedded stack."""
_HAVE_A_CONTRACT = ("loadtest run", "loadtest check", "loadtest seed", "loadtest houses", "loadtest portal")
"""Beginnings of commands that take ``--contract``."""
_DEFAULT_CONTRACT = "phase17"
_LEFT_OF_THE_PORTAL = ("less {portal_log}", "loadtest logs --since {since}")
RUN_AGAIN = "loadtest run {journey} --embedded"
_PLACE = re.compile(r"\{\w+\}")


def fill_commands(commands: Sequence[str], verdict: Verdict, run_log: str) -> tuple[str, ...]:
    """
    Fill the placeholders of commands; a command with a placeholder that the run cannot fill is left out.

    Args:
        commands: The commands of a rule.
        verdict: The verdict of the run that the commands are about.
        run_log: The path of Locust's own log; empty where there is none.
    """
    places = _places(verdict) | {"{run_log}": shlex.quote(run_log) if run_log else ""}
    filled = filter(None, (_filled(command, places) for command in commands))
    return tuple(_of_contract(command, verdict) for command in filled)


def _of_contract(command: str, verdict: Verdict) -> str:
    """The command, for the contract of the run, where that is one of the suite's and not the default."""
    name = verdict.manifest.contract if verdict.manifest else ""
    if not command.startswith(_HAVE_A_CONTRACT) or name in {"", _DEFAULT_CONTRACT} or name.endswith(".toml"):
        return command
    return f"{command} --contract {shlex.quote(name)}"


def after_embedded(commands: Sequence[str], journeys: Sequence[Journey]) -> tuple[str, ...]:
    """Commands that work when the stack is gone; the logs that are left, and another run, replace the others."""
    kept = [
        f"{command} --embedded" if command.startswith("loadtest run ") else command
        for command in commands
        if not command.startswith(_TO_THE_STACK)
    ]
    if len(kept) < len(commands):
        kept += (*(_LEFT_OF_THE_PORTAL if {*OF_THE_PORTAL} & {*journeys} else ()), RUN_AGAIN)
    return tuple(dict.fromkeys(kept))


def _places(verdict: Verdict) -> dict[str, str]:
    """Placeholder → its value, quoted for a shell; empty where the run has none."""
    manifest = verdict.manifest
    journey = {"{journey}": next(iter(verdict.journeys), Journey.CHAT).value}
    if manifest is None:
        return journey | {
            "{since}": "1d",
            "{more_houses}": str(2 * _FEWEST_HOUSES),
            "{doc_chunks}": "doc_chunks",
        }
    target, contract = manifest.target.rstrip("/"), manifest.settings.contract
    return journey | {
        "{target}": shlex.quote(target),
        "{health}": shlex.quote(target + contract.health) if contract.health else "",
        "{health_db}": shlex.quote(target + contract.health_db) if contract.health_db else "",
        "{doc_chunks}": "doc_chunks" if contract.search is None else "",
        "{portal_log}": shlex.quote(f"{manifest.settings.monitoring.log_dir}/portal.log"),
        "{since}": f"{manifest.started_at:%Y-%m-%dT%H:%M:%SZ}",
        "{more_houses}": str(2 * max(manifest.houses, _FEWEST_HOUSES)),
    }


def _filled(command: str, places: Mapping[str, str]) -> str:
    """The command; empty where one of its placeholders has no value."""
    if not all(places.get(place) for place in _PLACE.findall(command)):
        return ""
    return _PLACE.sub(lambda place: places[place[0]], command)
