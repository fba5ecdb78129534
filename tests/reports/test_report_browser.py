"""The report in a real browser: opened from its file, without network, on a desk, a telephone and paper."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from built_run import STARTED, evenly, failing, write_run

from conf.operations import Outcome
from reports.report_files import write_reports
from reports.state import State
from reports.verdict import judge_run
from reports.wording import figures

if TYPE_CHECKING:
    from pathlib import Path

    from one_browser import Browse

    from reports.record import Verdict

INKS = (
    "body",
    "#charts svg text",
    '#charts path[fill="var(--accent-light)"]',
    '#charts path[stroke="var(--accent)"]',
)

pytest_plugins = ["one_browser"]
pytestmark = pytest.mark.requires("chromium")


def colours(browse: Browse, report: Path, *options: str) -> dict[str, dict[str, str]]:
    chosen = [word for css in INKS for word in ("--colour", css)]
    found: dict[str, dict[str, str]] = browse(report.as_uri(), *chosen, *options)["colours"]
    return found


def write_report(directory: Path, state: State) -> tuple[Verdict, Path]:
    start = int(STARTED.timestamp())
    users = "".join(f"{start + at},{20 if at else 0},,Aggregated,N/A\n" for at in range(15))
    slow = 900 if state is State.PASS else 9000
    failed = failing("chat", 9, Outcome.TIMEOUT) if state is State.FAIL else []
    intervals = [evenly("chat", 900, 400), [*evenly("chat", slow, 400), *failed], evenly("chat", 900, 400)]
    verdict = judge_run(write_run(directory, intervals, users=users))
    assert verdict.state is state
    return verdict, write_reports(verdict, directory)


@pytest.fixture(scope="module", params=[State.PASS, State.FAIL], ids=lambda state: state.word)
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdict, Path]:
    return write_report(tmp_path_factory.mktemp("browsed"), request.param)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("seen"), State.FAIL)[1]


def test_a_report_opens_from_its_file_says_what_the_verdict_says_and_asks_nobody(
    judged: tuple[Verdict, Path], browse: Browse
) -> None:
    verdict, report = judged
    seen = browse(
        report.as_uri(), "--read", "h1", "--read", "#criteria .num b", "--read", "#charts figcaption"
    )
    assert seen["requests"] == [report.as_uri()]
    assert seen["console"] == []
    document = json.loads((report.parent / "verdict.json").read_text())
    assert seen["texts"]["h1"] == [document["state"]]
    assert document["headline"] in seen["text"]
    assert seen["texts"]["#criteria .num b"] == [
        figures.finding_value(finding) for finding in verdict.findings
    ]
    assert len(document["findings"]) == len(verdict.findings)
    assert len(seen["texts"]["#charts figcaption"]) == 5
    assert report.stat().st_size < 2_000_000


def test_a_request_and_an_error_would_be_seen(tmp_path: Path, browse: Browse) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<img src='other.png'><script>undefined_function()</script>")
    seen = browse(page.as_uri())
    assert seen["requests"] == [page.as_uri(), (tmp_path / "other.png").as_uri()]
    assert {message["type"] for message in seen["console"]} == {"error"}
    assert any("undefined_function" in message["text"] for message in seen["console"])


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_a_report_is_never_wider_than_the_screen(report: Path, width: int, browse: Browse) -> None:
    seen = browse(report.as_uri(), "--width", str(width))
    assert seen["scroll_width"] == seen["client_width"] == width


def test_a_telephone_shows_the_whole_width_and_speaks_of_no_pointer(report: Path, browse: Browse) -> None:
    seen = browse(report.as_uri(), "--width", "390", "--height", "844", "--touch", "--colour", ".pointer")
    assert seen["scroll_width"] == seen["client_width"] == 390
    assert seen["colours"][".pointer"]["display"] == "none"


def test_charts_follow_the_page_from_light_to_dark_and_onto_paper(report: Path, browse: Browse) -> None:
    light, dark = colours(browse, report), colours(browse, report, "--dark")
    printed = colours(browse, report, "--dark", "--print")
    body, text, area, line = INKS
    assert light[body]["background"] != dark[body]["background"]
    for css, painted in ((text, "fill"), (area, "fill"), (line, "stroke")):
        assert light[css][painted].startswith("rgb(")
        assert light[css][painted] != dark[css][painted]
    assert printed[body]["background"] == "rgb(255, 255, 255)"
    assert printed[line]["stroke"] == light[line]["stroke"]


def test_a_report_can_be_printed(report: Path, tmp_path: Path, browse: Browse) -> None:
    paper = tmp_path / "report.pdf"
    seen = browse(
        report.as_uri(), "--print", "--pdf", str(paper), "--colour", ".pointer", "--colour", "#charts figure"
    )
    assert seen["colours"][".pointer"]["display"] == "none"
    assert seen["colours"]["#charts figure"]["display"] != "none"
    assert paper.read_bytes().startswith(b"%PDF")
    assert paper.stat().st_size > 20_000


def test_actions_are_done_in_their_order(tmp_path: Path, browse: Browse) -> None:
    page = tmp_path / "form.html"
    page.write_text(
        "<input id=name><button onclick=\"out.textContent = document.getElementById('name').value\">"
        "Go</button><p id=out></p>"
    )
    seen = browse(page.as_uri(), "--do", "fill #name Ada Lovelace", "--do", "click button", "--read", "#out")
    assert seen["texts"]["#out"] == ["Ada Lovelace"]
