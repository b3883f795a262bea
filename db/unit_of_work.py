"""The hot path: requests that arrive while one batch commits form the next (group commit)."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol, cast

from db.audit import Refused
from db.batch import Batch, Decide, Encoder, Request, expire
from db.callers import Guesses
from db.errors import DatabaseUnavailable
from db.keys import Caller, NewKey, TokenKey

MAX_BATCH: Final = 512
"""Requests of one transaction: bounds how long it keeps other writers out, and the size of its statements."""

FEW: Final = 8
"""Requests that are never divided between two transactions: each costs as much as some of them."""

COMPANY: Final = 16
"""Requests that are worth a batch beside one that is under way: fewer cost less together, in the next one."""

PATIENCE: Final = 0.05
"""Seconds after which a batch under way is held to be stuck, and whoever waits for it goes beside it."""


class Engine(Encoder, Protocol):
    """Carries batches out, each in one transaction."""

    @property
    def concurrency(self) -> int:
        """Batches that it takes at once."""
        ...

    def start(self, batch: Batch, finished: Callable[[Batch], None]) -> None:
        """Begin a batch; call `finished` on the batch's loop when it is done or has failed. Never raises."""
        ...

    async def aclose(self) -> None:
        """Let its connections go; a batch still under way is one that nobody waits for."""
        ...


class Observer(Protocol):
    """Is told of every batch, on the loop; must not raise."""

    def started(self, requests: int) -> None:
        """A batch of so many requests has begun."""
        ...

    def finished(self, created: int, seconds: float) -> None:
        """A batch is committed, or has failed; so many keys were made, it took so long."""
        ...


