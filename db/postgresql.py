"""PostgreSQL: its connections, and transactions for administration."""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import uuid4

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.errors import DatabaseUnavailable
from db.url import PostgreSQLURL

T = TypeVar("T")

_PASSING: Final = ("08", "40", "53", "57P", "25006", "58", "0A000")
"""SQLSTATEs, or how they begin, of what may be gone a moment later: a lost connection (08), a serialization failure or
deadlock (40001, 40P01), too many connections (53), a server that stops or starts (57P), a primary that became a standby
(25006), a fault of its system (58), a plan cached from before a migration (0A000).
https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_LOST: Final = (OSError, TimeoutError, sa.exc.TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""No connection, or no longer; the server said nothing."""


def make_engine(url: PostgreSQLURL, *, connections: int, deadline: float) -> AsyncEngine:
    """Make an engine that connects when it is first used; `deadline` is in seconds, for a connection."""
    # asyncpg reads the URL itself: it knows several hosts, sockets and TLS options as libpq does, and SQLAlchemy, which
    # would show it in a `repr`, never sees the password.
    options: dict[str, Any] = {"dsn": url.dsn, "timeout": deadline}
    if url.statement_cache is not None:
        options |= {
            "statement_cache_size": url.statement_cache,
            "prepared_statement_cache_size": url.statement_cache,
            # Behind a PgBouncer that shares server connections, numbered names would meet (SQLAlchemy, «Prepared
            # Statement Name with PGBouncer»).
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__",
        }
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args=options,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=deadline,
        hide_parameters=True,
    )


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
    return f"the database server: {reason}: {_MEND}" if isinstance(error, OSError) else f"the database server: {reason}"


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
            async with self._engine.begin() as connection:
                return await connection.run_sync(function)
        except (sa.exc.IntegrityError, sa.exc.DataError):
            raise
        except (sa.exc.DBAPIError, asyncpg.PostgresError, *_LOST) as error:
            raise DatabaseUnavailable(explain(unwrap(error))) from error

    async def create(self) -> None:
        """Make nothing: a database on a server is its administrator's to make."""

    async def ping(self) -> None:
        """Ask the server for an answer.

        Raises:
            DatabaseUnavailable: there is none.
        """
        await self.run(lambda connection: connection.execute(sa.select(1)).close())

    async def exists(self) -> bool:
        """Whether there is a database; one on a server is only known by connecting."""
        return True

    async def aclose(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
