"""SQLite's engine of the hot path: hands batches to a process of its own, one after another."""

import asyncio
import logging
import marshal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from db import sqlite_process
from db.audit import Event
from db.batch import Batch, Row
from db.callers import Known
from db.column_types import decode_json, encode_json, encode_timestamp
from db.errors import KeyConflict
from db.identifiers import uuid_of
from db.keys import Caller, NewKey, TokenKey
from db.sqlite import DatabaseFile, explain_code, is_locked_code
from db.sqlite_statements import SQLITE_FIND, SQLITE_INSERTS, SQLITE_TOUCH
from db.statements import LAST_USED_INTERVAL

logger = logging.getLogger("imtegrate")

LOCK_PATIENCE: Final = 0.1
"""Seconds that SQLite itself waits for another process' lock before we look whether anybody still waits for us."""

START_PAUSE: Final = 0.1
"""Seconds before a process that ended by itself is started again."""

END_PATIENCE: Final = 5.0
"""Seconds that a process has to end in, once its socket is closed, before it is killed."""


class SQLiteWriter:
    """Carries batches out in a process of its own, over a connection of its own; starts it again should it end."""

    concurrency: Final = 1
    """SQLite lets one transaction write at a time."""

    def __init__(self, file: DatabaseFile) -> None:
        """Serve one file; it need not exist before the first batch."""
        self._file = file
        self._path = file.path
        self._process: _Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, batch: Batch, finished: Callable[[Batch], None]) -> None:
        """Hand a batch to the process; then call `finished`."""
        if self._process is not None and not self._process.ended:
            self._process.ask(_task_of(batch), lambda answer: self._take(batch, finished, answer))
        else:
            self._later(batch, finished, 0)

    async def aclose(self) -> None:
        """End the process, and so close the file."""
        for task in self._tasks:
            task.cancel()
        process, self._process = self._process, None
        if process is not None:
            await process.aclose()

    def key_row(self, key: NewKey) -> Row:
        """Give the columns `INSERTED` and `ORIGIN` as the types of `db.tables` keep them on SQLite."""
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
            None if key.expires_at is None else encode_timestamp(key.expires_at),
            key.origin.address,
            key.origin.request_id,
            key.origin.document,
        )

    def event_row(self, event: Event) -> Row:
        """Give the columns of `AUDIT_EVENTS`, likewise."""
        return (
            event.id.hex,
            encode_timestamp(event.at),
            event.action,
            None if event.key_id is None else event.key_id.hex,
            None if event.org_id is None else event.org_id.hex,
            None if event.subject_id is None else event.subject_id.hex,
            event.address,
            event.request_id,
            event.document,
            event.detail,
        )

    def _later(self, batch: Batch, finished: Callable[[Batch], None], pause: float) -> None:
        task = batch.loop.create_task(self._start_again(batch, finished, pause))
        # The loop itself holds tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_again(self, batch: Batch, finished: Callable[[Batch], None], pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            if self._process is None or self._process.ended:
                identity = self._file.identify()
                self._process = await _Process.start(
                    (str(self._path), identity, LOCK_PATIENCE, SQLITE_FIND, SQLITE_TOUCH, SQLITE_INSERTS)
                )
        except OSError as error:
            batch.trouble = f"the process that writes to {self._path} cannot be started: {error.strerror}"
            self._retry(batch, finished)
            return
        self.start(batch, finished)

    def _retry(self, batch: Batch, finished: Callable[[Batch], None], pause: float = START_PAUSE) -> None:
        if batch.abandoned:
            finished(batch)
        else:
            self._later(batch, finished, pause)

    def _take(self, batch: Batch, finished: Callable[[Batch], None], answer: tuple[Any, ...] | None) -> None:
        """Go by the answer to a batch; None: the process ended before it gave one, and the outcome is unknown."""
        if answer is None:
            batch.trouble = f"the process that writes to {self._path} has ended"
            batch.again = True
            self._retry(batch, finished)
        elif answer[0] == sqlite_process.FAILED:
            _, code, text = answer
            batch.trouble = explain_code(code, text, self._path)
            if is_locked_code(code):
                self._retry(batch, finished, 0)
            else:
                batch.failure = batch.trouble
                finished(batch)
        else:
            _note(batch, *answer[1:])
            finished(batch)


