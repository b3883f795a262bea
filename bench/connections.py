"""Connections that ask the same again and again: the load where wrk is not there."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Final

import uvloop

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
"""RFC 9112 §6.2; none of the servers sends a creation's answer in chunks."""


@dataclass(slots=True)
class Held:
    """What came back."""

    latencies: list[float] = field(default_factory=list)
    """Seconds."""
    statuses: list[int] = field(default_factory=list)
    lost: int = 0
    """Answers that did not come, or not whole."""
    seconds: float = 0.0


def hold(host: str, port: int, request: bytes, connections: int, seconds: float) -> Held:
    """Ask for some seconds; what is under way then is waited for, and counts."""
    return uvloop.run(_hold(host, port, request, connections, seconds))


async def _hold(host: str, port: int, request: bytes, connections: int, seconds: float) -> Held:
    held = Held()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = await asyncio.gather(
        *(
            loop.create_connection(lambda: _Connection(request, held, began + seconds), host, port)
            for _ in range(connections)
        ),
        return_exceptions=True,
    )
    for connection in made:
        if isinstance(connection, BaseException):
            held.lost += 1
        else:
            await connection[1].ended
    held.seconds = time.perf_counter() - began
    return held


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, held: Held, until: float) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._request, self._held, self._until = request, held, until
        self._asked = 0.0
        self._received = b""
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not separator or length is None or len(body) < int(length[1]):
            return
        self._held.latencies.append(time.perf_counter() - self._asked)
        self._held.statuses.append(int(head.split(b" ", 2)[1]))
        self._received, self._waiting = b"", False
        if time.perf_counter() < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._held.lost += self._waiting
        if not self.ended.done():
            self.ended.set_result(None)

    def _ask(self) -> None:
        self._asked, self._waiting = time.perf_counter(), True
        self._transport.write(self._request)
