"""How far the clocks differ is read from the Date of answers, whatever stands there."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from monitoring.probing.portal_clock import PortalClock, clock_ahead_s

NOW_S = 1_763_236_800.0


def test_the_answer_that_took_least_says_how_far_the_clocks_differ() -> None:
    clock = PortalClock(lambda: NOW_S)
    assert clock.ahead_s is None
    for behind_s in (47, 41, 60):
        clock.look({"Date": formatdate(NOW_S - behind_s, usegmt=True)})
    assert clock.ahead_s == 41


def test_a_portal_whose_clock_is_ahead_is_a_negative_difference() -> None:
    assert clock_ahead_s(formatdate(NOW_S + 90_000, usegmt=True), NOW_S) == -90_000


@pytest.mark.parametrize(
    "date",
    [None, "", "now", "\0", "Sat, 99 Foo 2025", "Sat, 15 Nov 99999 20:00:00 GMT", "1" * 5000, "Sat, 15 Nov 2025 20:00:00 +9999999999",
     ", , , ,", "²"],
)  # fmt: skip
def test_a_date_that_is_none_says_nothing(date: str | None) -> None:
    assert clock_ahead_s(date, NOW_S) is None
