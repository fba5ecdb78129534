"""Writes tenants, developments and houses to the database, and reads the houses with their QR tokens from it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from uuid import uuid5

from psycopg2.extras import execute_values

from conf.errors import LoadTestError
from seed.copying import copy_rows
from seed.estate import NAMESPACE
from seed.fixture import House
from seed.generated import SLUG_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from psycopg2.extensions import connection as Connection  # noqa: N812 - the class has a small letter
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - likewise

    from seed.copying import Value
    from seed.estate import Development

PENDING = "pending"
"""``metadata.onboardingStatus`` of a house before its QR token is resolved."""

_COLUMNS = (
    "id",
    "tenant_id",
    "development_id",
    "name",
    "email",
    "house_type",
    "address",
    "unique_qr_token",
    "metadata",
)
_ROWS_PER_FETCH = 1000

_KEEP_OR_RENEW = """
    INSERT INTO homeowners SELECT * FROM new_homeowners
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, email = excluded.email, house_type = excluded.house_type, address = excluded.address,
        metadata = excluded.metadata, updated_at = now(),
        unique_qr_token = CASE WHEN %s THEN excluded.unique_qr_token ELSE homeowners.unique_qr_token END
"""

_HOUSES = """
    SELECT h.id::text, h.tenant_id::text, t.slug, h.development_id::text, h.house_type,
           (h.metadata->>'houseNumber')::integer, h.metadata->>'lotNumber', h.unique_qr_token, '' AS jwt
    FROM homeowners h JOIN tenants t ON t.id = h.tenant_id
    WHERE h.development_id = ANY (%(developments)s::uuid[])
    ORDER BY array_position(%(developments)s::uuid[], h.development_id), (h.metadata->>'houseNumber')::integer
"""


def write_developments(cursor: Cursor, developments: Sequence[Development]) -> None:
    """
    Make the tenants and developments, and remove generated developments of an earlier seeding that are not among them.

    Raises:
        LoadTestError: A tenant that the suite did not make has one of the slugs.
    """
    wanted = {development.tenant_slug: development.tenant_id for development in developments}
    cursor.execute(
        "SELECT id::text, slug FROM tenants WHERE slug = ANY (%s) OR slug LIKE %s",
        (list(wanted), f"{SLUG_PREFIX}%"),
    )
    leftover = []
    for tenant_id, slug in cursor.fetchall():
        if tenant_id != str(uuid5(NAMESPACE, slug)):
            raise LoadTestError(
                f"database: tenants: the slug {slug} belongs to a tenant that the suite did not make",
                "Nothing was written to it; seed another database",
            )
        if slug not in wanted:
            leftover.append(tenant_id)
    cursor.execute("DELETE FROM tenants WHERE id = ANY (%s::uuid[])", (leftover,))
    execute_values(
        cursor,
        "INSERT INTO tenants (id, name, slug) VALUES %s ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        [(str(d.tenant_id), d.tenant, d.tenant_slug) for d in developments],
    )
    execute_values(
        cursor,
        "INSERT INTO developments (id, tenant_id, name, address) VALUES %s "
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address",
        [(str(d.development_id), str(d.tenant_id), d.name, d.address) for d in developments],
    )


def write_houses(
    cursor: Cursor,
    developments: Sequence[Development],
    *,
    renew_qr_tokens: bool,
    advance: Callable[[], None],
    random_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
) -> None:
    """
    Put every house into the state before onboarding: status pending, no message, placeholder e-mail.

    Args:
        cursor: Of one transaction.
        developments: All of their houses are written; other houses in these developments are removed.
        renew_qr_tokens: Give new QR tokens to houses that have one; printed codes stop working.
        advance: Called once per house.
        random_uuid: The source of QR tokens.
    """
    ids = [str(development.development_id) for development in developments]
    cursor.execute("CREATE TEMP TABLE new_homeowners (LIKE homeowners INCLUDING DEFAULTS) ON COMMIT DROP")
    copy_rows(cursor, "new_homeowners", _COLUMNS, _rows(developments, random_uuid, advance))
    cursor.execute(
        "DELETE FROM homeowners WHERE development_id = ANY (%s::uuid[]) AND id NOT IN (SELECT id FROM new_homeowners)",
        (ids,),
    )
    cursor.execute(_KEEP_OR_RENEW, (renew_qr_tokens,))
    cursor.execute("DELETE FROM messages WHERE development_id = ANY (%s::uuid[])", (ids,))


def stored_houses(connection: Connection, developments: Sequence[Development]) -> Iterator[House]:
    """
    The houses of *developments*, in their order and by number, without a JWT; fetched a thousand at a time.

    Args:
        connection: In a transaction until the last house is read.
        developments: Seeded before.
    """
    with connection.cursor(name="stored_houses") as cursor:
        cursor.itersize = _ROWS_PER_FETCH
        cursor.execute(_HOUSES, {"developments": [str(d.development_id) for d in developments]})
        for row in cursor:
            yield House(*row)


def _rows(
    developments: Iterable[Development], random_uuid: Callable[[], uuid.UUID], advance: Callable[[], None]
) -> Iterator[Sequence[Value]]:
    for development in developments:
        for number in range(1, len(development.type_codes) + 1):
            plot = development.plot(number)
            yield (
                plot.house_id,
                development.tenant_id,
                development.development_id,
                f"Homeowner of {plot.lot}",
                plot.email,
                plot.house_type,
                plot.address,
                str(random_uuid()),
                {"houseNumber": plot.number, "lotNumber": plot.lot, "onboardingStatus": PENDING},
            )
            advance()