def _task_of(batch: Batch) -> bytes:
    """What the process is told of a batch."""
    now = datetime.now(UTC)
    batch.writes = batch.pending()
    return sqlite_process.message(
        {
            "lookups": list(batch.lookups),
            "known": {request.token: request.known.columns for request in batch.writes if request.known is not None},
            "entries": [(one.caller, one.row, one.event) for one in batch.writes],
            "again": batch.again,
            "now": encode_timestamp(now),
            "noted": encode_timestamp(now - LAST_USED_INTERVAL),
        }
    )


def _note(
    batch: Batch,
    found: Mapping[TokenKey, tuple[Any, ...]],
    refused: Mapping[int, tuple[str, str]],
    stale: Sequence[TokenKey] = (),
) -> None:
    """Note what the process has told."""
    batch.found = {token: _known(*columns) for token, columns in found.items()}
    batch.stale = set(stale)
    for number, (kind, text) in refused.items():
        request = batch.writes[number]
        if kind == sqlite_process.CONFLICT:
            request.error = KeyConflict(text)
        else:
            # Not the driver's own message, which may show the value.
            request.error = ValueError(f"a member of the key is no value of its column: {text}")
    batch.done = True


def _known(key: str, org_id: str, scopes: str, env: str, expires_at: str | None) -> Known:
    expiry = None if expires_at is None else datetime.fromisoformat(expires_at)
    caller = Caller(uuid_of(key), uuid_of(org_id), decode_json(scopes), decode_json(env), expiry)
    return Known(caller, (key, org_id, scopes, env, expires_at))


class _Process(asyncio.Protocol):
    """The process, and our end of the line to it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answered: Callable[[tuple[Any, ...] | None], None] | None = None
        self.ended = False
        """It answers no more."""

    @classmethod
    async def start(cls, settings: Sequence[Any]) -> "_Process":
        """Start one.

        Raises:
            OSError: there can be none.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                # Isolated and without site-packages: it is there in 20 ms, and takes 12 MB.
                command = [sys.executable, "-IS", sqlite_process.__file__, str(theirs.fileno())]
                process = subprocess.Popen(  # noqa: ASYNC220, S603 - it takes 1 ms, and is our own program
                    command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
                )
            except OSError:
                ours.close()
                raise
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(lambda: cls(process), sock=ours)
        transport.write(sqlite_process.message(settings))
        return protocol

    def ask(self, task: bytes, answered: Callable[[tuple[Any, ...] | None], None]) -> None:
        """Send a task; `answered` is called with the answer, or with None should the process end before."""
        assert self._answered is None  # one at a time
        assert self._transport is not None
        self._answered = answered
        self._transport.write(task)

    def connection_made(self, transport: Any) -> None:
        """The line is open."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._buffer += data
        size = sqlite_process.LENGTH.size
        if len(self._buffer) < size:
            return
        end = size + sqlite_process.LENGTH.unpack_from(self._buffer)[0]
        if len(self._buffer) >= end:
            answer = marshal.loads(memoryview(self._buffer)[size:end])  # noqa: S302 - our own process wrote it
            del self._buffer[:end]
            self._answer(answer)

    def connection_lost(self, _error: Exception | None) -> None:
        """The process has ended, or we have closed the line."""
        if not self.ended:
            self.ended = True
            # It is gone, or about to be: nobody waits for it longer than that takes.
            self._process.kill()
            code = self._process.wait()
            logger.error("the process that writes to the database has ended (exit code %d): replaced by another", code)
        if self._answered is not None:
            self._answer(None)

    async def aclose(self) -> None:
        """Have it end."""
        assert self._transport is not None
        self.ended = True
        self._transport.close()
        try:
            await asyncio.to_thread(self._process.wait, END_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answer(self, answer: tuple[Any, ...] | None) -> None:
        answered, self._answered = self._answered, None
        assert answered is not None  # it speaks only when it is asked
        answered(answer)
