"""The process that writes to a SQLite file. Run as a program: it imports nothing but the standard library.

A process and not a thread: SQLite's work takes half as long as all the rest of a request, and a thread would give the
interpreter's lock away and wait for it again with every row. Measured with 32 clients: 1.6 times as many keys a second.

It is given one end of a socket pair, reads a task from it, answers it, and so on until the other end is closed. A
message is a length in four bytes and a value in `marshal`'s format: both ends are the same interpreter.
"""

import marshal
import os
import signal
import socket
import sqlite3
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from threading import Thread
from typing import Any, Final
from urllib.parse import quote

LENGTH: Final = struct.Struct("!I")
"""Before each message: the bytes that follow."""

CHECKPOINT: Final = 32_768
"""Pages of 4 KiB in the write-ahead log after which it is folded into the file. Among a million keys each new one has
its place in the indices on pages of its own: SQLite's 1,000 would be written twice and synced with every 500 keys."""

LOG_LIMIT: Final = 2 * CHECKPOINT
"""Pages after which the writing itself waits until the log is folded: it should not come to this."""

PAGES: Final = 6, 3
"""About how many a transaction writes, and how many each of its entries does."""

PASSES: Final = 8
"""Times that a log which others go on writing is gone over."""

LITTLE: Final = 1_000
"""Pages that may be left after that; to fold them takes 5 ms."""

DONE: Final = "done"
FAILED: Final = "failed"

CONFLICT: Final = "conflict"
"""A constraint refused a row."""
UNFIT: Final = "unfit"
"""A value is none that the driver takes."""

Identity = tuple[int, int]
"""Which file a path leads to: its device and its inode."""

REMOVED: Final = "was removed while it was in use: put it back, or end the service and restore a backup"
REPLACED: Final = (
    "was replaced while it was in use: put it back, or end the service, remove the files that end in -wal and -shm "
    "beside it, restore a backup and start again"
)
"""SQLite itself would go on with the file that it has open, and lose it at the end; or with the new file and the old
one's log, and damage it (https://sqlite.org/howtocorrupt.html §1.4, §2.4)."""


class Misplaced(Exception):
    """The path no longer leads to the file that was in use; `REMOVED` or `REPLACED`."""


TokenKey = tuple[str, bytes]
"""What a caller is found by: the prefix of its token, and its SHA-256 digest."""

Entry = tuple[TokenKey | None, tuple[Any, ...] | None, tuple[Any, ...] | None]
"""What one request writes: the token of the caller it rests on, a row of a key and its origin, a row of an event."""

ORIGIN: Final = 3
"""Columns of the origin of a key, at the end of its row: client's address, request's id, document."""


