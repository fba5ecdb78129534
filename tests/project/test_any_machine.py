"""The tests run on any machine: what is missing is named at the end, and what a shell ignores is not ignored here."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import getproxies

import pytest
from patience import TIMEOUT_S

TESTS = Path(__file__).parents[1]
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


def run_tests(*arguments: str, ignored: tuple[signal.Signals, ...] = (), **environ: str) -> tuple[int, str]:
    """A run of pytest's own, in a process that begins with these signals ignored, as in the background of a script."""
    ignore = "".join(f"signal.signal({number:d}, signal.SIG_IGN);" for number in ignored)
    code = f"import os, signal, sys; {ignore} os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=TESTS.parent, env=os.environ | environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize("number", IGNORED, ids=lambda number: number.name)
def test_what_the_tests_start_ends_by_a_signal(number: signal.Signals) -> None:
    code = f"import signal; print('ready', flush=True); signal.sigtimedwait([], {TIMEOUT_S})"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == -number


def test_no_proxy_stands_between_the_tests_and_the_loopback() -> None:
    assert getproxies() == {}


def test_so_it_is_where_a_shell_started_the_tests_with_signals_ignored_and_behind_a_proxy() -> None:
    chosen = ("-n", "1", "-k", "ends_by_a_signal or no_proxy")
    proxies = dict.fromkeys(("HTTP_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    code, output = run_tests(__file__, *chosen, ignored=IGNORED, **proxies)
    assert code == 0, output
    assert "4 passed" in output


BARE = {"PATH": "/nowhere", "PLAYWRIGHT_BROWSERS_PATH": "/nowhere"}
IN_NEED = ("tests/reports/test_report_browser.py", "tests/conf/test_prometheus_live.py")


def test_the_end_of_a_test_run_says_in_a_line_what_to_install_for_the_tests_that_were_skipped() -> None:
    code, output = run_tests(*IN_NEED, **BARE)
    assert code == 0, output
    (line,) = re.findall(r"^Skipped: .*", output, re.MULTILINE)
    found = re.fullmatch(
        r"Skipped: (\d+) tests\. To run them: "
        r"apt-get install chromium \((\d+)\), apt-get install prometheus \((\d+)\)",
        line,
    )
    assert found, line
    every, *kinds = map(int, found.groups())
    assert every == sum(kinds) > 5
    assert f"{every} skipped" in output.splitlines()[-1]


def test_where_nothing_may_be_skipped_the_same_tests_fail_and_say_what_is_missing() -> None:
    code, output = run_tests(*IN_NEED, "--skip-nothing", **BARE)
    assert code == 1, output
    assert not re.search(r"^Skipped: \d", output, re.MULTILINE)
    assert "chromium is missing; to run it: apt-get install chromium" in output
    assert re.fullmatch(r"\d+ errors in .*", output.splitlines()[-1])


def test_a_run_of_all_tests_skips_nothing_and_both_show_the_ten_slowest() -> None:
    plans = [
        subprocess.run(
            ["make", "-n", target], cwd=TESTS.parent, capture_output=True, text=True, check=True
        ).stdout
        for target in ("test", "test-all")
    ]
    assert ["--skip-nothing" in plan for plan in plans] == [False, True]
    assert all("--durations=10 " in plan for plan in plans)


def test_a_test_that_cannot_run_says_so_in_one_way() -> None:
    other_ways = re.compile(r"skipif\(|pytest\.skip\(|importorskip\(|xfail\(")
    others = [path for path in TESTS.rglob("*.py") if path.name not in {"needs.py", Path(__file__).name}]
    assert [
        f"{path.name}: {found[0]}" for path in others if (found := other_ways.search(path.read_text()))
    ] == []
