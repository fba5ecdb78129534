"""The fixture: what the load knows about each house. One JSON line per house, in a file that only its owner can read."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from conf.errors import LoadTestError
from conf.input_file import open_file, shortened
from seed.private_file import replacing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

_BLOCK_BYTES = 1 << 22
"""
Size of one read. Where a thread reads the fixture while an event loop runs, each small read releases Python's lock
for too short a time: the loop does not get it, and stood still for a tenth of a second.
"""
_NEXT_STEP = "Write the fixture anew: loadtest seed; or loadtest houses, where the portal has its own"
_SPOKEN = {"qr_token": "QR token", "jwt": "JWT"}
_MAKES = {"qr_token": "Make them: loadtest seed && loadtest qrs", "jwt": "Sign them: loadtest token"}
_READ = "Read them from the portal's database: loadtest houses; or seed one of your own: loadtest seed"
FIXTURE_MARK = re.compile(rb'"qr_token": ')
"""Found in each fixture, also in a damaged one."""


@dataclass(frozen=True, slots=True)
class House:
    """
    A house and its credentials.

    Field names are the placeholders of the contracts in ``conf/contracts/``; ids are UUIDs as text.
    """

    house_id: str
    tenant_id: str
    tenant_slug: str
    development_id: str
    house_type: str | None
    house_number: int
    lot: str
    qr_token: str = field(repr=False)
    jwt: str = field(repr=False)
    own: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """Fields that the portal's contract names beyond these; its placeholders too."""

    def value(self, name: str) -> str:
        """What fills the placeholder *name*; empty where the house has nothing for it."""
        return str((getattr(self, name) if name in _KINDS else self.own.get(name)) or "")


pack_house = attrgetter(*(spec.name for spec in fields(House)))
"""The values of a house, in the order of its fields, to be sent to another process."""


def unpack_house(values: Iterable[Any]) -> House:
    """The house that `pack_house` packed."""
    return House(*values)


def write_fixture(path: Path, houses: Iterable[House]) -> int:
    """
    Replace the fixture in one step, with mode 0600; a failure half-way leaves the old fixture.

    Returns:
        The number of houses written.

    Raises:
        LoadTestError: The file cannot be written.
    """
    count = 0
    with replacing(path) as file:
        for count, house in enumerate(houses, start=1):  # noqa: B007 - the count is returned
            values = {name: value for name, value in asdict(house).items() if name != "own" or value}
            file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
    return count


def load_fixture(path: Path) -> list[House]:
    """
    Read every house, in the file's order.

    Raises:
        LoadTestError: The file is missing or unreadable, holds no house, or has a line that is not a house.
    """
    try:
        with open_file(path, _BLOCK_BYTES) as file:
            houses = [
                _parse_house(line, f"{path}:{number}") for number, line in enumerate(file, 1) if line.strip()
            ]
    except FileNotFoundError:
        raise LoadTestError(
            f"{path}: the fixture does not exist",
            "Make it: loadtest seed; or loadtest houses, where the portal has its own",
        ) from None
    except OSError as error:
        raise LoadTestError(
            f"{path}: the fixture cannot be read: {error.strerror}",
            "It belongs to the user who ran `loadtest seed`; run as that user, or seed again",
        ) from error
    if not houses:
        raise LoadTestError(f"{path}: the fixture holds no houses", _NEXT_STEP)
    return houses


def require_fields(
    houses: Sequence[House], needed: Mapping[str, str], path: Path, signed: Collection[str] = ()
) -> None:
    """
    Check that every house has what the contract's requests are filled with.

    Args:
        houses: Of the fixture.
        needed: Field, and the request that names it.
        path: The fixture's.
        signed: Fields that hold tokens which `loadtest houses` signs.

    Raises:
        LoadTestError: A house lacks one of them.
    """
    for name, request in needed.items():
        if without := [house.lot for house in houses if not house.value(name).strip()]:
            raise LoadTestError(
                f"{path}: {len(without)} houses have no {_SPOKEN.get(name, name)} ({without[0]} first), "
                f"which the contract needs for {request}",
                "Sign them: loadtest houses" if name in signed else _MAKES.get(name, _READ),
            )


def find_house(houses: Sequence[House], lot: str) -> House:
    """
    The house with this lot, such as ``LV-001``.

    Raises:
        LoadTestError: There is none.
    """
    found = next((house for house in houses if house.lot == lot), None)
    if found is None:
        raise LoadTestError(
            f"fixture: no house has lot {lot!r}", f"Lots go from {houses[0].lot} to {houses[-1].lot}"
        )
    return found


def _parse_house(line: bytes, place: str) -> House:
    try:
        values: Any = json.loads(line)
    except (ValueError, RecursionError):
        # A chained exception would show the line, and with it the credentials.
        raise LoadTestError(f"{place}: is not a line of JSON", _NEXT_STEP) from None
    if not isinstance(values, dict):
        raise LoadTestError(f"{place}: is not a house", _NEXT_STEP)
    for name, kinds in _KINDS.items():
        if name not in values and name not in _MAY_LACK:
            raise LoadTestError(f"{place}: {name} is missing", _NEXT_STEP)
        value = values.setdefault(name, _MAY_LACK.get(name))
        if type(value) not in kinds or not str(value).isprintable():
            raise LoadTestError(f"{place}: {name} is not what it should be", _NEXT_STEP)
    for name, value in values["own"].items():
        if not isinstance(value, str) or not value.isprintable():
            raise LoadTestError(f"{place}: {shortened(f'own.{name}')} is not what it should be", _NEXT_STEP)
    if unknown := values.keys() - _KINDS.keys():
        raise LoadTestError(f"{place}: {min(unknown)} is not a field of a house", _NEXT_STEP)
    return House(**values)


_OTHER_KINDS: dict[str, tuple[type, ...]] = {
    "house_type": (str, type(None)),
    "house_number": (int,),
    "own": (dict,),
}
_KINDS = {spec.name: _OTHER_KINDS.get(spec.name, (str,)) for spec in fields(House)}
"""Field → the JSON types it may have."""
_MAY_LACK: dict[str, Any] = {
    "tenant_id": "", "tenant_slug": "", "development_id": "", "house_type": None, "house_number": 0, "qr_token": "",
    "jwt": "", "own": {},
}  # fmt: skip
"""Field that not every contract needs, and its value where a house has none."""
