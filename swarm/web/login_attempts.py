"""Limits wrong passwords, of each address and of all addresses together."""

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
"""Leading bits of an IPv6 address that its owner does not choose."""


class _Pace(NamedTuple):
    at_once: int
    every_s: float
    """Seconds between further attempts."""


_OF_ONE = _Pace(5, 3.0)
_OF_ALL = _Pace(50, 1.0)


class LoginAttempts:
    """
    Computes how long an address must wait before its next attempt to log in is checked.

    A right password costs nothing, and frees its address from the common limit: a flood from elsewhere does not keep
    out users who have logged in before. The generic cell rate algorithm (ITU-T I.371) stores one moment per address.

    Args:
        clock: Monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._of_all_s = float("-inf")
        self._of_one_s: OrderedDict[str, float] = OrderedDict()
        """Address → when all its wrong attempts are forgotten; the latest moment is last."""
        self._proven: OrderedDict[str, None] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long *address* must wait; 0 where it may try now."""
        address, now_s = _owner_of(address), self._clock()
        waits = [_wait_s(_OF_ONE, self._of_one_s.get(address, now_s), now_s)]
        if address not in self._proven:
            waits.append(_wait_s(_OF_ALL, self._of_all_s, now_s))
        return max(waits)

    def note_wrong(self, address: str) -> None:
        """Note a wrong password from *address*."""
        address, now_s = _owner_of(address), self._clock()
        self._of_all_s = max(self._of_all_s, now_s) + _OF_ALL.every_s
        self._of_one_s[address] = max(self._of_one_s.pop(address, now_s), now_s) + _OF_ONE.every_s
        if len(self._of_one_s) > _MOST_ADDRESSES:
            self._of_one_s.popitem(last=False)

    def note_right(self, address: str) -> None:
        """Note the right password from *address*."""
        address = _owner_of(address)
        self._proven[address] = None
        self._proven.move_to_end(address)
        if len(self._proven) > _MOST_PROVEN:
            self._proven.popitem(last=False)


def _wait_s(pace: _Pace, forgotten_s: float, now_s: float) -> float:
    return max(forgotten_s - now_s - (pace.at_once - 1) * pace.every_s, 0.0)


def _owner_of(address: str) -> str:
    """The address itself; for IPv6 its network, since one owner has the whole network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((parsed, _IPV6_NETWORK), strict=False))
