"""Requests that share one transaction."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from db.errors import DatabaseUnavailable
from db.keys import Caller, NewKey

Row = tuple[Any, ...]
"""A new key as the engine's driver takes it."""


class Request:
    """One caller's wish: to find a key by `digest`, and if `decide` is given, to insert the key that it decides on."""

    __slots__ = ("decide", "digest", "error", "expires", "future", "outcome", "row")

    def __init__(
        self,
        future: asyncio.Future[Any],
        digest: bytes | None,
        decide: Callable[[Caller | None], NewKey] | None,
        expires: float,
    ) -> None:
        self.future = future
        self.digest = digest
        self.decide = decide
        self.expires = expires
        """Seconds on the clock `time.monotonic`."""
        self.outcome: Caller | NewKey | None = None
        self.error: BaseException | None = None
        self.row: Row = ()
        """Of the new key; empty until `decide` gave one."""


class Batch:
    """The requests of one transaction.

    The event loop makes it and settles it; in between it belongs to the engine. Only the futures are shared: one may be
    done at any moment, because its client is gone or its deadline has passed, and its request is then left out.
    """

    __slots__ = ("done", "failure", "loop", "requests", "trouble")

    def __init__(self, loop: asyncio.AbstractEventLoop, requests: list[Request]) -> None:
        self.loop = loop
        self.requests = requests
        self.done = False
        """It is committed, or has nothing to commit."""
        self.failure: str | None = None
        """Why none of it was done, in one line."""
        self.trouble: str | None = None
        """What keeps it waiting, in one line."""

    @property
    def abandoned(self) -> bool:
        """Nobody waits for it any more."""
        return all(request.future.done() for request in self.requests)

    @property
    def writes(self) -> bool:
        """A key may have to be inserted."""
        return any(request.decide is not None for request in self.requests)

    def digests(self) -> list[bytes]:
        """The keys to find, each once."""
        return list({request.digest: None for request in self.requests if request.digest is not None})

    def judge(self, callers: Mapping[bytes, Caller], encode: Callable[[NewKey], Row]) -> list[Request]:
        """Have each request decide on its caller, once; give those with a row to insert.

        What `decide` or `encode` raises fails its request alone.
        """
        accepted = []
        for request in self.requests:
            if not request.row and request.error is None and not request.future.done():
                caller = None if request.digest is None else callers.get(request.digest)
                if request.decide is None:
                    request.outcome = caller
                    continue
                try:
                    request.outcome = key = request.decide(caller)
                    request.row = encode(key)
                except StopIteration as error:
                    # No future takes one (PEP 479).
                    request.error = RuntimeError(repr(error))
                except BaseException as error:  # noqa: BLE001 - it is the request's, which gets it
                    request.error = error
            if request.row and request.error is None:
                accepted.append(request)
        return accepted

    def break_off(self, fault: Exception) -> None:
        """Fail every request with a fault that is not the database's: a bug, to be seen where it is awaited."""
        for request in self.requests:
            request.error = request.error or fault

    def settle(self) -> None:
        """Tell everyone who still waits what became of their request."""
        for request in self.requests:
            error = request.error
            if error is None and not self.done:
                # One of its own each: an exception that many raise gathers all their tracebacks.
                error = DatabaseUnavailable(self.failure or "the transaction was broken off")
            settle(request, error)


def settle(request: Request, error: BaseException | None) -> None:
    """Tell whoever waits for a request, if anybody still does."""
    future = request.future
    if future.done():
        return
    if error is None:
        future.set_result(request.outcome)
    else:
        future.set_exception(error)


def expire(requests: Iterable[Request], now: float, reason: str) -> float | None:
    """Fail the requests that are past their deadline; give the next deadline, None if nobody waits."""
    upcoming = None
    for request in requests:
        if request.future.done():
            continue
        if request.expires <= now:
            settle(request, DatabaseUnavailable(reason))
        elif upcoming is None or request.expires < upcoming:
            upcoming = request.expires
    return upcoming
