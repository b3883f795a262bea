"""Several PostgreSQL servers of which one is wanted: all are tried at once, and the first that will do is taken.

asyncpg tries one after another within one timeout, so that a host which hangs keeps it from those that follow.
"""

import asyncio
from typing import Any, Final

import asyncpg

from db.url import Host, PostgreSQLURL

HOST_TIMEOUT: Final = 2.0
"""Seconds that one of several hosts has to let us in, at most; half the deadline if that is less."""

_PREFERENCES: Final = {"prefer-standby": ("standby", "any")}
"""Values of `target_session_attrs` (libpq, «Parameter Key Words») that take a second round if the first finds none."""


class NoHostServes(OSError):
    """None of several hosts let us in, or none has the role that is wanted; names each with its reason."""


async def connect(url: PostgreSQLURL, *, deadline: float, **options: Any) -> Any:
    """Connect to the host of a URL, or to the first of several that has the role `target_session_attrs`.

    Args:
        url: whose hosts are meant.
        deadline: seconds.
        options: what else `asyncpg.connect` takes.

    Raises:
        NoHostServes: none of several hosts will do.
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: as `asyncpg.connect` raises them.
    """
    if not url.hosts:
        return await asyncpg.connect(url.dsn, timeout=deadline, **options)
    timeout = min(HOST_TIMEOUT, deadline / 2)
    rounds = _PREFERENCES.get(url.role, (url.role,))
    for number, role in enumerate(rounds, 1):
        try:
            return await _race(url, {"timeout": timeout, "target_session_attrs": role, **options})
        except NoHostServes:
            if number == len(rounds):
                raise
    raise AssertionError("there is a round at least")


async def _race(url: PostgreSQLURL, options: dict[str, Any]) -> Any:
    """Connect to all hosts at once; give the first that is let in, and wait for none of the others."""
    racing = {
        asyncio.create_task(asyncpg.connect(url.dsn, host=host.name, port=host.port, **options)): host
        for host in url.hosts
    }
    reasons: dict[Host, Exception] = {}
    try:
        while racing:
            done, _ = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                host = racing.pop(task)
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, Exception):
                    raise error
                reasons[host] = error
    finally:
        for task in racing:
            task.cancel()
            task.add_done_callback(_let_go)
    raise _gather(reasons)


def _let_go(task: "asyncio.Task[Any]") -> None:
    """Close a connection that came in too late; look at an error, which nobody else will."""
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()


def _gather(reasons: dict[Host, Exception]) -> Exception:
    """Make one error of all; a refusal that no waiting mends, such as a wrong password, stands for the rest."""
    final: tuple[type[Exception], ...] = (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
    )
    hopeless = [error for error in reasons.values() if isinstance(error, final)]
    if hopeless:
        return hopeless[0]
    told = (f"{host}: {' '.join(str(error).split()) or 'no answer'}" for host, error in reasons.items())
    return NoHostServes(f"no host serves ({'; '.join(told)})")
