"""PostgreSQL's engine of the hot path: a few tasks that carry batches out over SQLAlchemy's pool.

A batch is one statement in the ordinary case, and so one round trip and one transaction.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.audit import Event
from db.batch import Batch, Request, Row
from db.callers import Known
from db.column_types import as_utc, decode_json, encode_json
from db.errors import KeyConflict
from db.keys import Caller, NewKey, TokenKey
from db.postgresql import confirm, explain, is_moved, is_passing, unwrap
from db.postgresql_statements import (
    CALLER,
    POSTGRESQL_FIND,
    POSTGRESQL_TOUCH,
    POSTGRESQL_WRITE,
    POSTGRESQL_WRITE_AGAIN,
    POSTGRESQL_WRITE_KEY,
    POSTGRESQL_WRITE_KEYS,
    Statement,
)
from db.statements import INSERTED, JUDGED, LAST_USED_INTERVAL, ORIGIN, RECORDED
from db.tables import API_KEYS

_REFUSALS: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
"""A row is at fault, not the database."""

FIRST_PAUSE: Final = 0.01
"""Seconds before a batch is tried again, on average; doubled each time up to `LAST_PAUSE`."""
LAST_PAUSE: Final = 0.5

_JUDGED: Final = tuple(f"judged_{column.name}" for column in (API_KEYS.c.digest, *JUDGED))
_KEY: Final = tuple(f"key_{column.name}" for column in (*INSERTED, *ORIGIN, CALLER))
_EVENT: Final = tuple(f"event_{column.name}" for column in (*RECORDED, CALLER))
"""Names of parameters, in the order of a row."""


@dataclass(frozen=True, slots=True, eq=False)
class _Lane:
    """A connection that is ours until we give it back."""

    pooled: AsyncConnection
    driver: Any
    """The same, as asyncpg has it."""


class PostgreSQLWriter:
    """Carries batches out, several at once, each over a connection of its own."""

    def __init__(self, engine: AsyncEngine, *, concurrency: int, deadline: float, transactional: bool) -> None:
        """Use an engine, whose pool has `concurrency` connections.

        Args:
            engine: of asyncpg.
            concurrency: batches under way at once.
            deadline: seconds for one attempt.
            transactional: whether each statement is to stand in a transaction that is begun for it, as behind a
                PgBouncer that lends a server connection a transaction, and knows no prepared statements.
        """
        self._engine = engine
        self._deadline = deadline
        self._transactional = transactional
        self.concurrency = concurrency
        self._tasks: set[asyncio.Task[None]] = set()
        self._free: list[_Lane] = []
        """Connections that carry nothing out. They stay ours: to take one from the pool and give it back takes 0.25 ms,
        half as long as all else about a batch."""

    def start(self, batch: Batch, finished: Callable[[Batch], None]) -> None:
        """Carry a batch out in a task; then call `finished`."""
        task = batch.loop.create_task(self._carry_out(batch, finished))
        # The loop itself holds tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Give the connections back; the engine is its maker's to dispose of."""
        while self._free:
            await self._free.pop().pooled.close()

    def key_row(self, key: NewKey) -> Row:
        """Give the columns `INSERTED` and `ORIGIN` as the types of `db.tables` keep them on PostgreSQL."""
        return (
            key.id,
            key.org_id,
            key.prefix,
            key.digest,
            encode_json(key.name),
            encode_json(key.scopes),
            encode_json(key.env),
            encode_json(key.extra),
            as_utc(key.created_at),
            None if key.expires_at is None else as_utc(key.expires_at),
            key.origin.address,
            key.origin.request_id,
            key.origin.document,
        )

    def event_row(self, event: Event) -> Row:
        """Give the columns of `AUDIT_EVENTS`, likewise."""
        return (
            event.id,
            as_utc(event.at),
            event.action,
            event.key_id,
            event.org_id,
            event.subject_id,
            event.address,
            event.request_id,
            event.document,
            event.detail,
        )

    async def _lend(self) -> _Lane:
        """Take a connection that is free, else another from the pool."""
        while self._free:
            lane = self._free.pop()
            if not lane.driver.is_closed():
                return lane
            await self._drop(lane)
        pooled = await self._engine.connect()
        return _Lane(pooled, (await pooled.get_raw_connection()).driver_connection)

    async def _drop(self, lane: _Lane) -> None:
        """Give a connection up, and those that are free with it: they led to the same server."""
        # Taken at once: while these are closed, others may be lent and come back.
        dropped, self._free = [lane, *self._free], []
        for each in dropped:
            await each.pooled.invalidate()
            await each.pooled.close()

    async def _carry_out(self, batch: Batch, finished: Callable[[Batch], None]) -> None:
        pause = FIRST_PAUSE
        singly = False
        try:
            while not batch.abandoned:
                try:
                    async with asyncio.timeout(self._deadline):
                        await self._try(batch, singly=singly)
                except _REFUSALS as refusal:
                    if singly:
                        batch.failure = explain(refusal)
                        return
                    # Which row is refused is seen by inserting each alone.
                    singly = True
                    continue
                except Exception as raised:  # noqa: BLE001 - whatever it is, the requests get it
                    error = unwrap(raised)
                    batch.trouble = explain(error)
                    batch.again = True
                    if not is_passing(error):
                        if isinstance(error, asyncpg.PostgresError):
                            batch.failure = batch.trouble
                        else:
                            batch.break_off(error)
                        return
                else:
                    batch.done = True
                    return
                await asyncio.sleep(random.uniform(0, 2 * pause))  # noqa: S311 - jitter is no secret
                pause = min(2 * pause, LAST_PAUSE)
        finally:
            finished(batch)

    async def _try(self, batch: Batch, *, singly: bool) -> None:
        """Carry a batch out over one connection."""
        lane = await self._lend()
        try:
            await self._attempt(lane.driver, batch, singly=singly)
        except BaseException as error:
            # What state it is in is not worth finding out, unless the server itself said what is wrong.
            if lane.driver.is_closed() or not isinstance(error, asyncpg.PostgresError) or is_moved(error):
                # At once: a server that hangs would be taken leave of for as long.
                lane.driver.terminate()
                await self._drop(lane)
            else:
                self._free.append(lane)
            raise
        self._free.append(lane)

    async def _attempt(self, connection: Any, batch: Batch, *, singly: bool) -> None:
        now = datetime.now(UTC)
        batch.stale.clear()
        writes = batch.pending()
        if singly:
            for request in writes:
                await self._write_alone(connection, batch, request, now)
        elif writes:
            batch.stale |= await self._write(connection, writes, now, again=batch.again)
        unknown = batch.lookups | batch.stale
        batch.found = await self._find(connection, unknown, now) if unknown else {}

    async def _write_alone(self, connection: Any, batch: Batch, request: Request, now: datetime) -> None:
        """Do what one request decided, so that it fails alone if the database refuses it."""
        try:
            batch.stale |= await self._write(connection, [request], now, again=batch.again)
        except asyncpg.IntegrityConstraintViolationError as error:
            request.error = KeyConflict(error.constraint_name or error.sqlstate)
        except asyncpg.DataError as error:
            # Not the driver's own message, which shows the value.
            request.error = ValueError(f"a member of the key is no value of its column: {type(error).__name__}")

    async def _write(
        self, connection: Any, requests: Sequence[Request], now: datetime, *, again: bool
    ) -> set[TokenKey]:
        """Do what requests have decided, in one transaction; give the callers that are not what they were thought."""
        callers = {request.token: request.known.columns for request in requests if request.known is not None}
        statement, given = _statement_for(requests, callers, again=again)
        given["now"] = now
        confirmed = {digest: (key, used) for digest, key, used in await self._fetch(connection, statement, given)}
        noted = now - LAST_USED_INTERVAL
        if keys := [key for key, used in confirmed.values() if used is None or used < noted]:
            await self._fetch(connection, POSTGRESQL_TOUCH, {"now": now, "noted": noted, "keys": keys})
        return {token for token in callers if token is not None and token[1] not in confirmed}

    async def _find(self, connection: Any, tokens: Iterable[TokenKey], now: datetime) -> dict[TokenKey, Known]:
        """Give the callers that are valid, by token."""
        asked = _columns(("asked_prefix", "asked_digest"), list(tokens))
        rows = await self._fetch(connection, POSTGRESQL_FIND, {**asked, "now": now})
        return {(prefix, digest): _known(*columns) for prefix, digest, *columns in rows}

    async def _fetch(self, connection: Any, statement: Statement, given: dict[str, Any]) -> Any:
        arguments = [given[name] for name in statement.parameters]
        if self._transactional:
            async with connection.transaction():
                rows = await connection.fetch(statement.text, *arguments)
        else:
            rows = await connection.fetch(statement.text, *arguments)
        confirm(connection)
        return rows


