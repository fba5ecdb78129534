from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from built_run import BuiltRun, Result, evenly, failing, write_run
from page_reader import Page

from conf.operations import Journey, Operation, Outcome
from conf.stream_figures import Moment
from conf.thresholds import Limits
from reports.charts.canvas import INK, Axis, Box, Plane
from reports.charts.gallery import draw_charts
from reports.charts.spread_charts import draw_percentiles
from reports.charts.stream_charts import draw_stages
from reports.charts.time_charts import (
    build_timeline,
    draw_latency,
    draw_server_steps,
    moment,
    value_axis,
)
from reports.course import OperationCourse, Window
from reports.rendering.html_page import render_html
from reports.rows import MomentRow, StreamRow
from reports.statistics.distribution import Latency
from reports.verdict import judge_run

if TYPE_CHECKING:
    from pathlib import Path

    from reports.charts.canvas import Drawing
    from reports.charts.time_charts import Timeline
    from reports.record import Verdict

USERS = "1763236800,20,,Aggregated,N/A\n"
NAMES = ["nothing", "headers", "events, no text", "text"]
FAR = Limits(pass_below=90_000, fail_above=99_000)
TITLES = [
    "Latency over time",
    "Throughput and failures over time",
    "Users and steps over time",
    "Percentile curve",
    "Distribution",
]


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """Three windows, the middle one with failures, the last one slow."""
    directory = tmp_path_factory.mktemp("charted")
    timeouts = failing("chat", 7, Outcome.TIMEOUT, ms=2500)
    intervals = [evenly("chat", 900), [*evenly("chat", 1000), *timeouts], evenly("chat", 2000)]
    return judge_run(write_run(directory, intervals, users=USERS))


@pytest.fixture(scope="module")
def chat(verdict: Verdict) -> OperationCourse:
    assert verdict.course is not None
    return verdict.course.operations[0]


@pytest.fixture(scope="module")
def timeline(verdict: Verdict) -> Timeline:
    assert verdict.course is not None
    return build_timeline(verdict, verdict.course)


@pytest.fixture(scope="module")
def drawings(verdict: Verdict) -> tuple[Drawing, ...]:
    (gallery,) = draw_charts(verdict)
    assert gallery.subject == "Chat answer"
    return gallery.drawings


def texts(svg: str) -> list[str]:
    return [part.text or "" for part in ET.fromstring(svg).iter("text")]  # noqa: S314 - our own


def test_a_run_of_one_journey_has_five_charts(drawings: tuple[Drawing, ...]) -> None:
    assert [drawing.title for drawing in drawings] == TITLES


def test_a_chart_takes_colours_and_fonts_from_the_page_and_has_nothing_that_could_clash(
    drawings: tuple[Drawing, ...],
) -> None:
    for drawing in drawings:
        painted = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawing.svg))
        assert {colour for colour in painted if not colour.startswith("var(--")} <= {"none"}
        assert not re.search(r' (?:id|class|style|font-family|href)="|url\(|<script', drawing.svg)
        assert ET.fromstring(drawing.svg).get("viewBox", "").startswith("0 0 400 ")  # noqa: S314 - our own


def stages(*moments: Moment) -> StreamRow:
    rows = tuple(
        MomentRow(each, 20, Latency(p50_ms=100.0 * at, p95_ms=200.0 * at))
        for at, each in enumerate(moments, 1)
    )
    return StreamRow(Operation.CHAT, 20, rows, Latency(), 0, 0.0, 20, 0, 30.0, 300.0, 50.0, 0.0, None)


def test_the_stages_of_an_answer_have_a_legend_and_differ_without_colours_too() -> None:
    order = (Moment.HEADERS, Moment.FIRST_EVENT, Moment.FIRST_CONTENT, Moment.DONE)
    drawing = draw_stages(stages(*order))
    assert drawing is not None
    assert [text for text in texts(drawing.svg) if text in NAMES] == NAMES
    looks = re.findall(r'd="M[\d.,]+h[\d.]+v([\d.]+)H[\d.]+Z" fill="([^"]+)"', drawing.svg)
    of_legend, p50, p95 = looks[:4], looks[4:8], looks[8:]
    assert of_legend == p50 == p95
    assert len({height for height, _ in of_legend}) == len({colour for _, colour in of_legend}) == 4
    assert draw_stages(stages(*order[1:])) is None


