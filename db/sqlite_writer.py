"""SQLite's engine of the hot path: one thread that carries batches out."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from db.batch import Batch, Request, Row
from db.column_types import decode_json, encode_json, encode_timestamp
from db.errors import KeyConflict
from db.keys import Caller, NewKey
from db.sqlite import connect, explain, is_locked
from db.statements import LAST_USED_INTERVAL, SQLITE_INSERT, sqlite_find, sqlite_touch

LOCK_PATIENCE: Final = 0.1
"""Seconds that SQLite itself waits for another process' lock before we look whether anybody still waits for us."""


class SQLiteWriter:
    """Carries batches out in a thread of its own, over a connection of its own, one after another."""

    concurrency: Final = 1
    """SQLite lets one transaction write at a time."""

    def __init__(self, path: Path) -> None:
        """Serve one file; it need not exist before the first batch."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None
        # Not an executor: its futures and locks cost more than the hand-over itself.
        self._queue: queue.SimpleQueue[tuple[Batch, Callable[[Batch], None]] | None] = queue.SimpleQueue()

    def start(self, batch: Batch, finished: Callable[[Batch], None]) -> None:
        """Hand a batch to the thread; `finished` is called on the batch's loop, once for all its requests."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="imtegrate-sqlite", daemon=True)
            self._thread.start()
        self._queue.put((batch, finished))

    async def aclose(self) -> None:
        """End the thread and close the file."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            batch, finished = work
            self._carry_out(batch)
            # A closed loop raises: nobody waits there.
            with contextlib.suppress(RuntimeError):
                batch.loop.call_soon_threadsafe(finished, batch)
            # The queue's next item may be long in coming: keep no request alive until then.
            del work, batch, finished
        self._disconnect()

    def _carry_out(self, batch: Batch) -> None:
        while not batch.abandoned:
            try:
                if self._connection is None:
                    self._connection = connect(self._path, LOCK_PATIENCE)
                if batch.writes:
                    _write(self._connection, batch)
                else:
                    batch.judge(_find(self._connection, batch.digests())[0], _row)
            except sqlite3.Error as error:
                batch.trouble = explain(error, self._path)
                if not is_locked(error):
                    self._disconnect()
                    batch.failure = batch.trouble
                    return
                if self._connection is not None and self._connection.in_transaction:
                    self._disconnect()
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread must live on
                self._disconnect()
                batch.break_off(error)
                return
            else:
                batch.done = True
                return

    def _disconnect(self) -> None:
        """Drop the connection, and with it what is not committed; the next batch opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _write(connection: sqlite3.Connection, batch: Batch) -> None:
    """Find the callers, have them judged, insert what was decided: one transaction."""
    # As a writer from the start: one that becomes a writer later cannot wait for a lock (SQLITE_BUSY_SNAPSHOT).
    connection.execute("BEGIN IMMEDIATE")
    callers, stale = _find(connection, batch.digests())
    accepted = batch.judge(callers, _row)
    try:
        _insert(connection, accepted)
    except (sqlite3.IntegrityError, ValueError):
        connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        _insert_singly(connection, accepted)
    if stale:
        connection.execute(sqlite_touch(len(stale)), (encode_timestamp(datetime.now(UTC)), *stale))
    connection.execute("COMMIT")


def _find(connection: sqlite3.Connection, digests: Sequence[bytes]) -> tuple[dict[bytes, Caller], list[str]]:
    """Give the keys that are not revoked by digest, and the ids of those whose use has to be noted again."""
    callers: dict[bytes, Caller] = {}
    stale: list[str] = []
    if digests:
        noted = encode_timestamp(datetime.now(UTC) - LAST_USED_INTERVAL)
        for digest, key, org_id, scopes, env, used in connection.execute(sqlite_find(len(digests)), digests).fetchall():
            callers[digest] = Caller(UUID(key), UUID(org_id), decode_json(scopes), decode_json(env))
            if used is None or used < noted:
                stale.append(key)
    return callers, stale


def _row(key: NewKey) -> Row:
    """Give the columns `INSERTED` as the types of `db.tables` keep them on SQLite."""
    return (
        key.id.hex,
        key.org_id.hex,
        key.prefix,
        key.digest,
        encode_json(key.name),
        encode_json(key.scopes),
        encode_json(key.env),
        encode_json(key.extra),
        encode_timestamp(key.created_at),
    )


def _insert(connection: sqlite3.Connection, accepted: Sequence[Request]) -> None:
    # Measured: one INSERT of many VALUES, or one from json_each(?), gives the interpreter lock away less often, but
    # takes 1.5 and 2 times the processor time of this.
    connection.executemany(SQLITE_INSERT, [request.row for request in accepted])


def _insert_singly(connection: sqlite3.Connection, accepted: Sequence[Request]) -> None:
    """Insert row by row, so that one which the database refuses fails alone."""
    for request in accepted:
        try:
            connection.execute(SQLITE_INSERT, request.row)
        except sqlite3.IntegrityError as error:
            request.error = KeyConflict(str(error))
        except ValueError as error:
            request.error = error
