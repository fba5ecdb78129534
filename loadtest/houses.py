"""``loadtest houses``: write the fixture from the database of a portal that has houses of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from conf.loading import contract_file, load_settings
from seed.importing import import_houses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seed.registration import TokenRows


def command(
    *,
    contract: Annotated[
        str | None, typer.Option(help="Contract: a name from conf/contracts/, or a TOML file.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Most houses.", show_default="all that the query finds", min=1, metavar="N"),
    ] = None,
    register: Annotated[
        bool,
        typer.Option(
            "--register", help="Write the rows by which the portal knows the signed tokens to its database."
        ),
    ] = False,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Write the fixture from the database of a portal that has houses of its own.

    Reads the [houses] query of the contract in a read-only transaction; from the environment only, DATABASE_URL, and
    SESSION_SECRET where the contract's houses have JWTs or signed tokens. Writes seed.fixture (mode 0600) and, without
    --register, nothing to the database. With --register it writes a row for each signed token, and says in which table,
    how many, and how to remove them.

    Exits with 0 when the fixture is written, with 2 when settings, contract, database or houses are not in order.
    """
    settings = load_settings({"target.contract": contract}, config_files=config or ())
    imported = import_houses(
        settings,
        contract_file(settings.target.contract),
        datetime.now(UTC),
        limit=limit,
        register=register,
        before=_say_before,
        after=_say_after,
    )
    signed = f", each with a {' and a '.join(imported.signed)} signed now" if imported.signed else ""
    typer.echo(f"Wrote {imported.houses:,} houses of the portal's own{signed}.\n{settings.seed.fixture}")
    if register and not any(token.registration for token in settings.contract.signed.values()):
        typer.echo("Nothing was registered: no token that the contract's requests name has a row.")
    if imported.unregistered:
        tables = ", ".join(imported.unregistered)
        typer.echo(
            f"Their tokens are not in {tables}: where the portal looks there, it refuses them. Register them: "
            "loadtest houses --register"
        )


def _say_before(rows: Sequence[TokenRows]) -> None:
    for each in rows:
        typer.echo(f"Writing to the portal's database: {each.count:,} rows to {each.table}.")


def _say_after(rows: Sequence[TokenRows]) -> None:
    for each in rows:
        typer.echo(f"Wrote {each.count:,} rows to {each.table}. To remove them and no others:")
        typer.echo(f'  psql "$DATABASE_URL" -c "{each.removal}"')