def test_each_window_has_its_values_where_a_pointer_rests(drawings: tuple[Drawing, ...]) -> None:
    latency, throughput, *_ = (re.findall(r"<title>(.*?)</title>", drawing.svg) for drawing in drawings)
    assert [text.replace("\u00a0", " ") for text in latency] == [
        "0 s to 5 s: p50 450 ms, p95 855 ms, p99 891 ms, of 100 answers",
        "5 s to 10 s: p50 540 ms, p95 ≥ 2,500 ms, p99 ≥ 2,500 ms, of 100 answers",
        "10 s to 15 s: p50 1,000 ms, p95 1,901 ms, p99 1,980 ms, of 100 answers",
    ]
    assert throughput[1] == "5 s to 10 s: 100 succeeded, 7 timeout"


def test_a_caption_says_what_is_seen(drawings: tuple[Drawing, ...]) -> None:
    vain = "7 were waited for in vain, and count with that time."
    half = "Half within 594 ms; 95 of 100 within 1,840 ms; "
    assert [drawing.caption.replace("\u00a0", " ") for drawing in drawings] == [
        "p95 between 855 ms and ≥ 2,500 ms; the slowest 5 s began at 5 s.",
        "20.0 successes per second; 7 failed.",
        "Up to 20 at once.",
        f"{half}99 of 100 within ≥ 2,500 ms. {vain} Short lines: where PASS ends.",
        drawings[-1].caption.replace("\u00a0", " "),
    ]
    assert drawings[-1].caption.startswith("300 answers; the most frequent are ")
    assert "7 more requests were waited for in vain." in drawings[-1].caption


def test_lines_have_their_names_at_their_ends_and_failures_in_front_of_their_row(
    drawings: tuple[Drawing, ...],
) -> None:
    assert {"p50", "p95", "p99", "ms"} <= set(texts(drawings[0].svg))
    assert {"timeout: 7", "per second"} <= set(texts(drawings[1].svg))
    assert {"p50", "p95", "results"} <= set(texts(drawings[4].svg))


def test_a_limit_is_drawn_where_it_is_near_and_not_where_all_else_would_be_flat(
    chat: OperationCourse, timeline: Timeline
) -> None:
    near = draw_latency(chat, timeline, Limits(pass_below=3000, fail_above=2500 * 2))
    far = draw_latency(chat, timeline, FAR)
    assert near is not None
    assert far is not None
    assert "p95 passes below 3,000 ms" in texts(near.svg)
    assert not [text for text in texts(far.svg) if text.startswith("p95 ")]
    curves = [draw_percentiles(chat, [], {"p95_ms": limits}) for limits in (Limits(pass_below=3000), FAR)]
    assert [any("p95 <" in text for text in texts(curve.svg)) for curve in curves if curve] == [True, False]


def test_marks_stand_where_their_values_lie_on_the_axes() -> None:
    plane = Plane(
        Axis(1, 100, ((1, "1"), (100, "100")), "ms", "log"), Axis(-50, 50, ((0, "0"),), "per second"), 100
    )
    assert '"M0,100L159,50L318,0"' in plane.line([(1, -50), (10, 0), (100, 50)], INK)
    assert '"M159,25h159v25H159Z"' in plane.boxes([Box(10, 100, 0, 25)], INK)
    assert ("M0,100" in plane.post(1, INK), "L0,0" in plane.post(1, INK)) == (True, True)


def test_whatever_a_text_holds_it_stays_a_text(chat: OperationCourse, timeline: Timeline) -> None:
    named = replace(
        chat, server_steps=("<b>&",), windows=tuple(replace(w, steps_ms=(5.0,)) for w in chat.windows)
    )
    drawing = draw_server_steps(named, timeline)
    assert drawing is not None
    assert "<b>&" in texts(drawing.svg)


def test_where_nothing_succeeded_there_are_failures_to_see_and_no_latency(tmp_path: Path) -> None:
    (gallery,) = draw_charts(judge_run(BuiltRun(failing("chat", 60)).write(tmp_path)))
    (throughput,) = gallery.drawings
    assert "nothing" not in throughput.caption
    assert "status: 60" in texts(throughput.svg)


