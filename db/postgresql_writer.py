"""PostgreSQL's engine of the hot path: a few tasks that carry batches out over SQLAlchemy's pool."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from db.batch import Batch, Request, Row
from db.column_types import as_utc, decode_json, encode_json
from db.errors import KeyConflict
from db.keys import Caller, NewKey
from db.postgresql import confirm, explain, is_moved, is_passing, unwrap
from db.statements import (
    LAST_USED_INTERVAL,
    POSTGRESQL_FIND,
    POSTGRESQL_INSERT,
    POSTGRESQL_INSERT_AGAIN,
    POSTGRESQL_TOUCH,
)

_REFUSALS: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
"""A row is at fault, not the database."""

FIRST_PAUSE: Final = 0.01
"""Seconds before a batch is tried again, on average; doubled each time up to `LAST_PAUSE`."""
LAST_PAUSE: Final = 0.5


class PostgreSQLWriter:
    """Carries batches out, several at once, each over a connection of its own."""

    def __init__(self, engine: AsyncEngine, *, concurrency: int, deadline: float) -> None:
        """Use an engine, whose pool has `concurrency` connections; `deadline` is in seconds for one attempt."""
        self._engine = engine
        self._deadline = deadline
        self.concurrency = concurrency
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, batch: Batch, finished: Callable[[Batch], None]) -> None:
        """Carry a batch out in a task; then call `finished`."""
        task = batch.loop.create_task(self._carry_out(batch, finished))
        # The loop itself holds tasks only weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Nothing is ours: the engine is its maker's to dispose of."""

    @asynccontextmanager
    async def _connect(self) -> AsyncGenerator[Any, None]:
        """Lend a connection of asyncpg's own from the pool."""
        async with self._engine.connect() as pooled:
            connection: Any = (await pooled.get_raw_connection()).driver_connection
            try:
                yield connection
            except BaseException as error:
                # What state it is in is not worth finding out, unless the server itself said what is wrong.
                if connection.is_closed() or not isinstance(error, asyncpg.PostgresError) or is_moved(error):
                    await pooled.invalidate()
                raise

    async def _carry_out(self, batch: Batch, finished: Callable[[Batch], None]) -> None:
        attempt = _Attempt(batch)
        pause = FIRST_PAUSE
        try:
            while not batch.abandoned:
                try:
                    async with asyncio.timeout(self._deadline), self._connect() as connection:
                        await attempt.run(connection)
                except Exception as raised:  # noqa: BLE001 - whatever it is, the requests get it
                    error = unwrap(raised)
                    batch.trouble = explain(error)
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


class _Attempt:
    """What is known of a batch from one attempt to the next."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._singly = False
        """A row is refused: which one is seen by inserting each alone."""
        self._again = False
        """A commit was asked for and its outcome is unknown: the rows may be there."""

    async def run(self, connection: Any) -> None:
        batch = self._batch
        if not batch.writes:
            batch.judge((await _find(connection, batch.digests()))[0], _row)
            return
        try:
            await self._write(connection)
        except _REFUSALS:
            if self._singly:
                raise
            self._singly = True
            await self._write(connection)

    async def _write(self, connection: Any) -> None:
        """Find the callers, have them judged, insert what was decided: one transaction."""
        batch = self._batch
        transaction = connection.transaction()
        await transaction.start()
        try:
            callers, stale = await _find(connection, batch.digests())
            accepted = batch.judge(callers, _row)
            insert = POSTGRESQL_INSERT_AGAIN if self._again else POSTGRESQL_INSERT
            if self._singly:
                await _insert_singly(connection, insert, accepted)
            elif accepted:
                await _insert(connection, insert, accepted)
            if self._again and accepted:
                # What writes nothing waits for no standby, and the rows may be there on this server alone.
                ids = [request.row[0] for request in accepted]
                await connection.execute("UPDATE api_keys SET id = id WHERE id = ANY($1)", ids)
            if stale:
                await connection.execute(POSTGRESQL_TOUCH, datetime.now(UTC), stale)
        except (asyncpg.PostgresError, *_REFUSALS):
            if not connection.is_closed():
                await transaction.rollback()
            raise
        self._again = True
        await transaction.commit()
        confirm(connection)


async def _find(connection: Any, digests: Sequence[bytes]) -> tuple[dict[bytes, Caller], list[UUID]]:
    """Give the keys that are not revoked by digest, and the ids of those whose use has to be noted again."""
    callers: dict[bytes, Caller] = {}
    stale: list[UUID] = []
    if digests:
        noted = datetime.now(UTC) - LAST_USED_INTERVAL
        for digest, key, org_id, scopes, env, used in await connection.fetch(POSTGRESQL_FIND, digests):
            callers[digest] = Caller(key, org_id, decode_json(scopes), decode_json(env))
            if used is None or used < noted:
                stale.append(key)
    return callers, stale


def _row(key: NewKey) -> Row:
    """Give the columns `INSERTED` as the types of `db.tables` keep them on PostgreSQL."""
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
    )


async def _insert(connection: Any, insert: str, accepted: Sequence[Request]) -> None:
    columns = zip(*(request.row for request in accepted), strict=True)
    await connection.execute(insert, *(list(column) for column in columns))


async def _insert_singly(connection: Any, insert: str, accepted: Sequence[Request]) -> None:
    """Insert row by row, so that one which the database refuses fails alone."""
    for request in accepted:
        try:
            async with connection.transaction():
                await _insert(connection, insert, [request])
        except asyncpg.IntegrityConstraintViolationError as error:
            request.error = KeyConflict(error.constraint_name or error.sqlstate)
        except asyncpg.DataError as error:
            # Not the driver's own message, which shows the value.
            request.error = ValueError(f"a member of the key is no value of its column: {type(error).__name__}")
