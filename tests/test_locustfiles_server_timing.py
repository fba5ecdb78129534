"""The Server-Timing header: what the portal tells, read without trusting it."""

from __future__ import annotations

import pytest

from locustfiles._server_timing import parse_server_timing

STEPS = ("auth", "retrieval", "llm", "insert")


def test_the_steps_that_the_contract_names_are_read_in_seconds() -> None:
    header = "auth;dur=1.50, retrieval;dur=20, llm;dur=1600.25, insert;dur=3"
    assert parse_server_timing(header, STEPS) == {
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
    assert parse_server_timing(header, STEPS) == pytest.approx(found)


@pytest.mark.parametrize(
    "header",
    ["", "llm", "llm;dur", "llm;dur=", "llm;dur=-5", "llm;dur=many", ";;;,,,===", "dur=5", '"llm;dur=5'],
)
def test_nonsense_is_no_measurement(header: str) -> None:
    assert parse_server_timing(header, STEPS) == {}


def test_a_header_without_end_is_not_read_to_its_end() -> None:
    assert parse_server_timing("x, " * 100_000 + "llm;dur=5", STEPS) == {}
