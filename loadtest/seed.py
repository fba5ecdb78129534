"""``loadtest seed``: fill the portal's database and write the fixture."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from conf.loading import load_settings
from monitoring.redaction.clean_console import CleanConsole
from seed.database import require_url
from seed.jwts import require_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def command(  # noqa: PLR0913 - one per option
    *,
    houses: Annotated[
        int, typer.Option(help="Houses in all; Longview Park has the first 20.", metavar="N")
    ] = 20,
    developments: Annotated[
        int, typer.Option(help="Developments in all; those after Longview Park are generated.", metavar="D")
    ] = 1,
    chunks: Annotated[
        int | None,
        typer.Option(help="Chunks in all.", show_default="as many as the documents make", metavar="C"),
    ] = None,
    adopt: Annotated[
        str | None,
        typer.Option(
            help="The database's own name: fill it although it holds other tables.", metavar="DBNAME"
        ),
    ] = None,
    renew_qr_tokens: Annotated[
        bool, typer.Option("--renew-qr-tokens", help="Replace QR tokens; printed codes stop working.")
    ] = False,
    contract: Annotated[
        str | None,
        typer.Option(
            help="What the portal speaks; the later ones have tables of their own.",
            show_default="target.contract",
        ),
    ] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML file laid over conf/loadtest.toml.")] = None,
) -> None:
    """
    Make the database and the fixture what a load test begins with: Longview Park, no homeowner moved in yet.

    Reads the [seed] settings, target.contract and, from the environment only, SESSION_SECRET and DATABASE_URL. Writes
    tables, tenants, houses, documents and vectors to that database, and each house's ids, QR token and JWT to seed.fixture
    (mode 0600).
    A second seeding keeps ids and QR tokens, takes back onboardings, removes the houses' messages, and signs new JWTs.

    Exits with 0 when all is written, with 2 when the settings or the database are not in order.
    """
    settings = load_settings({"target.contract": contract}, config_files=config or ())
    secret, url = require_secret(settings.session_secret), require_url(settings.database.url)
    from seed.seeding import seed_database  # noqa: PLC0415 - numpy comes with it, and every command imports this module

    with shown_progress() as progress:
        seeded = seed_database(
            url,
            settings,
            secret,
            datetime.now(UTC),
            houses=houses,
            developments=developments,
            chunks=chunks,
            adopt=adopt,
            renew_qr_tokens=renew_qr_tokens,
            progress=progress,
        )
    typer.echo(
        f"Seeded {seeded.houses} houses for the load in {seeded.developments} developments of {seeded.tenants} "
        f"tenants, {seeded.documents} documents, {seeded.chunks} chunks.\n{seeded.fixture}"
    )


@contextmanager
def shown_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on stderr, one per step, fed by a callback that takes ``(step, done, total)``."""
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=CleanConsole(stderr=True)) as bars:

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step)
            bars.update(tasks[step], completed=done, total=total)

        yield show
