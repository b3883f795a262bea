"""One database, by URL."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import sqlalchemy as sa

from db import schema
from db.errors import DatabaseUnavailable, SchemaOutdated
from db.sqlite import DatabaseFile, SQLite
from db.sqlite_process import Identity
from db.sqlite_writer import SQLiteWriter
from db.unit_of_work import Engine, Observer, UnitOfWork
from db.url import SQLiteURL, parse

if TYPE_CHECKING:
    from db import postgresql

    Transactions = SQLite | postgresql.PostgreSQL

T = TypeVar("T")

DEADLINE: Final = 5.0
"""Seconds a request waits for the database."""

POSTGRESQL_CONNECTIONS: Final = 4
"""Connections of one process to PostgreSQL: each but one carries batches out, one at a time."""


class Database:
    """One database: its schema, its requests (`units`), and transactions of any other kind (`run`)."""

    units: UnitOfWork
    """The hot path."""

    def __init__(
        self,
        url: str,
        *,
        deadline: float = DEADLINE,
        connections: int = POSTGRESQL_CONNECTIONS,
        observer: Observer | None = None,
        identity: Identity | None = None,
    ) -> None:
        """Take a URL; connect to nothing yet.

        Args:
            url: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:password@host:port/name`, with
                the hosts and options that libpq takes (`h1:5432,h2:5432`, `?host=/folder-of-socket`, `?sslmode=`).
            deadline: seconds that a request of `units` waits, and all else for a connection or a lock.
            connections: that this process opens to PostgreSQL at most, two at least; all but one carry batches out.
            observer: is told of every batch of `units`.
            identity: of the SQLite file that is meant, if it has been in use: no other in its place is taken.

        Raises:
            InvalidDatabaseURL: it is of no form that we take.
        """
        self._url = parse(url)
        self._deadline = deadline
        self._file: DatabaseFile | None = None
        self._transactions: Transactions
        writer: Engine
        if isinstance(self._url, SQLiteURL):
            self._file = file = DatabaseFile(self._url.path, identity)
            self._transactions = SQLite(file, deadline=deadline)
            writer = SQLiteWriter(file)
        else:
            # asyncpg and SQLAlchemy's asyncio take 0.15 s and 11 MB that SQLite has no use for.
            from db.postgresql import PostgreSQL, make_engine  # noqa: PLC0415
            from db.postgresql_writer import PostgreSQLWriter  # noqa: PLC0415

            # One for whatever is no batch: batches keep theirs.
            engine = make_engine(self._url, connections=max(2, connections), deadline=deadline)
            self._transactions = PostgreSQL(engine)
            # Half, so that a request whose first server hangs is in time for another.
            writer = PostgreSQLWriter(
                engine,
                concurrency=max(1, connections - 1),
                deadline=deadline / 2,
                transactional=self._url.statement_cache == 0,
            )
        self.units = UnitOfWork(writer, deadline=deadline, observer=observer)

    def __repr__(self) -> str:
        """Show which, without its password."""
        return f"Database({self.masked_url!r})"

    @property
    def masked_url(self) -> str:
        """The URL with `***` for its password."""
        return self._url.masked

    @property
    def engine_name(self) -> Literal["sqlite", "postgresql"]:
        """What kind of database it is."""
        return self._url.engine_name

    @property
    def identity(self) -> Identity | None:
        """Which SQLite file is in use, for another process that is to use the same; None for a server."""
        return None if self._file is None else self._file.identify()

    async def run(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function in a transaction: committed when it returns, rolled back if it raises.

        Raises:
            DatabaseUnavailable: the database cannot be reached, or failed.
            Exception: whatever the function raised.
        """
        return await self._transactions.run(function)

    async def upgrade(self) -> None:
        """Bring the schema to this release's; make a SQLite file that is missing. Two at once do no harm.

        Raises:
            SchemaTooNew: a later release has been here.
            DatabaseUnavailable: the database cannot be reached, or its file cannot be made.
        """
        await self._transactions.create()
        await self.run(schema.upgrade)

    async def check_schema(self) -> None:
        """See whether the schema is this release's.

        Raises:
            SchemaOutdated: it is an earlier one, or there is none: `upgrade` mends it.
            SchemaTooNew: a later release has been here.
            DatabaseUnavailable: the database cannot be reached.
        """
        if not await self._transactions.exists():
            raise SchemaOutdated(None)
        await self.run(schema.check)

    async def ping(self) -> None:
        """Ask the database for an answer, and whether its schema is still this release's.

        Raises:
            DatabaseUnavailable: there is none by the deadline.
            SchemaOutdated: the schema was taken back to an earlier release's, or away.
            SchemaTooNew: a later release has been here meanwhile.
        """
        try:
            async with asyncio.timeout(self._deadline):
                # What can be read is enough, until something could not be written.
                revision = await self._transactions.ping(write=self.units.failing)
        except TimeoutError:
            raise DatabaseUnavailable(f"no answer from the database within {self._deadline:g} s") from None
        if revision != schema.HEAD:
            # It imports Alembic, which takes a while.
            await asyncio.to_thread(schema.check_revision, revision)

    async def aclose(self) -> None:
        """Finish what was accepted, then let every connection go."""
        await self.units.aclose()
        await self._transactions.aclose()
