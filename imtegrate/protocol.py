"""uvicorn's HTTP/1.1 protocol, with one write an answer instead of two: each write is a system call and a packet."""

from asyncio import AbstractEventLoop, Transport, get_running_loop
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Protocol(HttpToolsProtocol):
    """Hands uvicorn a transport that keeps the head of an answer until its body comes."""

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(cast("Transport", HeadKeeping(transport, get_running_loop())))


class HeadKeeping:
    """A transport whose write of a head waits for what follows it in the same turn of the loop."""

    def __init__(self, transport: Any, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write, or keep what is only a head; interim answers (1xx) are not kept."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/1.1 ") and data[9:10] != b"1":
            self._head = data
            # Nothing follows the head of an answer to HEAD, and what follows others may be long in coming.
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close once everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
