"""PostgreSQL: its connections, and transactions for administration."""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4
from weakref import WeakSet

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db import schema
from db.errors import DatabaseUnavailable
from db.postgresql_hosts import connect
from db.postgresql_statements import POSTGRESQL_WRITE
from db.url import PostgreSQLURL

T = TypeVar("T")

_PASSING: Final = ("08", "25006", "25P", "26000", "40", "53", "55P03", "57", "58", "0A000", "XX000")
"""SQLSTATEs, or how they begin, of what may be gone a moment later: a lost connection (08), a primary that became a
standby (25006), a session that was too long in a transaction (25P), a statement that PgBouncer left on another
connection (26000), a serialization failure or deadlock (40001, 40P01), too many connections (53), a lock that others
hold (55P03), a server that stops or starts, and a statement that somebody or `statement_timeout` broke off (57), a
fault of its system (58), a plan cached from before a migration (0A000), or one of a type that was made anew (XX000).
https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_MOVED: Final = ("08", "25006", "25P", "57P", "XX000")
"""SQLSTATEs, or how they begin, after which a connection is of no more use: another server may be the primary now, or
what the connection knows is out of date."""

_TOO_MANY: Final = "53300"
"""SQLSTATE `too_many_connections`."""

PLAN_LIFETIME: Final = 1
"""Seconds that a prepared statement, and so its plan, is kept. The server would keep for ever (until the table's next
ANALYZE) what it planned while the table was all but empty: to read the whole of it with every batch. Measured on a new
database: six tenths of the server's time."""

KEEPALIVE: Final = 10
"""Seconds without a word after which the system asks whether a server's machine is still there; again each second."""


class CommitUnconfirmed(Exception):
    """The server says that it committed, but it gave up waiting for the standbys that were to have it, too.

    A failover may lose the transaction: its outcome is unknown.
    """

    def __init__(self) -> None:
        super().__init__("a commit was broken off while it waited for a synchronous standby: its outcome is unknown")


_LOST: Final = (
    OSError,
    TimeoutError,
    sa.exc.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    CommitUnconfirmed,
)
"""No connection, or no longer, or no word that counts."""

_unconfirmed: Final[WeakSet[Any]] = WeakSet()
"""Connections of asyncpg whose last commit no standby confirmed."""


def make_engine(url: PostgreSQLURL, *, connections: int, deadline: float) -> AsyncEngine:
    """Make an engine that connects when it is first used; `deadline` is in seconds, for a connection."""
    # asyncpg reads the URL itself: it knows sockets and TLS options as libpq does, and SQLAlchemy, which would show it
    # in a `repr`, never sees the password.
    options: dict[str, Any] = {
        "async_creator_fn": partial(_connect, url, deadline),
        "max_cached_statement_lifetime": PLAN_LIFETIME,
    }
    if url.statement_cache is not None:
        options |= {
            "statement_cache_size": url.statement_cache,
            "prepared_statement_cache_size": url.statement_cache,
            # Behind a PgBouncer that shares server connections, numbered names would meet (SQLAlchemy, «Prepared
            # Statement Name with PGBouncer»).
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__",
        }
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=options,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=deadline,
        hide_parameters=True,
        execution_options={"advisory_lock": url.advisory_lock},
    )
    _keep_fresh(engine)
    return engine


async def _connect(url: PostgreSQLURL, deadline: float, **options: Any) -> Any:
    connection = await connect(url, deadline=deadline, **options)
    connection.add_log_listener(_note)
    line = connection._transport.get_extra_info("socket")  # noqa: SLF001 - asyncpg has no other way to its socket
    if line is not None and line.family != socket.AF_UNIX:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * deadline))
    return connection


def _note(connection: Any, message: Any) -> None:
    # By the server's own function, in syncrep.c: the text is in the server's language, and 01000 is any warning's.
    if message.server_source_function == "SyncRepWaitForLSN":
        _unconfirmed.add(connection)


def confirm(connection: Any) -> None:
    """See, after a commit over a connection of asyncpg, that it went as far as `synchronous_commit` asks.

    Raises:
        CommitUnconfirmed: the wait for a standby was broken off (`pg_cancel_backend`).
    """
    if connection in _unconfirmed:
        _unconfirmed.discard(connection)
        raise CommitUnconfirmed


def is_moved(error: BaseException) -> bool:
    """Whether a connection that raised this is to be dropped, though the server did answer."""
    return str(getattr(error, "sqlstate", None) or "").startswith(_MOVED)