def test_a_window_without_successes_breaks_the_lines(chat: OperationCourse, timeline: Timeline) -> None:
    broken = replace(
        chat, windows=(chat.windows[0], Window(5, 5, 0, (3,), None, None, None, (), ()), chat.windows[2])
    )
    drawn = [draw_latency(row, timeline, None) for row in (chat, broken)]
    starts = [
        sorted(path.count("M") for path in re.findall(r'<path d="(M[^"Z]*)"', drawing.svg))
        for drawing in drawn
        if drawing
    ]
    assert starts[0][-1] == 1
    assert starts[1][-3:] == [2, 2, 2]


@pytest.mark.parametrize("count", [1, 2])
def test_very_few_results_are_drawn_too(tmp_path: Path, count: int) -> None:
    (gallery,) = draw_charts(judge_run(BuiltRun([Result("chat", 700)] * count).write(tmp_path)))
    assert "Distribution" in [drawing.title for drawing in gallery.drawings]


def test_journeys_have_charts_of_their_own_and_the_users_once(tmp_path: Path) -> None:
    names = ("chat", "onboarding_page", "onboarding_resolve", "onboarding_flow", "rag_query", "rag_search")
    results = [result for name in names for result in evenly(name, 900, 40)]
    directory = BuiltRun(results, journeys=tuple(Journey)).write(tmp_path)
    (directory / "locust_stats_history.csv").write_text(
        "Timestamp,User Count,Type,Name\n1763236800,20,,Aggregated\n"
    )
    galleries = draw_charts(judge_run(directory))
    assert [gallery.subject for gallery in galleries] == [
        "Vector search: as the portal sees it",
        "Chat answer",
        "Onboarding: whole flow",
    ]
    titles = [drawing.title for gallery in galleries for drawing in gallery.drawings]
    assert titles == [
        *TITLES,
        *(title for title in TITLES if "Users" not in title),
        *(title for title in TITLES if "Users" not in title),
    ]
    curve = galleries[2].drawings[2]
    assert {"page", "resolve", "flow"} <= set(texts(curve.svg))


def test_steps_carry_their_users_and_warm_ups_are_shaded(tmp_path: Path) -> None:
    warm_up = [Result("chat", 900, step=-1)] * 5
    results = [*warm_up, *evenly("chat", 900, 40), *evenly("chat", 900, 40, step=1)]
    directory = BuiltRun(results, step_users=(5, 25)).write(tmp_path)
    manifest = (directory / "manifest.json").read_text()
    later = manifest.replace('"started_at": "2025-11-15T20:00:10', '"started_at": "2025-11-15T20:00:14')
    (directory / "manifest.json").write_text(later)
    (directory / "locust_stats_history.csv").write_text(
        "Timestamp,User Count,Type,Name\n1763236800,20,,Aggregated\n"
    )
    verdict = judge_run(directory)
    assert verdict.course is not None
    assert build_timeline(verdict, verdict.course).warm_ups == ((10.0, 14.0),)
    users = draw_charts(verdict)[0].drawings[2]
    assert {"5", "25"} <= set(texts(users.svg))
    assert users.caption == "Up to 20 at once, in 2 steps; shaded: warm-up, in no figure."


def test_a_report_without_a_course_has_no_charts_and_one_with_it_has_captions(
    verdict: Verdict, tmp_path: Path
) -> None:
    theirs = judge_run(BuiltRun(evenly("/api/chat", 900)).write_csv(tmp_path))
    assert "What it looked like" not in render_html(theirs)
    page = Page(render_html(verdict))
    assert "figure" in page.tags
    assert all(title in page.text for title in TITLES)


@pytest.mark.parametrize(
    ("largest", "labels"),
    [
        (2480, ["0", "1,000", "2,000", "3,000"]),
        (0.5, ["0.0", "0.2", "0.4", "0.6"]),
        (1, ["0.0", "0.5", "1.0"]),
        (80, ["0", "20", "40", "60", "80"]),
    ],
)
def test_an_axis_ends_with_a_round_number_that_is_not_below_the_largest(
    largest: float, labels: list[str]
) -> None:
    axis = value_axis(largest, "ms")
    assert [label for _, label in axis.ticks] == labels
    assert axis.high >= largest


@pytest.mark.parametrize(
    ("at_s", "text"),
    [(35, "35 s"), (119.4, "119 s"), (155, "2:35 min"), (7199, "119:59 min"), (7260, "2:01 h")],
)
def test_a_moment_is_written_as_people_say_it(at_s: float, text: str) -> None:
    assert moment(at_s) == text
