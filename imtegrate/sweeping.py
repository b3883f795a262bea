"""One look a second at all open connections: cheaper than a timer for each request."""

from asyncio import AbstractEventLoop
from functools import cache
from typing import Final, Protocol

PERIOD: Final = 1.0
"""Seconds from one look to the next: limits of time are kept as exactly as that."""


class Expiring(Protocol):
    """What has to be done with by a time."""

    deadline: float
    """In seconds of the sweeper's clock."""

    def expire(self) -> None:
        """Act on it: the time is over."""


class Sweeper:
    """Finds the connections of a loop whose time is over."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Expiring] = set()
        self.now = loop.time()
        """Seconds of the loop's clock, as of the last look."""

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, connection: Expiring) -> None:
        """Look at a connection from now on."""
        if not self._watched:
            self.now = self._loop.time()
            self._loop.call_later(PERIOD, self._look)
        self._watched.add(connection)

    def forget(self, connection: Expiring) -> None:
        """Look at it no more."""
        self._watched.discard(connection)

    def _look(self) -> None:
        self.now = now = self._loop.time()
        for connection in [each for each in self._watched if each.deadline <= now]:
            connection.expire()
        if self._watched:
            self._loop.call_later(PERIOD, self._look)


@cache
def sweeper_of(loop: AbstractEventLoop) -> Sweeper:
    """The one of a loop."""
    return Sweeper(loop)
