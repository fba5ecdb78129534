"""The web UI in a real browser: the form, the tabs, and that they ask nobody but Locust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pytest
from patience import await_true
from web_ui import WebUI, web_ui

from reports.verdict import judge_run
from reports.wording import figures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from one_browser import Browse

    from loadtest.embedded import Stack

FRAME = ("--frame", "iframe")
VERDICT, MONITORING = (f'click [role=tab]:has-text("{title}")' for title in ("Verdict", "Monitoring"))

pytest_plugins = ["one_browser"]
pytestmark = pytest.mark.requires("chromium")


@pytest.fixture(scope="module")
def ui(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUI]:
    with web_ui(stack, tmp_path_factory.mktemp("browsed")) as running:
        yield running


class Act(Protocol):
    def __call__(
        self, ui: WebUI, *actions: str, read: tuple[str, ...] = (), options: tuple[str, ...] = ()
    ) -> Any: ...


@pytest.fixture
def act(browse: Browse) -> Act:
    """Do this in the browser; nothing may go wrong there, and nothing be asked for elsewhere."""

    def act(ui: WebUI, *actions: str, read: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Any:
        words = [word for action in actions for word in ("--do", action)]
        words += [word for css in read for word in ("--read", css)]
        seen = browse(f"{ui.url}/", *words, *options)
        assert seen["console"] == []
        assert {urlsplit(url).netloc for url in seen["requests"]} == {urlsplit(ui.url).netloc}
        return seen

    return act


def test_journey_and_profile_are_chosen_in_the_form_and_users_edited_while_the_run_goes_on(
    ui: WebUI, act: Act
) -> None:
    act(
        ui,
        "select [name=journey] chat",
        "fill [name=profile] smoke",
        "fill [name=runTime] 60s",
        'click button:has-text("Start")',
        "wait td:has-text('chat')",
        'click button:has-text("Edit")',
        "fill [name=userCount] 4",
        "click button[type=submit]",
        "click [role=tab]:has-text('Charts')",  # which the form would hide
    )
    await_true(lambda: ui.get("/stats/requests").json()["user_count"] == 4)
    ui.stop()
    (directory,) = ui.runs.iterdir()
    run = ui.await_end(directory)
    assert (run.manifest["journeys"], run.manifest["profile"]) == (["chat"], "smoke")
    assert run.problems == set()


def test_the_verdict_changes_while_the_run_goes_on_and_ends_with_the_figures_of_the_report(
    ui: WebUI, act: Act
) -> None:
    directory = ui.start(journey="chat", profile="smoke", user_count=5, spawn_rate=5, run_time="60s")
    under_way = act(ui, VERDICT, "await #criteria", "change .facts", read=("h1", ".over"), options=FRAME)
    assert under_way["texts"][".over"] == ["Load test, so far: Chat"]
    ui.stop()
    ended = ui.await_end(directory)
    seen = act(
        ui,
        VERDICT,
        "await a:has-text('The report')",
        read=("h1", "#criteria .num b", ".headline", "#health tbody th"),
        options=FRAME,
    )["texts"]
    verdict = judge_run(directory)
    assert seen["h1"] == [ended.verdict["state"]]
    assert seen["#criteria .num b"] == [figures.finding_value(finding) for finding in verdict.findings]
    assert len(verdict.findings) == len(ended.verdict["findings"])
    assert ended.verdict["headline"] in seen[".headline"][0]
    assert seen["#health tbody th"] == ["local"]


def test_the_monitoring_page_is_a_tab_too_and_a_link_before_the_first_run(
    ui: WebUI, stack: Stack, tmp_path: Path, act: Act
) -> None:
    ui.run(journey="chat", profile="smoke")
    seen = act(ui, MONITORING, "await #chats", read=("#chats", "h2"), options=FRAME)
    assert int(seen["texts"]["#chats"][0].replace(",", "")) >= 30
    assert seen["texts"]["h2"] == ["By the time of day", "The latest errors"]
    with web_ui(stack, tmp_path) as fresh:
        first = act(fresh, "click #suite-links a:has-text('Monitoring')", "wait #chats", read=("h2",))
        assert first["texts"]["h2"] == seen["texts"]["h2"]
