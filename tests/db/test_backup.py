"""Backups: consistent whatever is written meanwhile, for their user only, and never over something else by mistake."""

import asyncio
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from db import ApiKey, Database, list_keys
from db.backup import back_up
from db.errors import BackupExists, BackupFailed, DatabaseUnavailable, SourceUnfit

FEW = 50
"""Keys made before a backup begins."""

Opener = Callable[..., Any]


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a backup may be made: a folder with nothing else in it."""
    (tmp_path / "a folder?").mkdir()
    return tmp_path / "a folder?" / "backup.db"


def _size(file: Path) -> int:
    return file.stat().st_size


def _damage(path: Path, index: str) -> None:
    """Overwrite the first page of an index."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(b"\x0a" + bytes(size - 1))


def _keys(file: Path) -> list[ApiKey]:
    async def read() -> list[ApiKey]:
        database = Database(f"sqlite:///{str(file).replace('?', '%3F')}")
        await database.check_schema()
        try:
            return await database.run(list_keys)
        finally:
            await database.aclose()

    return asyncio.run(read())


def test_it_holds_everything(url: str, opened: Opener, file: Path) -> None:
    """It is one file of mode 0600, and holds each key exactly."""

    async def scenario() -> list[ApiKey]:
        async with opened(url) as scene:
            await scene.create(name="nul \0", extra={"big": 2**70})
            size = await back_up(url, file)
            assert size == _size(file)
            return await scene.database.run(list_keys)

    expected = asyncio.run(scenario())
    assert _files(file.parent) == {file.name}
    assert file.stat().st_mode & 0o777 == 0o600
    assert _keys(file) == expected


def test_it_is_consistent_while_keys_are_made(url: str, opened: Opener, file: Path) -> None:
    """With writers under way it has each key acknowledged before it began, and an unbroken beginning of the rest."""

    async def scenario() -> tuple[set[str], list[str]]:
        async with opened(url, deadline=60) as scene:
            made: list[str] = []
            enough, stop = asyncio.Event(), asyncio.Event()

            async def write() -> None:
                while not stop.is_set():
                    made.append(str((await scene.create()).id))
                    if len(made) == FEW:
                        enough.set()

            writer = asyncio.create_task(write())
            await enough.wait()
            before = set(made)
            await back_up(url, file)
            during = len(made)
            stop.set()
            await writer
            assert during > len(before)
            return before, made

    before, made = asyncio.run(scenario())
    kept = {str(key.id) for key in _keys(file)} & set(made)
    assert before <= kept
    # One writer makes one key after another: what is kept has no gap.
    assert kept == set(made[: len(kept)])


def test_it_replaces_nothing_unless_told(url: str, opened: Opener, file: Path) -> None:
    """A file that is there stays, and no other is left; `force` replaces it, but never a database in use."""
    file.write_bytes(b"precious")

    async def scenario() -> None:
        async with opened(url):
            with pytest.raises(BackupExists, match="--force"):
                await back_up(url, file)
            assert (_files(file.parent), _size(file)) == ({file.name}, len(b"precious"))
            await back_up(url, file, force=True)
            with closing(sqlite3.connect(file)) as user:
                user.execute("PRAGMA journal_mode = WAL")
                user.execute("CREATE TABLE used (id)")
                with pytest.raises(BackupExists, match="in use"):
                    await back_up(url, file, force=True)

    asyncio.run(scenario())
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(_keys(file)) == 1


def test_it_replaces_nothing_but_files(sqlite_url: str, opened: Opener, tmp_path: Path) -> None:
    """A folder, a pipe, a device and a link stay what they are, with `force` too; each is refused by its name."""
    pipe, link, linked = tmp_path / "pipe", tmp_path / "link", tmp_path / "linked"
    os.mkfifo(pipe)
    linked.write_bytes(b"precious")
    link.symlink_to(linked)

    async def scenario() -> None:
        async with opened(sqlite_url):
            for place in (pipe, link, tmp_path, Path("/dev/null"), Path(), Path("/")):
                with pytest.raises(BackupExists, match=re.escape(f"{place} is not written")):
                    await back_up(sqlite_url, place, force=True)

    asyncio.run(scenario())
    assert (pipe.is_fifo(), link.is_symlink(), linked.read_bytes()) == (True, True, b"precious")
    assert Path("/dev/null").is_char_device()


def test_two_at_once_make_one(sqlite_url: str, opened: Opener, file: Path) -> None:
    """Of backups to one file at the same time one is made; the others say that it is there."""

    async def scenario() -> None:
        async with opened(sqlite_url):
            done = await asyncio.gather(*(back_up(sqlite_url, file) for _ in range(4)), return_exceptions=True)
            assert sorted(type(each).__name__ for each in done) == ["BackupExists"] * 3 + ["int"]

    asyncio.run(scenario())
    assert _files(file.parent) == {file.name}


def test_what_cannot_be_backed_up_leaves_nothing(tmp_path: Path, file: Path) -> None:
    """No database, one without a schema, one that is damaged, or no folder: said, and no file is left."""

    async def scenario() -> None:
        with pytest.raises(DatabaseUnavailable, match="does not exist"):
            await back_up(f"sqlite:///{tmp_path}/none.db", file)
        (tmp_path / "empty.db").touch()
        with pytest.raises(SourceUnfit, match="has no schema"):
            await back_up(f"sqlite:///{tmp_path}/empty.db", file)
        with pytest.raises(DatabaseUnavailable, match="folder"):
            await back_up(f"sqlite:///{tmp_path}/empty.db", tmp_path / "nowhere" / "backup.db")

    asyncio.run(scenario())
    assert _files(file.parent) == set()


def test_a_damaged_database_makes_no_backup(sqlite_url: str, opened: Opener, file: Path) -> None:
    """A page that is overwritten on the disk is found by the check; nothing is kept that would not restore."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            for _ in range(100):
                await scene.create()
        _damage(path, "ix_api_keys_org_id")
        with pytest.raises((BackupFailed, DatabaseUnavailable), match=r"not sound|damaged"):
            await back_up(sqlite_url, file)

    asyncio.run(scenario())
    assert _files(file.parent) == set()
