"""``loadtest qrs``: QR codes to print."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from conf.loading import load_settings
from conf.operations import Operation
from loadtest.seed import shown_progress
from seed.fixture import load_fixture
from seed.progress import counter
from seed.qrcodes import onboarding_url, write_qr_codes

if TYPE_CHECKING:
    from seed.fixture import House


def command(
    portal_url: Annotated[
        str | None, typer.Option(help="Where the codes lead to.", show_default="seed.portal_url")
    ] = None,
    output_dir: Annotated[Path | None, typer.Option(help="Directory.", show_default="seed.qr_dir")] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Draw the onboarding QR code of every house of the fixture.

    Reads seed.fixture (loadtest seed makes it). Writes one PNG per house, named after its lot, and summary.json with
    house, token, onboarding URL and file. With these a house can be onboarded: the directory has mode 0700.

    Exits with 0 when all is written, with 2 when the settings, the fixture or the directory are not in order.
    """
    directory = None if output_dir is None else str(output_dir)
    settings = load_settings(
        {"seed.portal_url": portal_url, "seed.qr_dir": directory}, config_files=config or ()
    )
    houses = load_fixture(settings.seed.fixture)

    page = settings.contract.endpoint(Operation.ONBOARDING_PAGE)

    def url_of(house: House) -> str:
        return onboarding_url(settings.seed.portal_url, page, house)

    with shown_progress() as progress:
        advance = counter(progress, "QR codes", len(houses))
        summary = write_qr_codes(settings.seed.qr_dir, houses, url_of, advance)
    typer.echo(f"Drew {len(houses)} QR codes.\n{summary}")
