"""Copies every row of one database into another, on either engine; checked, and resumed where it was broken off."""

import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from db.canonical import Refused, Row, Rows, Table, encode_rows, tables
from db.database import Database
from db.errors import (
    DatabaseUnavailable,
    RowDiffers,
    RowRefused,
    RowUnexpected,
    SameDatabase,
    SchemaOutdated,
    SchemaTooNew,
    SourceUnfit,
    UnequalCopy,
)
from db.sqlite_rows import SQLiteRows
from db.url import SQLiteURL, parse

BATCH: Final = 10_000
"""Rows read, compared and committed at a time: some MB."""

DEADLINE: Final = 30.0
"""Seconds to wait for a connection or another's lock; nobody waits for an answer here."""

Progress = Callable[[Literal["copy", "check"], str, int, int], None]
"""Told of each batch: the step, the table, how many of its rows are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table that is now the same in both databases."""

    table: str
    rows: int
    copied: int
    """Of its rows, those that were not there before."""
    sha256: str
    """Of its canonical rows in the order of the key, each a line of JSON; the same on both sides."""


async def copy(source: str, target: str, progress: Progress = lambda *_: None) -> list[CopiedTable]:
    """Copy every row that the source has now into the target, whose schema is made or brought up to date.

    What is committed stays if it is broken off; doing it again goes on from there. No row is changed or taken away.

    Args:
        source: a database URL.
        target: another.
        progress: told of each batch.

    Raises:
        InvalidDatabaseURL: of either.
        SameDatabase: both are one.
        SourceUnfit: the source has not this release's schema.
        SchemaTooNew: the target has a later release's.
        RowDiffers, RowUnexpected: the target has a row that is not the source's.
        RowRefused: the target does not admit a row.
        UnequalCopy: in the end both are not the same.
        DatabaseUnavailable: either cannot be reached, or failed.
    """
    _check_addresses(source, target)
    await check_source(source)
    async with _opened(source) as there:
        await there.begin()
        await _check_other(there, target)
        await _upgrade(target)
        async with _opened(target) as here:
            copied = [await _copy_table(table, there, here, progress) for table in tables()]
            await here.begin()
            for table, expected in zip(tables(), copied, strict=True):
                await _check_table(table, expected, here, progress)
    return copied


async def _copy_table(table: Table, source: Rows, target: Rows, progress: Progress) -> CopiedTable:
    digest, done, copied = hashlib.sha256(), 0, 0
    total = await source.count(table)
    progress("copy", table.name, done, total)
    last: Any = None
    while rows := await source.read(table, BATCH, after=last):
        upto = table.key_of(rows[-1])
        # One more than there should be: it would be a stranger.
        known = await target.read(table, len(rows) + 1, after=last, upto=upto)
        missing = _missing(table, rows, known)
        if missing:
            await _insert(table, missing, target)
        digest.update(encode_rows(rows))
        last, done, copied = upto, done + len(rows), copied + len(missing)
        progress("copy", table.name, done, total)
    if beyond := await target.read(table, 1, after=last):
        raise RowUnexpected(table.name, table.show(table.key_of(beyond[0])))
    return CopiedTable(table.name, done, copied, digest.hexdigest())


def _missing(table: Table, rows: list[Row], known: list[Row]) -> list[Row]:
    """Pick the rows that the target does not know yet, once those that it knows have proved equal."""
    if not known:
        return rows
    expected = {table.key_of(row): row for row in rows}
    for row in known:
        key = table.key_of(row)
        wanted = expected.pop(key, None)
        if wanted is None:
            raise RowUnexpected(table.name, table.show(key))
        if row != wanted:
            names = [name for name, a, b in zip(table.columns, row, wanted, strict=True) if a != b]
            raise RowDiffers(table.name, table.show(key), names)
    return list(expected.values())


async def _insert(table: Table, rows: list[Row], target: Rows) -> None:
    try:
        await target.insert(table, rows)
    except Refused as refused:
        if len(rows) == 1:
            raise RowRefused(table.name, table.show(table.key_of(rows[0])), str(refused)) from None
        # One by one, to find which.
        for row in rows:
            await _insert(table, [row], target)


async def _check_table(table: Table, expected: CopiedTable, target: Rows, progress: Progress) -> None:
    digest, done = hashlib.sha256(), 0
    last: Any = None
    while rows := await target.read(table, BATCH, after=last):
        digest.update(encode_rows(rows))
        last, done = table.key_of(rows[-1]), done + len(rows)
        progress("check", table.name, done, expected.rows)
    if (done, digest.hexdigest()) != (expected.rows, expected.sha256):
        raise UnequalCopy(table.name, expected.rows, done)


def _check_addresses(source: str, target: str) -> None:
    one, other = parse(source), parse(target)
    if isinstance(one, SQLiteURL):
        if isinstance(other, SQLiteURL) and is_one_file(one.path, other.path):
            raise SameDatabase
    elif one == other:
        raise SameDatabase


def is_one_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file, through links too."""
    return one.exists() and other.exists() and one.samefile(other)


async def check_source(url: str) -> None:
    """See that a database is there, with this release's schema.

    Raises:
        SourceUnfit: it has another, or none.
        DatabaseUnavailable: it cannot be reached.
    """
    parsed = parse(url)
    if isinstance(parsed, SQLiteURL) and not parsed.path.exists():
        raise DatabaseUnavailable(f"{parsed.path} does not exist: there is nothing to copy")
    database = Database(url, deadline=DEADLINE, connections=1)
    try:
        await database.check_schema()
    except (SchemaOutdated, SchemaTooNew) as error:
        raise SourceUnfit(database.masked_url, error) from None
    finally:
        await database.aclose()


async def _check_other(source: Rows, target: str) -> None:
    """See that two addresses of PostgreSQL are not of one database, before anything in it is touched."""
    if isinstance(parse(target), SQLiteURL):
        return
    from db.postgresql_rows import PostgreSQLRows  # noqa: PLC0415 - as in `_opened`

    if not isinstance(source, PostgreSQLRows):
        return
    lock = await source.hold()
    async with _opened(target) as rows:
        assert isinstance(rows, PostgreSQLRows)
        if lock is not None and await rows.is_held(lock):
            raise SameDatabase


async def _upgrade(url: str) -> None:
    database = Database(url, deadline=DEADLINE, connections=1)
    try:
        await database.upgrade()
    finally:
        await database.aclose()


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[Rows, None]:
    parsed = parse(url)
    rows: Rows
    if isinstance(parsed, SQLiteURL):
        rows = SQLiteRows(parsed.path, deadline=DEADLINE)
    else:
        from db.postgresql_rows import PostgreSQLRows  # noqa: PLC0415 - asyncpg, which SQLite has no use for

        rows = PostgreSQLRows(parsed, deadline=DEADLINE)
    try:
        await rows.connect()
        yield rows
    finally:
        await rows.aclose()
