"""What holds for SQLite: durability, its file, its locks and its faults."""

import asyncio
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from db import Database, DatabaseUnavailable, NewKey, list_keys
from db.sqlite_process import LOG_LIMIT

_WAL_HEADER = 32
_FRAME_HEADER = 24
_PAGE = 4096
"""Bytes (https://sqlite.org/fileformat2.html#the_write_ahead_log)."""


def _commits(path: Path) -> int:
    """Count the commit frames of a write-ahead log: those that give the database's size."""
    log = Path(f"{path}-wal").read_bytes()
    frame = _FRAME_HEADER + int.from_bytes(log[8:12])
    return sum(log[start + 4 : start + 8] != bytes(4) for start in range(_WAL_HEADER, len(log), frame))


def test_requests_share_commits(sqlite_url: str, sqlite_path: Path, opened: Any) -> None:
    """32 requests that arrive together are one commit, and so cost one fsync."""

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            await scene.create()
            before = _commits(sqlite_path)
            await asyncio.gather(*(scene.create() for _ in range(32)))
            assert _commits(sqlite_path) - before == 1

    asyncio.run(scenario())


def test_what_only_reads_commits_nothing(sqlite_url: str, sqlite_path: Path, opened: Any) -> None:
    """Looking callers up writes nothing to the log."""

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            await scene.create()
            log = Path(f"{sqlite_path}-wal")
            before = log.read_bytes()  # noqa: ASYNC240 - the loop has nothing else to do
            assert await asyncio.gather(*(scene.database.units.find_caller(scene.caller) for _ in range(32)))
            assert log.read_bytes() == before  # noqa: ASYNC240 - as above

    asyncio.run(scenario())


_PROGRAM = """
import asyncio, os, sys
from datetime import UTC, datetime
from db import Database, NewKey, ensure_organisation, uuid7

async def main():
    database = Database(sys.argv[1])
    await database.upgrade()
    org_id = await database.run(lambda connection: ensure_organisation(connection, "tests"))

    async def create():
        while True:
            id = uuid7()
            await database.units.create_key(
                None, lambda *_: NewKey(id, org_id, id.hex, os.urandom(32), "", [], "", {}, datetime.now(UTC))
            )
            print(id, flush=True)

    await asyncio.gather(*(create() for _ in range(8)))

asyncio.run(main())
"""


