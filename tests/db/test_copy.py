"""Copies between databases: everything, exactly, on and after whatever breaks them off."""

import asyncio
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from db import Database, ensure_organisation, list_keys, uuid7
from db.canonical import tables
from db.copying import BATCH, copy
from db.errors import (
    DatabaseUnavailable,
    RowDiffers,
    RowRefused,
    RowUnexpected,
    SameDatabase,
    SchemaTooNew,
    SourceUnfit,
)
from db.tables import API_KEYS, METADATA, ORGANISATIONS
from running import IMTEGRATE

SOAK = os.environ.get("IMTEGRATE_SOAK") == "1"
KEYS = 1_000_000 if SOAK else 20_000
FEW = 200
PAIRS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "sqlite"), ("postgresql", "postgresql")]
BOTH_WAYS = PAIRS[:2]
MOMENT = datetime(2026, 1, 31, 23, 59, 59, 999_999, UTC)

Make = Callable[[str], str]


@pytest.fixture
def make(make_postgresql_url: Callable[[], str], tmp_path: Path) -> Make:
    """Make a database that is empty, or not there yet, of an engine; gives its URL."""

    def make(engine: str) -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path}/{secrets.token_hex(4)}.db"
        return make_postgresql_url()

    return make


def _keys(org_id: UUID, count: int) -> Iterator[list[dict[str, Any]]]:
    """Rows of keys, a batch at a time, with every kind of value among them."""
    for start in range(0, count, 5_000):
        yield [
            {
                "id": uuid7(),
                "org_id": org_id,
                "prefix": f"imt_live_{number:08}",
                "digest": secrets.token_bytes(32),
                "name": f"nul \0, quote ' \" and \U0001f511 {number}",
                "scopes": ["*", "tab\tback\\slash"],
                "env": "live",
                "extra": {
                    "big": 2**70 + number,
                    "exact": Decimal("0.1000000000000000055511151231257827"),
                    "none": None,
                },
                "last_used_at": None if number % 2 else MOMENT + timedelta(microseconds=number),
                "revoked_at": None if number % 3 else MOMENT - timedelta(days=number % 20_000),
                "created_at": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number),
            }
            for number in range(start, min(start + 5_000, count))
        ]


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Database]:
    database = Database(url, deadline=30)
    try:
        yield database
    finally:
        await database.aclose()


async def _fill(url: str, count: int = FEW) -> None:
    async with _open(url) as database:
        await database.upgrade()
        org_id = await database.run(lambda connection: ensure_organisation(connection, "Nul \0 & Co."))
        for rows in _keys(org_id, count):
            await database.run(lambda connection, rows=rows: connection.execute(sa.insert(API_KEYS), rows).close())


async def _contents(url: str) -> dict[str, list[Any]]:
    """Every row of every table, as SQLAlchemy reads it: by another way than the copy does."""

    def read(connection: sa.Connection) -> dict[str, list[Any]]:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=lambda row: row[0])
            for table in METADATA.sorted_tables
        }

    async with _open(url) as database:
        return await database.run(read)


async def _execute(url: str, *statements: Any) -> None:
    async with _open(url) as database:
        for statement in statements:
            await database.run(lambda connection, each=statement: connection.execute(each).close())


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_every_value_arrives_exactly(one: str, other: str, make: Make) -> None:
    """U+0000, numbers beyond 64 bits, decimals, microseconds, UUIDs and NULLs are the same in both databases after."""
    source, target = make(one), make(other)

    async def scenario() -> None:
        await _fill(source)
        first = await copy(source, target)
        assert {
            table.table: (table.rows, table.copied) for table in first if table.table in {"organisations", "api_keys"}
        } == {
            "organisations": (1, 1),
            "api_keys": (FEW, FEW),
        }
        assert [table.table for table in first] == [table.name for table in METADATA.sorted_tables]
        contents = await _contents(source)
        assert await _contents(target) == contents
        assert contents["api_keys"][7][API_KEYS.c.keys().index("extra")]["big"] == 2**70 + 7
        again = await copy(source, target)
        assert [table.copied for table in again] == [0] * len(first)
        assert [(table.rows, table.sha256) for table in again] == [(table.rows, table.sha256) for table in first]

    asyncio.run(scenario())


@pytest.mark.parametrize(("one", "other"), BOTH_WAYS)
def test_a_copy_that_is_killed_goes_on(one: str, other: str, make: Make, tmp_path: Path) -> None:
    """Killed between batches and run again it passes over what is there, and ends with everything, checked.

    Its time and memory are bounded: 1,000,000 keys where IMTEGRATE_SOAK is 1.
    """
    source, target = make(one), make(other)
    asyncio.run(_fill(source, KEYS))
    command = [*IMTEGRATE, "db", "copy", "--from", source, "--to", target, "--json"]
    killed = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while killed.poll() is None and _count(target) == 0:
            time.sleep(0.01)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    before = _count(target)
    assert before >= BATCH
    started = time.monotonic()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    told = {table["table"]: table for table in json.loads(done.stdout)["tables"]}["api_keys"]
    assert (told["rows"], told["copied"]) == (KEYS, KEYS - before)
    assert f"api_keys: {KEYS} of {KEYS} rows checked" in done.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"{KEYS} keys {one} → {other}: {time.monotonic() - started:.1f} s, {peak} MiB", file=sys.stderr)  # noqa: T201
    assert _count(target) == KEYS


