"""The Server-Timing header: what the portal tells, read without trusting it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.generator.server_timing import parse_server_timing

STEPS = ("auth", "retrieval", "llm", "insert")


def test_the_steps_that_the_contract_names_are_read_in_seconds() -> None:
    header = "auth;dur=1.50, retrieval;dur=20, llm;dur=1600.25, insert;dur=3"
    assert parse_server_timing(header, STEPS, 60.0) == {
        "auth": 0.0015,
        "retrieval": 0.02,
        "llm": 1.60025,
        "insert": 0.003,
    }


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('llm;desc="a, b; dur=9";dur=5', {"llm": 0.005}),
        ("llm;dur=5;desc=gpt", {"llm": 0.005}),
        ('llm ; dur = "5"', {"llm": 0.005}),
        ("llm;DUR=5", {"llm": 0.005}),
        ("llm;dur=5,llm;dur=6", {"llm": 0.011}),
        ("cache, llm;dur=5", {"llm": 0.005}),
        ("total;dur=9, llm;dur=5", {"llm": 0.005}),
    ],
)
def test_every_form_of_the_standard_is_understood(header: str, found: dict[str, float]) -> None:
    assert parse_server_timing(header, STEPS, 60.0) == pytest.approx(found)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "llm",
        "llm;dur",
        "llm;dur=",
        "llm;dur=-5",
        "llm;dur=many",
        ";;;,,,===",
        "dur=5",
        '"llm;dur=5',
        "llm;dur=nan",
        "llm;dur=Infinity",
        "llm;dur=1e300",
        "llm;dur=" + "9" * 400,
        "llm;dur=60001",
        "llm;dur=40000, llm;dur=40000",
        "llm;dur=5_0",
        "llm;dur=\u0665",
        "llm;dur=0x5",
        "llm\0;dur=5",
    ],
)
def test_nonsense_is_no_measurement(header: str) -> None:
    assert parse_server_timing(header, STEPS, 60.0) == {}


def test_a_header_without_end_is_not_read_to_its_end() -> None:
    assert parse_server_timing("x, " * 100_000 + "llm;dur=5", STEPS, 60.0) == {}


@pytest.mark.parametrize(
    "odd", ["llm;dur=nan", "llm;dur=" + "9" * 400, "llm;dur=60001", "llm;dur=-1", "llm", ";;", "\xff", ""]
)
def test_nonsense_costs_no_other_figure(odd: str) -> None:
    for header in (f"auth;dur=1, {odd}", f"{odd}, auth;dur=1", f"{odd}, auth;dur=1, {odd}"):
        assert parse_server_timing(header, STEPS, 60.0) == {"auth": 0.001}


@given(st.text(st.sampled_from('llm;=,"\\ dur5.auth\t\xff'), max_size=200) | st.text(max_size=200))
def test_whatever_is_said_each_figure_is_one_that_can_be(header: str) -> None:
    for step, took_s in parse_server_timing(header, STEPS, 60.0).items():
        assert step in STEPS
        assert 0 <= took_s <= 60


@pytest.mark.parametrize(
    "part", [";", ";a", ";a=", ';a="', ';a="\\', "; ", ";\t a", ",", "a;b=c", '"', ";a=b "]
)
def test_no_header_takes_long_to_read(part: str) -> None:
    """Ends at all: a pattern that goes back and forth would take years."""
    for end in ("", '"', ",", "\0"):
        parse_server_timing("llm" + part * 2_000 + end, STEPS, 60.0)