def identity_of(path: str) -> Identity | None:
    """Which file a path leads to; None: to no file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib takes as long to import as all else that is imported here
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def check_in_place(path: str, expected: Identity) -> None:
    """See that a path leads to the file that is in use.

    Raises:
        Misplaced: it does not.
    """
    found = identity_of(path)
    if found != expected:
        raise Misplaced(REMOVED if found is None else REPLACED)


def connect(path: str, patience: float) -> sqlite3.Connection:
    """Open a database file that exists, for any thread; transactions begin and end only when told to.

    Args:
        path: the file.
        patience: seconds to wait for another process' lock.

    Raises:
        sqlite3.Error: it cannot be opened, or a lock outlasted our patience.
    """
    # Its name may be any bytes (PEP 383).
    name = quote(path, errors="surrogateescape")
    connection = sqlite3.connect(
        f"file:{name}?mode=rw", uri=True, timeout=patience, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class Folding:
    """Folds the write-ahead log into the file while others write (https://sqlite.org/wal.html §2.1, §3.3).

    SQLite itself does that with the commit that fills the log, and whoever comes next waits: 0.1 s among a million
    keys, a fifth of all time under load. A checkpoint that nobody waits for takes in what was committed before it
    began; only one that finds nothing else lets the log begin anew. So it is repeated, in a thread, until little is
    left, and that is folded between two transactions.
    """

    def __init__(self, path: str, identity: Identity | None) -> None:
        """Fold the log of a file, only of the one with this identity if there is one."""
        self._path = path
        self._identity = identity
        self._pages = 0
        self._thread: Thread | None = None
        self._file: int | None = None

    def written(self, entries: int, connection: sqlite3.Connection) -> None:
        """Take note of a transaction of so many entries that is committed; `connection` is in none now."""
        each, entry = PAGES
        self._pages += each + entry * entries
        if self._thread is not None:
            if not self._thread.is_alive():
                self._thread = None
                self._pages = 0
                _checkpoint(connection)
        elif self._pages >= CHECKPOINT:
            self._thread = Thread(target=self._fold, name="folding", daemon=True)
            self._thread.start()

    def _fold(self) -> None:
        try:
            if self._identity is not None:
                check_in_place(self._path, self._identity)
            if self._file is None:
                # Never closed: that would take away the locks of all of the process's connections (POSIX fcntl, as in
                # https://sqlite.org/howtocorrupt.html §2.2).
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            with closing(connect(self._path, 0)) as connection:
                before = 0
                for _ in range(PASSES):
                    folded = _checkpoint(connection)
                    # The checkpoint that completes it would wait for all of this to reach the disk.
                    os.fdatasync(self._file)
                    if folded - before < LITTLE:
                        return
                    before = folded
        except (Misplaced, OSError, sqlite3.Error):
            # Whatever it is, the writing meets it too, and says so; the log is kept, and folded later.
            return


def _checkpoint(connection: sqlite3.Connection) -> int:
    """Fold what can be folded without waiting; the pages of the log that are folded."""
    busy, _, folded = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return 0 if busy else int(folded)


class Writer:
    """Carries tasks out over a connection of its own, opened when it is first needed."""

    def __init__(
        self,
        path: str,
        identity: Identity | None,
        patience: float,
        find: str,
        touch: str,
        inserts: Mapping[bool, Sequence[str]],
    ) -> None:
        """Serve a file, only the one with this identity if there is one.

        `patience` is in seconds; the statements of `inserts` are `SQLITE_INSERTS`.
        """
        self._path = path
        self._identity = identity
        self._patience = patience
        self._find_caller = find
        self._touch = touch
        self._inserts = inserts
        self._connection: sqlite3.Connection | None = None
        self._folding = Folding(path, identity)

    def carry_out(self, task: Mapping[str, Any]) -> tuple[Any, ...]:
        """Do a task in one transaction.

        Args:
            task: `lookups`, tokens of callers to look up; `known`, by token the columns that callers are thought to
                have; `entries`, and `again`, whether they may have been inserted before; `now` and `noted`, the moments
                by which keys expire and uses are noted again.

        Returns:
            `DONE`, the columns of lookups and of callers that are not as thought, by token, and by an entry's number
            why it was refused; or `FAILED`, SQLite's result code and its message.
        """
        try:
            self._check()
            if self._connection is None:
                self._connection = connect(self._path, self._patience)
                self._connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_LIMIT}")
            if not task["entries"]:
                return DONE, self._find(task, task["lookups"])[0], {}
            try:
                return self._write(task, singly=False)
            except (sqlite3.IntegrityError, ValueError):
                self._connection.execute("ROLLBACK")
                return self._write(task, singly=True)
        except Misplaced as error:
            self.disconnect()
            return FAILED, None, str(error)
        except sqlite3.Error as error:
            self.disconnect()
            return FAILED, getattr(error, "sqlite_errorcode", None), str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must live on, and show no value
            self.disconnect()
            return FAILED, None, type(error).__name__

    def tidy(self, entries: int) -> None:
        """After the answer to a task with so many entries: do what nobody waits for."""
        if self._connection is not None and entries:
            with suppress(sqlite3.Error):
                self._folding.written(entries, self._connection)

    def disconnect(self) -> None:
        """Drop the connection, and with it what is not committed; the next task opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _check(self) -> None:
        if self._identity is not None:
            check_in_place(self._path, self._identity)

    def _write(self, task: Mapping[str, Any], *, singly: bool) -> tuple[Any, ...]:
        connection, known = self._connection, task["known"]
        assert connection is not None
        # As a writer from the start: one that becomes a writer later cannot wait for a lock (SQLITE_BUSY_SNAPSHOT).
        connection.execute("BEGIN IMMEDIATE")
        found, used = self._find(task, {*task["lookups"], *known})
        entries: list[tuple[int, Entry]] = list(enumerate(task["entries"]))
        stale = [token for token, columns in known.items() if found.get(token) != columns]
        if stale:
            entries = [(number, entry) for number, entry in entries if entry[0] not in stale]
        refused: dict[int, tuple[str, str]] = {}
        inserts = self._inserts[task["again"]]
        if singly:
            self._insert_singly(entries, inserts, found, refused)
        else:
            self._insert([entry for _, entry in entries], inserts, found)
        for token in known:
            key = found[token][0] if token in found else None
            if key is not None and (used[token] is None or used[token] < task["noted"]):
                connection.execute(self._touch, {"now": task["now"], "key": key})
        connection.execute("COMMIT")
        # Only now: what is committed to a file that nobody finds any more is not to be acknowledged.
        self._check()
        # A caller may be both: judged by a guess for one request, and looked up for another.
        asked = {*task["lookups"], *stale}
        told = {token: columns for token, columns in found.items() if token in asked}
        return DONE, told, refused, stale

    def _find(
        self, task: Mapping[str, Any], tokens: Iterable[TokenKey]
    ) -> tuple[dict[TokenKey, tuple[Any, ...]], dict[TokenKey, str | None]]:
        """By token, the columns of the callers that are valid, and when their last use was noted."""
        assert self._connection is not None
        found, used = {}, {}
        for token in tokens:
            prefix, digest = token
            given = {"prefix": prefix, "digest": digest, "now": task["now"]}
            row = self._connection.execute(self._find_caller, given).fetchone()
            if row is not None:
                *columns, used[token] = row
                found[token] = tuple(columns)
        return found, used

    def _insert(
        self, entries: Sequence[Entry], inserts: Sequence[str], callers: Mapping[TokenKey, tuple[Any, ...]]
    ) -> None:
        assert self._connection is not None
        insert_key, insert_event, tell_of_key = inserts
        made = [(row, callers[caller][0] if caller else None) for caller, row, _ in entries if row is not None]
        events = [event for _, _, event in entries if event is not None]
        self._connection.executemany(insert_key, [row[:-ORIGIN] for row, _ in made])
        self._connection.executemany(tell_of_key, [_told(row, caller) for row, caller in made])
        self._connection.executemany(insert_event, events)

    def _insert_singly(
        self,
        entries: Sequence[tuple[int, Entry]],
        inserts: Sequence[str],
        callers: Mapping[TokenKey, tuple[Any, ...]],
        refused: dict[int, tuple[str, str]],
    ) -> None:
        """Insert entry by entry, so that one which the database refuses fails alone."""
        assert self._connection is not None
        for number, entry in entries:
            self._connection.execute("SAVEPOINT entry")
            try:
                self._insert([entry], inserts, callers)
            except sqlite3.IntegrityError as error:
                refused[number] = CONFLICT, str(error)
            except ValueError as error:
                refused[number] = UNFIT, type(error).__name__
            if number in refused:
                self._connection.execute("ROLLBACK TO entry")
            self._connection.execute("RELEASE entry")


def _told(row: tuple[Any, ...], caller: str | None) -> Mapping[str, Any]:
    """What tells of a new key: its row, and the key that made it."""
    address, request_id, document = row[-ORIGIN:]
    return {
        "id": row[0],
        "org_id": row[1],
        "created_at": row[8],
        "caller": caller,
        "address": address,
        "request_id": request_id,
        "document": document,
    }


def receive(line: socket.socket) -> Any:
    """Wait for a message.

    Raises:
        EOFError: the other end is closed.
    """
    return marshal.loads(_read(line, LENGTH.unpack(_read(line, LENGTH.size))[0]))  # noqa: S302 - our own process wrote it


def message(value: Any) -> bytes:
    """A value as it is sent."""
    text = marshal.dumps(value)
    return LENGTH.pack(len(text)) + text


def _read(line: socket.socket, size: int) -> bytes:
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        count = line.recv_into(view[filled:])
        if count == 0:
            raise EOFError
        filled += count
    return bytes(buffer)


def main(descriptor: int) -> None:
    """Serve one end of a socket pair until the other is closed."""
    # A terminal's and a supervisor's signals come to every process of a group: this one ends when its owner has.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as line, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        writer = Writer(*receive(line))
        while True:
            task = receive(line)
            line.sendall(message(writer.carry_out(task)))
            writer.tidy(len(task["entries"]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