def _count(url: str) -> int:
    async def ask() -> int:
        async with _open(url) as database:
            found: int = await database.run(
                lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(API_KEYS)) or 0
            )
            return found

    try:
        return asyncio.run(ask())
    except (DatabaseUnavailable, sa.exc.ProgrammingError):
        return 0  # not made yet


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_row_that_differs_is_named(one: str, other: str, make: Make) -> None:
    """A row with the same key and another value stops the copy, and is left as it is; the error shows no value."""
    source, target = make(one), make(other)

    async def scenario() -> None:
        await _fill(source)
        await copy(source, target)
        key_id = (await _contents(source))["api_keys"][FEW // 2][0]
        await _execute(target, sa.update(API_KEYS).where(API_KEYS.c.id == key_id).values(name="s3cr3t"))
        with pytest.raises(RowDiffers, match=f"{key_id} of api_keys differs .*name") as caught:
            await copy(source, target)
        assert caught.value.columns == ["name"]
        assert "s3cr3t" not in str(caught.value)
        assert "s3cr3t" in [row[API_KEYS.c.keys().index("name")] for row in (await _contents(target))["api_keys"]]

    asyncio.run(scenario())


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
@pytest.mark.parametrize("key_id", [UUID(int=0), UUID(int=2**128 - 1)])
def test_a_stranger_in_the_target_is_named(other: str, key_id: UUID, make: Make) -> None:
    """A row that the source has not is a fault that names it, wherever it stands."""
    source, target = make("sqlite"), make(other)

    async def scenario() -> None:
        await _fill(source)
        await copy(source, target)
        await _execute(target, sa.insert(ORGANISATIONS).values(id=key_id, name="stranger", created_at=MOMENT))
        with pytest.raises(RowUnexpected, match=f"{key_id} of organisations"):
            await copy(source, target)

    asyncio.run(scenario())


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_a_row_that_the_target_refuses_is_named(other: str, make: Make) -> None:
    """Of a batch that a constraint refuses, the one row at fault is named, and the constraint, and no value."""
    source, target = make("sqlite"), make(other)

    async def scenario() -> None:
        await _fill(source)
        async with _open(target) as database:
            await database.upgrade()
        rule = sa.text("CREATE UNIQUE INDEX one_moment ON api_keys (last_used_at)")
        await _execute(target, rule)
        keys = (await _contents(source))["api_keys"]
        columns = API_KEYS.c.keys()
        twice = keys[2][columns.index("last_used_at")]
        late = keys[100][0]
        await _execute(source, sa.update(API_KEYS).where(API_KEYS.c.id == late).values(last_used_at=twice))
        with pytest.raises(RowRefused, match=f"{late} of api_keys: .*(last_used_at|one_moment)") as caught:
            await copy(source, target)
        assert keys[100][columns.index("prefix")] not in str(caught.value)

    asyncio.run(scenario())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_what_others_write_meanwhile_is_not_half_copied(engine: str, make: Make) -> None:
    """The source is read as it was when the copy began, though keys are made and revoked while it runs."""
    source, target = make(engine), make("sqlite")

    async def scenario() -> None:
        await _fill(source)
        before = await _contents(source)
        writes: list[asyncio.Task[None]] = []

        def write(step: str, table: str, done: int, total: int) -> None:
            if not writes:
                late = {**next(_keys(before["organisations"][0][0], 1))[0], "prefix": "late"}
                revoked = sa.update(API_KEYS).values(revoked_at=MOMENT)
                writes.append(asyncio.create_task(_execute(source, revoked, sa.insert(API_KEYS).values(late))))

        await copy(source, target, write)
        await writes[0]
        assert await _contents(target) == before
        assert len((await _contents(source))["api_keys"]) == FEW + 1

    asyncio.run(scenario())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_database_is_not_copied_onto_itself(engine: str, make: Make, tmp_path: Path) -> None:
    """By whatever address the same database is named, it is refused before anything is done."""
    url = make(engine)

    async def scenario() -> None:
        await _fill(url)
        if engine == "sqlite":
            (tmp_path / "link.db").symlink_to(url.removeprefix("sqlite:///"))
            other = f"sqlite:///{tmp_path}/link.db"
        else:
            other = url + ("&" if "?" in url else "?") + "application_name=other"
        for target in (url, other):
            with pytest.raises(SameDatabase):
                await copy(url, target)

    asyncio.run(scenario())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_schema_that_is_not_ours_is_refused(engine: str, make: Make) -> None:
    """A source without our schema, or with a later one, and a target with a later one: each is said, nothing copied."""
    source, target = make(engine), make(engine)

    async def scenario() -> None:
        later = sa.text("UPDATE alembic_version SET version_num = 'later'")
        if engine == "postgresql":
            with pytest.raises(SourceUnfit, match="run `imtegrate db upgrade`"):
                await copy(source, target)
        else:
            with pytest.raises(DatabaseUnavailable, match="does not exist"):
                await copy(source, target)
        await _fill(source)
        await _fill(target, 1)
        await _execute(target, later)
        with pytest.raises(SchemaTooNew, match="install a later one"):
            await copy(source, target)
        with pytest.raises(SourceUnfit, match="install a later one"):
            await copy(target, source)

    asyncio.run(scenario())


def test_every_table_can_be_copied() -> None:
    """Each has a key that both engines sort alike, and columns that both keep alike."""
    assert len(tables()) == len(METADATA.tables)
    for table in tables():
        assert table.key.name in table.columns
        assert len(table.to_postgresql) == len(table.from_postgresql) == len(table.columns)


def test_a_copy_serves(make: Make) -> None:
    """Keys are listed from the copy as from the database itself."""
    source, target = make("postgresql"), make("sqlite")

    async def scenario() -> None:
        await _fill(source)
        await copy(source, target)
        async with _open(source) as one, _open(target) as other:
            assert await one.run(list_keys) == await other.run(list_keys)

    asyncio.run(scenario())
