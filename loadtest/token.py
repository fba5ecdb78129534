"""``loadtest token``: sign new JWTs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import Annotated

import typer

from conf.loading import load_settings
from monitoring.redaction.clean_output import print_secret
from seed.fixture import find_house, load_fixture, write_fixture
from seed.jwts import homeowner_token, require_secret, with_new_tokens


def command(
    house: Annotated[
        str | None, typer.Option(help="Print a JWT for this house alone; write nothing.", metavar="LOT")
    ] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Sign new JWTs, valid for 24 hours, for every house of the fixture.

    Reads seed.fixture and, from the environment only, SESSION_SECRET. Rewrites the fixture, or, with --house LV-001,
    prints that house's JWT alone on stdout, for use with curl.

    Exits with 0 when signed, with 2 when the secret or the fixture are not in order, or no house has that lot.
    """
    settings = load_settings(config_files=config or ())
    secret, now = require_secret(settings.session_secret), datetime.now(UTC)
    lifetime = timedelta(seconds=settings.seed.jwt_lifetime_s)
    houses = load_fixture(settings.seed.fixture)
    if house is not None:
        print_secret(homeowner_token(find_house(houses, house), secret, now, lifetime))
        return
    count = write_fixture(settings.seed.fixture, with_new_tokens(houses, secret, now, lifetime))
    typer.echo(f"Signed the tokens of {count} houses.\n{settings.seed.fixture}")