def _keep_fresh(engine: AsyncEngine) -> None:
    """Lend no dead connection; when one proves lost, drop the idle ones with it: they led to the same server."""
    idle: set[Any] = set()
    pool = engine.sync_engine.pool

    def lend(connection: Any, _record: object, _proxy: object) -> None:
        idle.discard(connection.driver_connection)
        if connection.driver_connection.is_closed():
            raise sa.exc.DisconnectionError

    def take_back(connection: Any, _record: object) -> None:
        if connection is not None:
            idle.add(connection.driver_connection)

    def drop(connection: Any, _record: object, _error: object) -> None:
        # At once: SQLAlchemy would take leave of a server that hangs, for two seconds each.
        for each in (connection.driver_connection, *idle):
            each.terminate()
        idle.clear()

    def judge(context: sa.ExceptionContext) -> None:
        if is_moved(context.original_exception):
            context.is_disconnect = True

    sa.event.listen(pool, "checkout", lend)
    sa.event.listen(pool, "checkin", take_back)
    sa.event.listen(pool, "invalidate", drop)
    sa.event.listen(engine.sync_engine, "handle_error", judge)


def unwrap(error: Exception) -> Exception:
    """Give the driver's own error for one that SQLAlchemy wrapped."""
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        cause = error.orig.__cause__ or error.orig
        return cause if isinstance(cause, Exception) else error
    return error


def is_passing(error: Exception) -> bool:
    """Whether the same may succeed a moment later, perhaps on another server."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "").startswith(_PASSING)
    return isinstance(error, _LOST)


def explain(error: Exception) -> str:
    """Say in one line why the server does not serve."""
    if isinstance(error, TimeoutError | sa.exc.TimeoutError):
        return f"the database server does not answer: {_MEND}"
    reason = " ".join(str(error).split()) or type(error).__name__
    if getattr(error, "sqlstate", None) == _TOO_MANY:
        return (
            f"the database server: {reason}: start fewer --workers, raise its max_connections, or put PgBouncer between"
        )
    if isinstance(error, ssl.SSLError):
        return f"the database server: {reason}: see sslmode and sslrootcert in --database-url"
    return f"the database server: {reason}: {_MEND}" if isinstance(error, OSError) else f"the database server: {reason}"


def _revision(connection: sa.Connection) -> str | None:
    """The schema's revision, if what holds it can be written to."""
    is_read_only = connection.scalar(sa.select(sa.func.current_setting("transaction_read_only"))) == "on"
    return _revision_to_write(connection) if is_read_only else schema.revision_of(connection)


def _revision_to_write(connection: sa.Connection) -> str | None:
    """The same, if keys can be made as things stand: none is, but all that makes one is asked for."""
    revision = schema.revision_of(connection)
    if revision == schema.HEAD:
        # A standby refuses it, and its connections are dropped for those to a primary.
        given = {"now": datetime.now(UTC), "callers": 0}
        connection.exec_driver_sql(
            POSTGRESQL_WRITE.text, tuple(given.get(name, []) for name in POSTGRESQL_WRITE.parameters)
        )
    return revision


_MEND: Final = "see that it runs where --database-url says"


class PostgreSQL:
    """Transactions of any kind on a PostgreSQL server."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Use an engine, and dispose of it in the end."""
        self._engine = engine

    async def run(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function in a transaction: committed when it returns, rolled back if it raises.

        Raises:
            DatabaseUnavailable: no connection by the deadline, or it failed.
            Exception: whatever the function raised.
        """
        try:
            async with self._engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                async with connection.begin():
                    result = await connection.run_sync(function)
                confirm(driver)
                return result
        except (sa.exc.IntegrityError, sa.exc.DataError):
            raise
        except (sa.exc.DBAPIError, asyncpg.PostgresError, *_LOST) as error:
            raise DatabaseUnavailable(explain(unwrap(error))) from error

    async def create(self) -> None:
        """Make nothing: a database on a server is its administrator's to make."""

    async def ping(self, *, write: bool = False) -> str | None:
        """Ask the server for the schema's revision; `write`: and whether keys can be made, tables, rights and all.

        Returns:
            The revision; None where there is none.

        Raises:
            DatabaseUnavailable: there is no answer, or it is that nothing can be written.
        """
        return await self.run(_revision_to_write if write else _revision)

    async def exists(self) -> bool:
        """Whether there is a database; one on a server is only known by connecting."""
        return True

    async def aclose(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
