"""Requests of one connection in their turn (RFC 9112 §9.3.2): no more are read than can be answered."""

from abc import abstractmethod
from collections import deque
from typing import Any, Final

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contract import Problem
from imtegrate.cycle import Cycle
from imtegrate.limits import BadRequest

PIECE: Final = 1 << 14
"""Bytes that are read as requests before those among them are answered.

The loop gives us up to 256 kB at once: thousands of requests, each a hundred times as large once it is read.
"""


class Turns(HttpToolsProtocol):
    """A connection whose requests wait for one another."""

    cycle: Cycle
    """Of the request that came last; none before the first."""
    pipeline: deque[tuple[Cycle, ASGI3Application]]  # type: ignore[assignment] # of our cycles

    def __init__(self, config: uvicorn.Config, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self.arriving = False
        """Whether a request has begun and not ended."""
        self.in_head = False
        self.ended = False
        """Whether what comes is no longer read as requests."""
        self.refusal: Problem | None = None
        """What is to be said once the requests before it are answered."""
        self.unread = b""
        """What came behind requests that are not yet answered."""
        self.has_eof = False
        """Whether the client sends no more, and may still read (TCP's half-close)."""

    @abstractmethod
    def read(self, data: bytes) -> None:
        """Read bytes as requests, all of them."""

    @abstractmethod
    def settle(self) -> None:
        """Set the deadline anew, where no request is arriving."""

    @abstractmethod
    def refuse(self, problem: Problem) -> None:
        """Answer what cannot be answered as a request, when its turn has come, and end the connection."""

    @abstractmethod
    def end(self, problem: Problem | None) -> None:
        """End the connection, with a word why where there is one."""

    def receive(self, data: bytes) -> None:
        """Take bytes, and read those whose turn it is."""
        self.unread += data
        self._read_on()
        if self.unread:
            self.flow.pause_reading()

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio asks whether to stay open; uvicorn does not say
        """Nothing more comes: what came whole is answered, and the connection closed then."""
        self.has_eof = True
        self._conclude()
        return not self.transport.is_closing()

    def _read_on(self) -> None:
        """Read what has come, as far as it needs not wait for answers."""
        while self.unread and not self.ended and not self.pipeline:
            piece, self.unread = self.unread[:PIECE], self.unread[PIECE:]
            self.read(piece)

    def _conclude(self) -> None:
        """Have the connection closed after the last answer, where nothing more comes."""
        cycle = self.cycle
        if self.unread or self.ended:
            return
        if cycle is None or cycle.response_complete or (self.arriving and not self.in_head and not self.pipeline):
            self.transport.close()
        elif self.arriving:
            self.refuse(BadRequest("The request is not whole."))
        else:
            cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """A request is answered: on with the next one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            cycle.start(self.loop, app)
        elif self.refusal is not None:
            self.end(self.refusal)
        else:
            self.settle()
        self._read_on()
        if self.has_eof:
            self._conclude()
        if not self.pipeline:
            # Not before: each answer would let in more requests than one.
            self.flow.resume_reading()
