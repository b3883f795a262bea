"""SQLite: its file, its connections, and transactions for administration."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from db import sqlite_process
from db.errors import DatabaseUnavailable
from db.sqlite_statements import SQLITE_INSERTS
from db.statements import INSERTED, RECORDED

T = TypeVar("T")

FILE_MODE: Final = 0o600
"""Of the file; SQLite gives the same to its -wal and -shm."""

_REASONS: Final = {
    "SQLITE_BUSY": "is locked by another process",
    "SQLITE_LOCKED": "is locked by another connection",
    "SQLITE_FULL": "cannot grow: the disk is full",
    "SQLITE_READONLY": "cannot be written by this user",
    "SQLITE_NOTADB": "is not a SQLite database",
    "SQLITE_CORRUPT": "is damaged: restore it from a backup",
    "SQLITE_CANTOPEN": "cannot be opened: it does not exist (run `imtegrate db upgrade`) or is not this user's to read",
    "SQLITE_IOERR": "cannot be read or written: input/output error",
}
"""What a primary result code means (https://sqlite.org/rescode.html), after the file's name."""

_NO_ROOM: Final = {sqlite3.SQLITE_IOERR_SHMSIZE}
"""Extended result codes that mean a full disk as well: the index of the log could not grow."""

_PRIMARY_CODE: Final = 0xFF
"""The bits of an extended result code that hold the primary one."""


def create_file(path: Path) -> None:
    """Make an empty database file that only this user reads; leave one that is there as it is.

    Raises:
        DatabaseUnavailable: its folder is not there or not writable.
    """
    log = path.with_name(f"{path.name}-wal")
    if not path.exists() and log.exists() and log.stat().st_size:
        # SQLite would delete it; what was acknowledged may be nowhere else.
        raise DatabaseUnavailable(
            f"{path} is missing, and its log {log.name} is there: put the file back, or remove the log to begin anew"
        )
    try:
        # The mode is given as the file is made: it is at no moment open to others, whatever the umask.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    except FileNotFoundError:
        raise DatabaseUnavailable(f"the folder {path.parent} does not exist: make it, or name another file") from None
    except NotADirectoryError:
        raise DatabaseUnavailable(f"{path.parent} is not a folder: name another file") from None
    except IsADirectoryError:
        raise DatabaseUnavailable(f"{path} is a folder: name a file in it") from None
    except PermissionError:
        mend = f"make {path if path.exists() else path.parent} writable for the user that runs this"
        raise DatabaseUnavailable(f"{path} cannot be written: {mend}, or name another file") from None
    except OSError as error:
        raise DatabaseUnavailable(f"{path} cannot be made: {error.strerror}") from None


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """Open a database file that exists, as `sqlite_process.connect` does; `patience` in seconds.

    Raises:
        sqlite3.Error: it cannot be opened, or a lock outlasted our patience.
    """
    return sqlite_process.connect(str(path), patience)


def is_locked_code(code: int | None) -> bool:
    """Whether SQLite's result code says that another connection is in the way, so that it is worth trying again."""
    return code is not None and code & _PRIMARY_CODE in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def explain(error: BaseException, path: Path) -> str:
    """Say in one line why the file does not serve."""
    return explain_code(getattr(error, "sqlite_errorcode", None), str(error), path)


def explain_code(code: int | None, text: str, path: Path) -> str:
    """Say the same by SQLite's result code, else by its message."""
    if code is not None:
        if code in _NO_ROOM:
            code = sqlite3.SQLITE_FULL
        for name, reason in _REASONS.items():
            if getattr(sqlite3, name) == code & _PRIMARY_CODE:
                return f"{path} {reason}"
    return f"{path}: {text}"


class DatabaseFile:
    """The file of one database; once it was in use, no other in its place is."""

    def __init__(self, path: Path, identity: sqlite_process.Identity | None = None) -> None:
        """Use the file at a path; only the one with this identity, if another process has used it already."""
        self.path = path
        self._identity = identity

    def identify(self) -> sqlite_process.Identity | None:
        """Which file is in use, from the first call on that finds one; None as long as there is none."""
        if self._identity is None:
            self._identity = sqlite_process.identity_of(str(self.path))
        return self._identity

    def connect(self, patience: float) -> sqlite3.Connection:
        """Open it; `patience` in seconds.

        Raises:
            sqlite3.Error: it cannot be opened, or a lock outlasted our patience.
            DatabaseUnavailable: it was removed or replaced. Even to read what has replaced it would mix it with the
                old file's log.
        """
        identity = self.identify()
        if identity is not None:
            try:
                sqlite_process.check_in_place(str(self.path), identity)
            except sqlite_process.Misplaced as error:
                raise DatabaseUnavailable(f"{self.path} {error}") from None
        return connect(self.path, patience)


class SQLite:
    """Transactions of any kind over a SQLite file, each with a connection and in a thread of its own."""

    def __init__(self, file: DatabaseFile, *, deadline: float) -> None:
        """Use a file; `deadline` is in seconds, for another process' lock."""
        self._file = file
        self._path = file.path
        self._deadline = deadline
        self._engine = sa.create_engine(
            "sqlite://", creator=lambda: file.connect(deadline), poolclass=NullPool, hide_parameters=True
        )
        event.listen(self._engine, "begin", _begin_as_writer)

    async def run(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function in a transaction: committed when it returns, rolled back if it raises.

        Raises:
            DatabaseUnavailable: the file cannot be read or written, or is locked beyond the deadline.
            Exception: whatever the function raised.
        """
        return await asyncio.to_thread(self._run, function)

    async def create(self) -> None:
        """Make the file if it is missing.

        Raises:
            DatabaseUnavailable: its folder is not there or not writable.
        """
        create_file(self._path)

    async def ping(self, *, write: bool = False) -> str | None:
        """Read the schema's revision, which other processes' locks do not keep us from.

        `write`: commit, too, and see that there is all that a key is made of.

        Returns:
            The revision; None where there is none.

        Raises:
            DatabaseUnavailable: the file cannot be read, or written.
        """
        return await asyncio.to_thread(self._ping, write=write)

    async def exists(self) -> bool:
        """Whether there is a file."""
        return self._path.exists()

    async def aclose(self) -> None:
        """Let go of nothing: no connection outlives its transaction."""

    def _run(self, function: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.begin() as connection:
                return function(connection)
        except (sa.exc.IntegrityError, sa.exc.DataError):
            raise
        except sa.exc.DBAPIError as error:
            raise DatabaseUnavailable(explain(error.orig or error, self._path)) from error

    def _ping(self, *, write: bool) -> str | None:
        try:
            with contextlib.closing(self._file.connect(self._deadline)) as connection:
                query = "SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'"
                known = connection.execute(query).fetchone() is not None
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
                if write:
                    # What it was already: the first page is written all the same.
                    (version,) = connection.execute("PRAGMA user_version").fetchone()
                    connection.execute(f"PRAGMA user_version = {version}")
                    insert_key, insert_event, _ = SQLITE_INSERTS[False]
                    for statement, columns in ((insert_key, INSERTED), (insert_event, RECORDED)):
                        connection.execute(f"EXPLAIN {statement}", (None,) * len(columns))
                return None if row is None else str(row[0])
        except sqlite3.Error as error:
            raise DatabaseUnavailable(explain(error, self._path)) from error


def _begin_as_writer(connection: sa.Connection) -> None:
    # A transaction that becomes a writer's halfway cannot wait for a lock (SQLITE_BUSY_SNAPSHOT).
    connection.exec_driver_sql("BEGIN IMMEDIATE")
