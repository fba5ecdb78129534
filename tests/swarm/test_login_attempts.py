"""Wrong passwords slow down those who try them, one address and all together, and keep nobody out for ever."""

from __future__ import annotations

import pytest

from swarm.web.login_attempts import _MOST_ADDRESSES, _MOST_PROVEN, LoginAttempts


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> LoginAttempts:
    return LoginAttempts(clock)


def guesses_within(seconds: float, attempts: LoginAttempts, clock: Clock, *addresses: str) -> int:
    """How many wrong passwords are looked at, of addresses that try ten times a second each."""
    looked_at, end_s = 0, clock.now_s + seconds
    while clock.now_s < end_s:
        for address in addresses:
            if not attempts.wait_s(address):
                attempts.note_wrong(address)
                looked_at += 1
        clock.now_s += 0.1
    return looked_at


def test_an_address_has_five_attempts_and_then_one_every_three_seconds(
    attempts: LoginAttempts, clock: Clock
) -> None:
    for _ in range(5):
        assert attempts.wait_s("10.0.0.1") == 0
        attempts.note_wrong("10.0.0.1")
    assert attempts.wait_s("10.0.0.1") == pytest.approx(3)
    assert attempts.wait_s("10.0.0.2") == 0
    assert guesses_within(60, attempts, clock, "10.0.0.1") == pytest.approx(20, abs=1)
    clock.now_s += 15
    assert attempts.wait_s("10.0.0.1") == 0


def test_all_addresses_together_have_fifty_and_then_one_a_second(
    attempts: LoginAttempts, clock: Clock
) -> None:
    flood = [f"10.0.{high}.{low}" for high in range(4) for low in range(250)]
    assert guesses_within(60, attempts, clock, *flood) == pytest.approx(50 + 60, abs=2)


def test_a_flood_from_elsewhere_does_not_keep_out_an_address_that_has_been_in(
    attempts: LoginAttempts,
) -> None:
    attempts.note_right("10.9.9.9")
    for low in range(60):
        attempts.note_wrong(f"10.0.0.{low}")
    assert attempts.wait_s("10.8.8.8") > 0
    assert attempts.wait_s("10.9.9.9") == 0
    for _ in range(5):
        attempts.note_wrong("10.9.9.9")
    assert attempts.wait_s("10.9.9.9") > 0  # its own limit holds for it too


def test_an_attempt_that_is_not_looked_at_makes_no_wait_longer(attempts: LoginAttempts, clock: Clock) -> None:
    for _ in range(5):
        attempts.note_wrong("10.0.0.1")
    waits = [attempts.wait_s("10.0.0.1") for _ in range(1000)]
    assert waits == [waits[0]] * 1000
    clock.now_s += waits[0]
    assert attempts.wait_s("10.0.0.1") == 0


@pytest.mark.parametrize("others", [
    ["2001:db8::2", "2001:db8:0:0:ffff::1"], ["::ffff:10.0.0.1", "10.0.0.1"], ["fe80::1%eth0", "fe80::2%eth1"],
])  # fmt: skip
def test_the_addresses_that_one_owner_has_are_one(attempts: LoginAttempts, others: list[str]) -> None:
    for _ in range(5):
        attempts.note_wrong(others[0])
    assert attempts.wait_s(others[1]) > 0


def test_however_many_addresses_try_few_are_kept(attempts: LoginAttempts, clock: Clock) -> None:
    for number in range(3 * _MOST_ADDRESSES):
        attempts.note_wrong(str(number))
        attempts.note_right(str(number))
    clock.now_s += 1
    assert len(attempts._of_one_s) == _MOST_ADDRESSES
    assert len(attempts._proven) == _MOST_PROVEN
