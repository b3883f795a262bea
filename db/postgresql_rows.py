"""The rows of a PostgreSQL database, in canonical form; written by COPY, which is several times as fast as INSERT."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
import sqlalchemy as sa

from db.canonical import Refused, Row, Table, convert
from db.errors import DatabaseUnavailable
from db.postgresql import CommitUnconfirmed, confirm, explain, make_engine, unwrap
from db.url import PostgreSQLURL

LOCK_BITS: Final = 63
"""Of an advisory lock's key that is drawn at random: a positive bigint."""

_FAULTS: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    CommitUnconfirmed,
    sa.exc.DBAPIError,
    sa.exc.TimeoutError,
)


class PostgreSQLRows:
    """Rows over one connection."""

    def __init__(self, url: PostgreSQLURL, *, deadline: float) -> None:
        """Take a URL; `deadline` is in seconds, for a connection."""
        self._engine = make_engine(url, connections=1, deadline=deadline)
        self._locks = url.advisory_lock
        self._driver: Any = None

    async def connect(self) -> None:
        """Connect.

        Raises:
            DatabaseUnavailable: the server does not let us in.
        """
        with _explained():
            self._borrowed = await self._engine.connect()
            self._driver = (await self._borrowed.get_raw_connection()).driver_connection

    async def begin(self) -> None:
        """See from now on one state of the database."""
        with _explained():
            await self._driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    async def hold(self) -> int | None:
        """Take a lock that shows, whatever the address, whether another connection is to the same database (`is_held`).

        It is kept as long as the transaction that `begin` began. None where the engine has no such locks.
        """
        if not self._locks:
            return None
        key = secrets.randbits(LOCK_BITS)
        with _explained():
            await self._driver.execute(f"SELECT pg_advisory_xact_lock({key})")
        return key

    async def is_held(self, key: int) -> bool:
        """Whether another connection to this very database holds that lock."""
        with _explained():
            return not await self._driver.fetchval(f"SELECT pg_try_advisory_xact_lock({key})")

    async def count(self, table: Table) -> int:
        """How many rows a table has."""
        with _explained():
            found: int = await self._driver.fetchval(f'SELECT count(*) FROM "{table.name}"')  # noqa: S608 - one of ours
            return found

    async def read(self, table: Table, limit: int, *, after: Any = None, upto: Any = None) -> list[Row]:
        """Read the next rows by key."""
        statement = table.select("postgresql", after=after is not None, upto=upto is not None)
        bounds = [table.key_to_postgresql(bound) for bound in (after, upto) if bound is not None]
        with _explained():
            rows = await self._driver.fetch(statement, *bounds, limit)
        return convert(rows, table.from_postgresql)

    async def insert(self, table: Table, rows: list[Row]) -> None:
        """Insert all, durably, or none.

        Raises:
            Refused: a constraint or a type does not admit one of them.
        """
        records = convert(rows, table.to_postgresql)
        with _explained():
            try:
                async with self._driver.transaction():
                    await self._driver.copy_records_to_table(table.name, records=records, columns=table.columns)
            except asyncpg.IntegrityConstraintViolationError as error:
                raise Refused(error.constraint_name or type(error).__name__) from None
            except asyncpg.DataError as error:
                # Its text may hold a value.
                raise Refused(type(error).__name__) from None
            confirm(self._driver)

    async def aclose(self) -> None:
        """Let the connection go."""
        if self._driver is not None:
            await self._borrowed.close()
        await self._engine.dispose()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        raise DatabaseUnavailable(explain(unwrap(error))) from error
