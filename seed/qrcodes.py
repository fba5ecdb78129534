"""QR codes to print: one PNG per house, and a summary. Both are credentials: with them, a house can be onboarded."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import segno

from conf.errors import LoadTestError
from seed.private_file import make_private_directory, refuse_unwritable, replacing
from seed.request import build_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from conf.endpoint import Endpoint
    from seed.fixture import House

SUMMARY = "summary.json"

_PIXELS_PER_MODULE = 8
_MARK = re.compile(rb'"onboarding_url": ')


def onboarding_url(portal_url: str, page: Endpoint, house: House) -> str:
    """
    The address in a house's QR code.

    Args:
        portal_url: Scheme, host and port.
        page: The contract's ``onboarding_page``.
        house: Fills the placeholders.
    """
    return portal_url.rstrip("/") + build_path(page, house)


def write_qr_codes(
    directory: Path, houses: Sequence[House], url_of: Callable[[House], str], advance: Callable[[], None]
) -> Path:
    """
    Write ``<lot>.png`` for each house and then, at once, ``summary.json``, which lists them.

    Args:
        directory: Made if missing; mode 0700, its files 0600.
        houses: Of the fixture.
        url_of: The address in a house's QR code.
        advance: Called once per house.

    Returns:
        The path of the summary.

    Raises:
        LoadTestError: The directory or a file in it cannot be written, a house has no QR token, its lot is no
            name for a file, or two have the same.
    """
    _refuse_unprintable(houses)
    make_private_directory(directory)
    refuse_unwritable(directory / SUMMARY, _MARK)
    summary = []
    for house in houses:
        url, name = url_of(house), f"{house.lot}.png"
        with replacing(directory / name) as file:
            file.write(_png(url))
        summary.append(
            {
                "house": house.house_number,
                "house_id": house.house_id,
                "lot": house.lot,
                "token": house.qr_token,
                "onboarding_url": url,
                "file": name,
            }
        )
        advance()
    with replacing(directory / SUMMARY) as file:
        file.write(json.dumps(summary, indent=2, ensure_ascii=False).encode() + b"\n")
    return directory / SUMMARY


def _refuse_unprintable(houses: Sequence[House]) -> None:
    lots: set[str] = set()
    for house in houses:
        if not house.qr_token:
            raise LoadTestError(f"fixture: house {house.lot} has no QR token", "Make one: loadtest seed")
        if house.lot in lots or not house.lot.replace("-", "").isalnum():
            fault = "there are two" if house.lot in lots else "it is no name for a file"
            raise LoadTestError(
                f"fixture: lot {house.lot!r}: {fault}", "Write the fixture anew: loadtest seed"
            )
        lots.add(house.lot)


def _png(text: str) -> bytes:
    """A QR code with error correction M: 15 % of it may be damaged, since it hangs in a meter cabinet."""
    image = io.BytesIO()
    segno.make_qr(text, error="m").save(image, kind="png", scale=_PIXELS_PER_MODULE)
    return image.getvalue()
