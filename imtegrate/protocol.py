"""uvicorn's HTTP/1.1 protocol, with one write an answer instead of two: each write is a system call and a packet."""

from asyncio import AbstractEventLoop, Transport, get_running_loop
from http import HTTPStatus
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contract import Problem, ValidationError
from contract.problem import render


class BadRequest(Problem):
    """What came is no request of HTTP/1.1 (RFC 9112 §2.2), or of no method that the parser knows."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST

    def __init__(self, message: str) -> None:
        super().__init__(ValidationError((), message, "bad_request"), headers={"Connection": "close"})


class Protocol(HttpToolsProtocol):
    """Hands uvicorn a transport that keeps the head of an answer; refuses in the one error shape."""

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(cast("Transport", HeadKeeping(transport, get_running_loop())))

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read as a request, and end the connection."""
        status, headers, body = render(BadRequest(msg))
        head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        head += [name + b": " + value for name, value in (*self.server_state.default_headers, *headers)]
        self.transport.write(b"\r\n".join([*head, b"", body]))
        self.transport.close()


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