def test_what_was_acknowledged_outlives_the_process(sqlite_url: str) -> None:
    """Every key that was acknowledged before a `kill -9` is there after it."""
    acknowledged = []
    with subprocess.Popen([sys.executable, "-c", _PROGRAM, sqlite_url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            acknowledged.append(line.strip())
            if len(acknowledged) == 200:
                process.kill()
    assert len(acknowledged) >= 200

    async def scenario() -> None:
        database = Database(sqlite_url)
        kept = {str(key.id) for key in await database.run(list_keys)}
        # The kill may have cut the last line short.
        assert set(acknowledged[:-1]) <= kept
        await database.aclose()

    asyncio.run(scenario())


def test_a_commit_is_synced(sqlite_url: str, opened: Any) -> None:
    """Connections write ahead, sync every commit, and check foreign keys."""

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            for pragma, expected in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
                value = await scene.database.run(
                    lambda connection, pragma=pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
                )
                assert value == expected

    asyncio.run(scenario())


def test_the_log_is_folded_while_keys_are_made(sqlite_url: str, sqlite_path: Path, tmp_path: Path, opened: Any) -> None:
    """The write-ahead log is folded into the file without a pause: the file alone comes to hold what it did not."""

    def folded() -> int:
        alone = tmp_path / "alone.db"
        shutil.copyfile(sqlite_path, alone)
        try:
            with closing(sqlite3.connect(alone)) as connection:
                [count] = connection.execute("SELECT count(*) FROM api_keys").fetchone()
        except sqlite3.DatabaseError:
            return 0  # copied in the middle of it
        return int(count)

    async def scenario() -> None:
        async with opened(sqlite_url, deadline=30) as scene:
            made = 0
            async with asyncio.timeout(120):
                while folded() < 100:
                    for _ in range(20):
                        made += len(await asyncio.gather(*(scene.create() for _ in range(100))))
            log = sqlite_path.with_name(f"{sqlite_path.name}-wal").stat().st_size
            assert log < LOG_LIMIT * (_FRAME_HEADER + _PAGE)
            assert len(await scene.keys()) == made

    asyncio.run(scenario())


def test_nobody_else_may_read_the_file(sqlite_url: str, sqlite_path: Path, opened: Any) -> None:
    """The file, its log and its index have mode 0600."""

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            await scene.create()
            for suffix in ("", "-wal", "-shm"):
                assert stat.S_IMODE(Path(f"{sqlite_path}{suffix}").stat().st_mode) == 0o600  # noqa: ASYNC240 - as above

    asyncio.run(scenario())


def test_a_relative_url_is_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sqlite:///a%3Fb.db` is the file `a?b.db`, and stays so when the working directory changes."""
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite:///a%3Fb.db")
    monkeypatch.chdir("/")
    asyncio.run(database.upgrade())
    assert (tmp_path / "a?b.db").is_file()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/a.db", "does not exist: make it"), ("file/a.db", "is not a folder"), ("folder", "is a folder")],
)
def test_a_file_that_cannot_be_made_is_explained(tmp_path: Path, name: str, reason: str) -> None:
    """The error of `upgrade` names the path and the mend."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(DatabaseUnavailable, match=reason) as caught:
        asyncio.run(Database(f"sqlite:///{tmp_path / name}").upgrade())
    assert str(tmp_path) in caught.value.reason


def test_a_lock_is_waited_for(sqlite_url: str, sqlite_path: Path, opened: Any) -> None:
    """A request that meets another process' lock is done as soon as that is released; looking up needs no lock."""

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            other = sqlite3.connect(sqlite_path, isolation_level=None, check_same_thread=False)
            other.execute("BEGIN IMMEDIATE")
            assert await scene.database.units.find_caller(scene.caller) is not None
            await scene.database.ping()
            task = asyncio.create_task(scene.create())
            release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
            release.start()
            assert type(await task) is NewKey
            release.join()
            other.close()

    asyncio.run(scenario())


def test_a_lock_beyond_the_deadline_is_given_up(sqlite_url: str, sqlite_path: Path, opened: Any) -> None:
    """A lock that outlasts the deadline fails requests and administration with a reason; afterwards they work."""

    async def scenario() -> None:
        async with opened(sqlite_url, deadline=0.3) as scene:
            other = sqlite3.connect(sqlite_path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            results = await asyncio.gather(*(scene.create() for _ in range(3)), return_exceptions=True)
            for result in results:
                assert isinstance(result, DatabaseUnavailable)
                assert result.reason == f"{sqlite_path} is locked by another process"
            with pytest.raises(DatabaseUnavailable, match="is locked"):
                await scene.keys()
            other.execute("ROLLBACK")
            other.close()
            made = await scene.create()
            # What was given up does not come later.
            assert [key.id for key in await scene.keys()] == [made.id]

    asyncio.run(scenario())


def test_a_full_disk_is_a_reason(tmp_path: Path, opened: Any) -> None:
    """When the disk is full, requests fail with that reason; when it has room again, the next one works."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)

    async def scenario() -> None:
        async with opened(f"sqlite:///{folder}/imtegrate.db") as scene:
            await scene.create()
            filler = folder / "filler"
            # To the last byte: what cannot be written whole is written in part.
            subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=512"], check=False, capture_output=True)  # noqa: ASYNC221 - as below
            with pytest.raises(DatabaseUnavailable, match="the disk is full"):
                await asyncio.gather(*(scene.create(name="x" * 100_000) for _ in range(3)))
            filler.unlink()
            await scene.create()
            assert len(await scene.keys()) == 2

    try:
        asyncio.run(scenario())
    finally:
        subprocess.run(["umount", folder], check=True)


def test_the_process_that_writes_is_started_again(sqlite_url: str, opened: Any) -> None:
    """If it is killed in the middle of a load, no request fails and each key is made once."""

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            await scene.create()
            tasks = []
            for _ in range(5):
                tasks += [asyncio.create_task(scene.create()) for _ in range(50)]
                await asyncio.sleep(0.002)
                scene.database.units._engine._process._process.kill()  # noqa: SLF001 - as a crash would end it
                await asyncio.sleep(0.2)
            made = {(await task).id for task in tasks}
            kept = [key.id for key in await scene.keys()]
            assert made < set(kept)
            assert len(made) == len(tasks) == len(kept) - 1

    asyncio.run(scenario())


def test_a_file_that_is_no_database_is_a_reason(sqlite_url: str, sqlite_path: Path) -> None:
    """Another kind of file is refused and left as it is."""
    content = b"not a database " * 100
    sqlite_path.write_bytes(content)

    async def scenario() -> None:
        database = Database(sqlite_url)
        for attempt in (database.upgrade, database.check_schema, database.ping):
            with pytest.raises(DatabaseUnavailable, match="is not a SQLite database"):
                await attempt()
        with pytest.raises(DatabaseUnavailable, match="is not a SQLite database"):
            await database.units.find_caller(b"")
        await database.aclose()

    asyncio.run(scenario())
    assert sqlite_path.read_bytes() == content


def test_a_missing_file_is_not_made_by_use(sqlite_url: str, sqlite_path: Path) -> None:
    """Only `upgrade` makes the file: anything else says that there is none."""

    async def scenario() -> None:
        database = Database(sqlite_url)
        with pytest.raises(DatabaseUnavailable, match="imtegrate db upgrade"):
            await database.units.find_caller(b"")
        with pytest.raises(DatabaseUnavailable, match="imtegrate db upgrade"):
            await database.run(list_keys)
        await database.aclose()

    asyncio.run(scenario())
    assert not sqlite_path.exists()