class UnitOfWork:
    """Looks keys up and inserts keys, many to a transaction. Belongs to the event loop of its first request."""

    def __init__(self, engine: Engine, *, deadline: float, observer: Observer | None = None) -> None:
        """Work on an engine; `deadline` is in seconds from a request's arrival."""
        self._observer = observer
        self._began: dict[Batch, float] = {}
        self._engine = engine
        self._deadline = deadline
        self._guesses = Guesses()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[Request] = deque()
        self._under_way: set[Batch] = set()
        self._woken = False
        self._alarm: asyncio.TimerHandle | None = None
        self._detour: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._closed = False
        self.failing = False
        """The last batch was not carried out."""
        self._idle: asyncio.Event | None = None

    def create_key(
        self, caller: TokenKey | None, decide: Callable[[Caller | None, datetime], NewKey | Refused]
    ) -> Awaitable[NewKey]:
        """Insert the key that `decide` gives for the caller; return once it is durable.

        Args:
            caller: the calling key's token; None for a request without one.
            decide: judges the caller, None if it is unknown, revoked, expired or not named, at a moment, and gives the
                new key, or a refusal to record. It must not block. It may be called again, if the caller has changed
                meanwhile: what it said before then came to nothing.

        Raises:
            DatabaseUnavailable: not done by the deadline; the key may yet come to exist.
            KeyConflict: the key's id or prefix is taken, or there is no such organisation.
            Exception: whatever `decide` raised, or refused with.
        """
        return self._enqueue(caller, decide)

    async def admit(self, token: TokenKey, decide: Callable[[Caller | None, datetime], Caller | Refused]) -> Caller:
        """Let in the caller with this token, as the database has it now; `decide` as for `create_key`.

        Raises:
            DatabaseUnavailable: not done by the deadline.
            Exception: whatever `decide` raised, or refused with.
        """
        return cast("Caller", await self._enqueue(token, decide))

    async def find_caller(self, token: TokenKey) -> Caller | None:
        """Find the key with this token, as the database has it now; None if it is unknown, revoked or expired.

        Raises:
            DatabaseUnavailable: not done by the deadline.
        """
        return cast("Caller | None", await self._enqueue(token, None))

    async def aclose(self) -> None:
        """Finish what was accepted, refuse anything more; no later than the last request's deadline."""
        self._closed = True
        if self._waiting or self._under_way:
            self._idle = asyncio.Event()
            # After that nobody waits for it, and what the engine is stuck in may never end.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self._deadline)
        for timer in (self._alarm, self._detour):
            if timer is not None:
                timer.cancel()
        await self._engine.aclose()

    def _enqueue(self, token: TokenKey | None, decide: Decide | None) -> asyncio.Future[Any]:
        if self._closed:
            raise DatabaseUnavailable("the database is being closed")
        # Kept: to ask for it is a system call.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append(Request(future, token, decide, time.monotonic() + self._deadline))
        if not self._woken:
            # Not at once: what arrives in the same turn of the loop goes along.
            self._woken = True
            loop.call_soon(self._start, loop)
        if self._alarm is None:
            self._alarm = loop.call_later(self._deadline, self._expire, loop)
        return future

    def _start(self, loop: asyncio.AbstractEventLoop, answered: int = 0) -> None:
        self._woken = False
        waiting = self._waiting
        while waiting and self._may_start(len(waiting)):
            requests = self._take_turn(answered)
            batch = Batch(loop, requests)
            if not batch.prepare(self._guesses, self._engine):
                continue
            self._under_way.add(batch)
            self._started = time.monotonic()
            if self._observer is not None:
                self._began[batch] = self._started
                self._observer.started(len(requests))
            self._engine.start(batch, self._end)
        if self._idle is not None and not waiting and not self._under_way:
            self._idle.set()
        if waiting and len(self._under_way) < self._engine.concurrency and self._detour is None:
            self._detour = loop.call_later(PATIENCE, self._take_detour, loop)

    def _take_turn(self, answered: int) -> list[Request]:
        """The requests of the next batch, after one of `answered` requests: those that have waited longest.

        Not always all: callers that wait for their answers and then ask again come in two groups, one of which is being
        committed while the other is answered. Were one to grow, there would be nothing to do while it is committed; so
        a batch is no more than half of those that wait or are about to be answered.
        """
        waiting = self._waiting
        most = MAX_BATCH if answered == 0 else min(MAX_BATCH, max(FEW, (len(waiting) + answered + 1) // 2))
        if len(waiting) > most:
            return [waiting.popleft() for _ in range(most)]
        requests = list(waiting)
        waiting.clear()
        return requests

    def _may_start(self, company: int) -> bool:
        beside = len(self._under_way)
        if beside == 0 or beside >= self._engine.concurrency:
            return beside == 0
        return company >= COMPANY or time.monotonic() - self._started >= PATIENCE

    def _take_detour(self, loop: asyncio.AbstractEventLoop) -> None:
        self._detour = None
        self._start(loop)

    def _end(self, batch: Batch) -> None:
        """Go on after a batch, once all that has come by now waits for the next."""
        if len(batch.requests) == 1 and not self._waiting:
            self._finish(batch)
            return
        # Its end is one of many things that have happened since the loop last looked. Requests among them, if they are
        # read after it, begin their tasks in the next turn and wait here in the one after: a tenth more keys a second.
        loop = batch.loop
        loop.call_soon(loop.call_soon, self._finish, batch)

    def _finish(self, batch: Batch) -> None:
        self._under_way.discard(batch)
        self.failing = not batch.done
        # What has to be decided anew goes first: it has waited longest.
        again = batch.learn(self._guesses)
        self._waiting.extendleft(reversed(again))
        # First the next batch, so that the engine works while these are answered.
        self._start(batch.loop, len(batch.requests))
        batch.settle()
        if self._observer is not None:
            self._observer.finished(_created(batch), time.monotonic() - self._began.pop(batch))

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fail what is past its deadline, whatever the engine is stuck in; one timer serves all requests."""
        now = time.monotonic()
        trouble = next((batch.trouble for batch in self._under_way if batch.trouble is not None), None)
        reason = trouble or f"no answer from the database within {self._deadline:g} s"
        groups = (self._waiting, *(batch.requests for batch in self._under_way))
        upcoming = [expire(requests, now, reason) for requests in groups]
        self._alarm = None
        moments = [moment for moment in upcoming if moment is not None]
        if moments:
            self._alarm = loop.call_later(min(moments) - now, self._expire, loop)


def _created(batch: Batch) -> int:
    """Keys that a batch has made."""
    return sum(1 for request in batch.requests if request.row and request.error is None) if batch.done else 0
