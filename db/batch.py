"""Requests that share one transaction."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from db.audit import Event, Refused
from db.callers import Guesses, Known
from db.errors import DatabaseUnavailable
from db.keys import Caller, NewKey, TokenKey

Row = tuple[Any, ...]
"""Columns as the engine's driver takes them."""

Decide = Callable[[Caller | None, datetime], NewKey | Caller | Refused]
"""Judges a caller, None if there is no such key, or no longer: what to insert, or whom to let in, or why not.

It is told the moment too, the same for all that is decided together."""


class Encoder(Protocol):
    """How an engine keeps things."""

    def key_row(self, key: NewKey) -> Row:
        """Give the columns `INSERTED`, and those of its origin."""
        ...

    def event_row(self, event: Event) -> Row:
        """Give the columns of `AUDIT_EVENTS`."""
        ...


class Request:
    """One caller's wish: to find a key by `token`, and if `decide` is given, to do what it decides."""

    __slots__ = ("decide", "error", "event", "expires", "future", "known", "outcome", "row", "token", "told")

    def __init__(
        self, future: asyncio.Future[Any], token: TokenKey | None, decide: Decide | None, expires: float
    ) -> None:
        self.future = future
        self.token = token
        self.decide = decide
        self.expires = expires
        """Seconds on the clock `time.monotonic`."""
        self.known: Known | None = None
        """The caller that the decision rests on; the database is to confirm it."""
        self.told = token is None
        """The database has told of the caller for this request: `known` is no guess, and None means nobody."""
        self.outcome: Caller | NewKey | Refused | None = None
        self.error: BaseException | None = None
        self.row: Row | None = None
        """Of the new key."""
        self.event: Row | None = None
        """Of the event to record; a new key's is made of the key."""

    @property
    def writes(self) -> bool:
        """There is something to insert."""
        return self.row is not None or self.event is not None

    @property
    def caller(self) -> TokenKey | None:
        """The token of the caller that the decision rests on; None where it rests on nobody."""
        return self.token if self.known is not None else None

    def judge(self, encoder: Encoder, moment: datetime) -> None:
        """Have `decide` decide on the caller; what it raises, or cannot be encoded, is this request's alone."""
        assert self.decide is not None
        try:
            outcome = self.decide(None if self.known is None else self.known.caller, moment)
            if isinstance(outcome, NewKey):
                self.row = encoder.key_row(outcome)
            elif isinstance(outcome, Refused):
                self.event = encoder.event_row(outcome.event)
            self.outcome = outcome
        except StopIteration as error:
            # No future takes one (PEP 479).
            self.error = RuntimeError(repr(error))
        except BaseException as error:  # noqa: BLE001 - it is the request's, which gets it
            self.error = error

    def tell(self, known: Known | None) -> None:
        """Begin anew, with what the database has told of the caller."""
        self.told = True
        self.known = known
        self.outcome = self.row = self.event = None


class Batch:
    """The requests of one transaction.

    The event loop makes it and settles it; in between it belongs to the engine. A future may be done at any moment,
    because its client is gone or its deadline has passed: its request is then left out.
    """

    __slots__ = ("again", "done", "failure", "found", "lookups", "loop", "requests", "stale", "trouble", "writes")

    def __init__(self, loop: asyncio.AbstractEventLoop, requests: list[Request]) -> None:
        self.loop = loop
        self.requests = requests
        self.lookups: set[TokenKey] = set()
        """Callers that nothing is known of."""
        self.writes: list[Request] = []
        """Requests that were decided, and have something to insert if their callers still are what they were."""
        self.found: dict[TokenKey, Known] = {}
        """By token: what the database told, of lookups and of stale callers; nothing of those that are not there."""
        self.stale: set[TokenKey] = set()
        """Callers that are not what they were: nothing of theirs was inserted."""
        self.again = False
        """A commit was asked for and its outcome is unknown: what is written may be there."""
        self.done = False
        """It is committed, or has nothing to commit."""
        self.failure: str | None = None
        """Why none of it was done, in one line."""
        self.trouble: str | None = None
        """What keeps it waiting, in one line."""

    def prepare(self, guesses: Guesses, encoder: Encoder) -> bool:
        """Decide what can be decided by guess; whether there is anything for the database to do."""
        moment = datetime.now(UTC)
        judged: dict[TokenKey | None, Known] = {}
        for request in self.requests:
            if request.future.done():
                continue
            if request.decide is None or not (request.told or self._guess(request, guesses)):
                assert request.token is not None  # only what is told has none
                self.lookups.add(request.token)
                continue
            known = request.known
            if known is not None and judged.setdefault(request.token, known).columns != known.columns:
                # Batches beside each other told of the caller before and after a change. The database confirms one
                # state of it for all of a batch, and would let pass what rests on the other.
                assert request.token is not None  # who is known has one
                self.lookups.add(request.token)
                continue
            request.judge(encoder, moment)
            if request.error is not None:
                settle(request, request.error)
            elif request.writes:
                self.writes.append(request)
            elif request.told:
                settle(request, None)
            else:
                # A guess lets nobody in.
                assert request.token is not None
                self.lookups.add(request.token)
        return bool(self.lookups or self.writes)

    @staticmethod
    def _guess(request: Request, guesses: Guesses) -> bool:
        assert request.token is not None
        request.known = guesses.get(request.token)
        return request.known is not None

    @property
    def abandoned(self) -> bool:
        """Nobody waits for it any more."""
        return all(request.future.done() for request in self.requests)

    def pending(self) -> list[Request]:
        """The writes that somebody still waits for, and that no constraint has refused."""
        return [request for request in self.writes if request.error is None and not request.future.done()]

    def break_off(self, fault: Exception) -> None:
        """Fail every request with a fault that is not the database's: a bug, to be seen where it is awaited."""
        for request in self.requests:
            request.error = request.error or fault

    def learn(self, guesses: Guesses) -> list[Request]:
        """Remember what the database told of callers; hand over the requests that are to be decided anew by it."""
        for token in self.lookups | self.stale:
            guesses.learn(token, self.found.get(token))
        if not self.done or not (self.lookups or self.stale):
            return []
        again, settled = [], []
        for request in self.requests:
            if request.decide is None or request.future.done() or self._is_carried_out(request):
                settled.append(request)
            else:
                assert request.token is not None  # who has none is not looked up
                request.tell(self.found.get(request.token))
                again.append(request)
        self.requests = settled
        return again

    def settle(self) -> None:
        """Tell everyone who still waits, and whose request was carried out or has failed."""
        for request in self.requests:
            if request.error is not None:
                settle(request, request.error)
            elif not self.done:
                # One of its own each: an exception that many raise gathers all their tracebacks.
                settle(request, DatabaseUnavailable(self.failure or "the transaction was broken off"))
            elif request.decide is None:
                assert request.token is not None  # as above
                known = self.found.get(request.token)
                request.outcome = None if known is None else known.caller
                settle(request, None)
            else:
                settle(request, request.outcome.error if isinstance(request.outcome, Refused) else None)

    def _is_carried_out(self, request: Request) -> bool:
        return request.error is not None or (request.writes and request.token not in self.stale)


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
