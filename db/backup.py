"""Backs a database up into one SQLite file, while it is in use: whole and checked, or not there at all."""

import asyncio
import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from db.copying import DEADLINE, Progress, check_source, copy, is_one_file
from db.errors import BackupExists, BackupFailed, DatabaseUnavailable
from db.sqlite import connect, create_file, explain
from db.url import SQLiteURL, parse

_SIDECARS = ("-wal", "-journal")
"""What stands beside a file that a process has open: put in its place, the copy would be overwritten by them."""


async def back_up(url: str, file: Path, *, force: bool = False, progress: Progress = lambda *_: None) -> int:
    """Make a file of what a database holds at one moment, whatever is written meanwhile; give its size in bytes.

    Only this user may read it (mode 0600). It is a database like any other: `sqlite:///FILE`.

    Args:
        url: of a database of this release's schema, on either engine.
        file: in a folder that exists.
        force: whether a file that is there gives way.
        progress: told of each batch of rows, where they are copied one by one (from PostgreSQL).

    Raises:
        InvalidDatabaseURL: of the database.
        SourceUnfit: it has not this release's schema.
        BackupExists: the file is there, is none, or is a database in use.
        BackupFailed: what was written is not a sound database.
        DatabaseUnavailable: the database cannot be read, or the file cannot be written.
    """
    source = parse(url)
    if not file.name:
        raise BackupExists(file, "it is a folder: name a file in it")
    _check_place(file, force=force)
    if isinstance(source, SQLiteURL) and is_one_file(source.path, file):
        raise BackupExists(file, "it is the database itself: name another file")
    # Beside it, so that it can be renamed.
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    create_file(unfinished)
    try:
        if isinstance(source, SQLiteURL):
            await check_source(url)
            await asyncio.to_thread(_copy_pages, source.path, unfinished)
        else:
            place = quote(str(unfinished), errors="surrogateescape")
            await copy(url, f"sqlite:///{place}", progress)
        size = await asyncio.to_thread(_finish, unfinished)
        _put_in_place(unfinished, file, force=force)
    finally:
        for name in ("", "-wal", "-shm", "-journal"):
            unfinished.with_name(unfinished.name + name).unlink(missing_ok=True)
    return size


def _copy_pages(source: Path, target: Path) -> None:
    with (
        _explained(source),
        contextlib.closing(connect(source, DEADLINE)) as reader,
        contextlib.closing(sqlite3.connect(target, isolation_level=None)) as writer,
    ):
        # All in one step, a single reader's transaction: of several, each commit of another process in between would
        # start the copy anew (https://sqlite.org/backup.html).
        reader.backup(writer, pages=-1)


def _finish(file: Path) -> int:
    """Make it one file, with no log beside it; see that it is sound; have it on the disk; give its size."""
    with _explained(file), contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        found = [text for (text,) in connection.execute("PRAGMA integrity_check(1)")]
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if found != ["ok"]:
        raise BackupFailed(found[0])
    if broken is not None:
        raise BackupFailed(f"a row of {broken[0]} refers to one of {broken[2]} that is not there")
    _sync(file)
    return file.stat().st_size


def _check_place(file: Path, *, force: bool) -> None:
    for suffix in _SIDECARS:
        if file.with_name(file.name + suffix).exists():
            raise BackupExists(file, f"{file.name}{suffix} stands beside it: it is a database in use")
    if file.is_symlink() or (file.exists() and not file.is_file()):
        # A device or a pipe would be gone, and what a link leads to be left as it is.
        raise BackupExists(file, "what is there is no ordinary file: name another")
    if file.exists() and not force:
        raise BackupExists(file, "it is there already: name another file, or give --force")


def _put_in_place(unfinished: Path, file: Path, *, force: bool) -> None:
    _check_place(file, force=force)
    try:
        if force:
            unfinished.replace(file)
        else:
            # Unlike a rename it never replaces a file that somebody made meanwhile.
            os.link(unfinished, file)
    except FileExistsError:
        raise BackupExists(file, "it is there already: name another file, or give --force") from None
    except OSError as error:
        # A file system without hard links, for one.
        raise DatabaseUnavailable(
            f"{file} cannot be made: {error.strerror}: give --force, or name another file"
        ) from None
    _sync(file.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseUnavailable(explain(error, file)) from error
