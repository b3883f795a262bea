"""The rows of a SQLite file, in canonical form, which is its own."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from db.canonical import Refused, Row, Table
from db.errors import DatabaseUnavailable
from db.sqlite import connect, explain

T = TypeVar("T")

_CACHE: Final = 64 * 1024
"""KiB of pages kept: digests go everywhere into their index."""


class SQLiteRows:
    """Rows over one connection; its work is done in other threads."""

    def __init__(self, path: Path, *, deadline: float) -> None:
        """Use a file that exists; `deadline` is in seconds, for another process' lock."""
        self._path = path
        self._deadline = deadline
        self._opened: sqlite3.Connection | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._opened is not None, "connect() comes first"
        return self._opened

    async def connect(self) -> None:
        """Open the file.

        Raises:
            DatabaseUnavailable: it cannot be opened.
        """
        self._opened = await self._run(lambda: connect(self._path, self._deadline))
        await self._run(lambda: self._execute(f"PRAGMA cache_size = -{_CACHE}"))

    async def begin(self) -> None:
        """See from now on one state of the file: a reader's transaction lasts, and keeps no writer waiting."""
        await self._run(lambda: self._execute("BEGIN", "SELECT count(*) FROM sqlite_schema"))

    async def count(self, table: Table) -> int:
        """How many rows a table has."""
        statement = f'SELECT count(*) FROM "{table.name}"'  # noqa: S608 - a table of ours
        found: int = (await self._run(lambda: self._connection.execute(statement).fetchone()))[0]
        return found

    async def read(self, table: Table, limit: int, *, after: Any = None, upto: Any = None) -> list[Row]:
        """Read the next rows by key."""
        statement = table.select("sqlite", after=after is not None, upto=upto is not None)
        bounds = [bound for bound in (after, upto) if bound is not None]
        return await self._run(lambda: self._connection.execute(statement, (*bounds, limit)).fetchall())

    async def insert(self, table: Table, rows: list[Row]) -> None:
        """Insert all, durably, or none.

        Raises:
            Refused: a constraint does not admit one of them.
        """
        await self._run(lambda: self._insert(table, rows))

    async def aclose(self) -> None:
        """Let the file go."""
        if self._opened is not None:
            await self._run(self._opened.close)

    def _execute(self, *statements: str) -> None:
        for statement in statements:
            # To its end: a statement that is not would keep the file open when its connection is closed.
            self._connection.execute(statement).fetchall()

    def _insert(self, table: Table, rows: list[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(table.insert(), rows)
            self._connection.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise Refused(str(error)) from None
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    async def _run(self, work: Callable[[], T]) -> T:
        with self._explained():
            return await asyncio.to_thread(work)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DatabaseUnavailable(explain(error, self._path)) from error
