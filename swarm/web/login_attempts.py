"""Wrong passwords: how many an address, and all addresses together, may try."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_ADDRESSES = 10_000
_MOST_PROVEN = 1_000
_IPV6_NETWORK = 64
"""Bits of an IPv6 address that its owner does not choose."""


class _Pace(NamedTuple):
    at_once: int
    every_s: float
    """After that, one in so many seconds."""


_OF_ONE = _Pace(5, 3.0)
_OF_ALL = _Pace(50, 1.0)


class LoginAttempts:
    """
    Says how long an address has to wait before its next attempt to log in is looked at.

    A right password costs nothing, and frees its address from the limit on all together: a flood from elsewhere does not
    keep those out who have been in. The generic cell rate algorithm (ITU-T I.371) needs one moment per address.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._of_all_s = float("-inf")
        self._of_one_s: OrderedDict[str, float] = OrderedDict()
        """Address → when all its wrong attempts will be forgotten; the latest last."""
        self._proven: OrderedDict[str, None] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long *address* has to wait; 0 where it may try now."""
        address, now_s = _owner_of(address), self._clock()
        waits = [_wait_s(_OF_ONE, self._of_one_s.get(address, now_s), now_s)]
        if address not in self._proven:
            waits.append(_wait_s(_OF_ALL, self._of_all_s, now_s))
        return max(waits)

    def note_wrong(self, address: str) -> None:
        """A wrong password came from *address*."""
        address, now_s = _owner_of(address), self._clock()
        self._of_all_s = max(self._of_all_s, now_s) + _OF_ALL.every_s
        self._of_one_s[address] = max(self._of_one_s.pop(address, now_s), now_s) + _OF_ONE.every_s
        if len(self._of_one_s) > _MOST_ADDRESSES:
            self._of_one_s.popitem(last=False)

    def note_right(self, address: str) -> None:
        """The right password came from *address*."""
        address = _owner_of(address)
        self._proven[address] = None
        self._proven.move_to_end(address)
        if len(self._proven) > _MOST_PROVEN:
            self._proven.popitem(last=False)


def _wait_s(pace: _Pace, forgotten_s: float, now_s: float) -> float:
    return max(forgotten_s - now_s - (pace.at_once - 1) * pace.every_s, 0.0)


def _owner_of(address: str) -> str:
    """The address itself; of IPv6 its network, since its owner has all of that."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((parsed, _IPV6_NETWORK), strict=False))