def _statement_for(
    requests: Sequence[Request], callers: Mapping[TokenKey | None, Row], *, again: bool
) -> tuple[Statement, dict[str, Any]]:
    """What does all that requests have decided, and its parameters but `now`."""
    keys = [(*one.row, _digest_of(one.caller)) for one in requests if one.row is not None]
    events = [(*one.event, _digest_of(one.caller)) for one in requests if one.event is not None]
    judged = [(token[1], *columns) for token, columns in callers.items() if token is not None]
    if len(keys) == 1 and not events and not again:
        [caller] = judged or [(None,) * len(_JUDGED)]
        return POSTGRESQL_WRITE_KEY, {
            **dict(zip(_JUDGED, caller, strict=True)),
            **dict(zip(_KEY, keys[0], strict=True)),
        }
    given = {"callers": len(judged), **_columns(_JUDGED, judged), "keys": keys}
    if not events and not again:
        return POSTGRESQL_WRITE_KEYS, given
    return POSTGRESQL_WRITE_AGAIN if again else POSTGRESQL_WRITE, given | _columns(_EVENT, events)


def _digest_of(token: TokenKey | None) -> bytes | None:
    return None if token is None else token[1]


def _columns(names: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """Rows as arrays, one a column."""
    columns = list(zip(*rows, strict=True))
    return (
        {name: list(column) for name, column in zip(names, columns, strict=True)} if columns else {n: [] for n in names}
    )


def _known(key: Any, org_id: Any, scopes: str, env: str, expires_at: datetime | None) -> Known:
    caller = Caller(key, org_id, decode_json(scopes), decode_json(env), expires_at)
    return Known(caller, (key, org_id, scopes, env, expires_at))
