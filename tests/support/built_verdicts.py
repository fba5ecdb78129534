"""Verdicts of every kind, with secrets and hostile texts in them, for tests of outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from built_run import BuiltRun, Result, evenly, failing

from conf.operations import Journey, Outcome
from reports.verdict import judge_run

if TYPE_CHECKING:
    from pathlib import Path

    from reports.record import Verdict

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiaG9tZW93bmVyIn0.s3cr3t-signature"
QR_TOKEN = "3f2c8a1e-5b7d-4c9a-8e21-9d3f5a6b7c8d"  # noqa: S105 - for tests only
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m[red]&"
SECRETS = {
    JWT: f"the token {JWT} was refused",
    "opaque-token": "Authorization: Bearer opaque-token refused",
    "hunter2": "could not connect: postgresql://loader:hunter2@db/portal",
    "pa55word": "connection failed: host=db password=pa55word",
    QR_TOKEN: f"404 for /onboarding/{QR_TOKEN}",
    "abc:def:sig": "404 for /homes/1?token=abc:def:sig",
}


def bad_verdict(tmp_path: Path) -> Verdict:
    results = [
        *evenly("chat", 7000),
        *failing("chat", 1, Outcome.ISOLATION, "a source belongs to another development"),
        *failing("chat", 9, message=HOSTILE),
        *(failing("chat", 1, message=message)[0] for message in SECRETS.values()),
    ]
    run = BuiltRun(
        results, memory_mb={"portal": [100, 300, 600], "local": [90]}, manifest={"houses_shared": True}
    )
    return judge_run(run.write(tmp_path / "bad"))


def rag_verdict(tmp_path: Path) -> Verdict:
    results = [
        Result(name, ms * users, step=step)
        for step, users in enumerate((1, 50))
        for ms in range(1, 40)
        for name in ("rag_connection", "rag_query", "rag_search")
    ]
    return judge_run(BuiltRun(results, journeys=(Journey.RAG,), step_users=(1, 50)).write(tmp_path / "rag"))


def empty_verdict(tmp_path: Path) -> Verdict:
    return judge_run(BuiltRun([]).write(tmp_path / "empty"))


def foreign_verdict(tmp_path: Path) -> Verdict:
    run = BuiltRun([*evenly("/api/chat", 900), *failing(f"/onboarding/{QR_TOKEN}", 3), *evenly(HOSTILE, 9)])
    return judge_run(run.write_csv(tmp_path / "foreign"))


def ruined_verdict(tmp_path: Path) -> Verdict:
    directory = BuiltRun(evenly("chat", 900)).write(tmp_path / "ruined")
    for path in directory.iterdir():
        path.write_bytes(b"\x00")
    return judge_run(directory)


VERDICTS = [bad_verdict, rag_verdict, empty_verdict, foreign_verdict, ruined_verdict]
