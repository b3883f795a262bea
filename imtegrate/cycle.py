"""uvicorn's request and response cycle; what is there at once is taken, and answered, at once."""

import asyncio
import re
from functools import lru_cache, partial
from typing import Any, Final, cast

from uvicorn._types import ASGI3Application, ASGIReceiveEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from contract.request import Receive, Send
from contract.shortcut import EXTENSION, Headers

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 §5.1."""

_NO_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no value has (RFC 9110 §5.5): nothing in it may begin another field."""

_SHORT: Final = 32
"""Bytes of a value that is worth keeping as it was written: it comes again, and is no secret."""

_NO_LENGTH: Final = frozenset({204, 304})
"""Statuses of answers that have no content, and whose length is that of another (RFC 9110 §8.6)."""


class _Unheard:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Tell nobody."""

    def clear(self) -> None:
        """Forget what nobody was told."""


class Cycle(RequestResponseCycle):
    """One request and its answer, in place of what `RequestResponseCycle` makes anew for each.

    It stands in the ASGI scope's `extensions` as a `contract.shortcut.Shortcut`.
    """

    message_event = cast("asyncio.Event", _Unheard())
    """Until somebody receives messages: few do."""
    access_log = False
    taken = False
    """Whether the body was received in one call: of it no message is left."""
    task: asyncio.Task[None] | None = None
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0

    def __init__(  # uvicorn's would set what stands above, request by request
        self, protocol: HttpToolsProtocol, scope: HTTPScope, *, keep_alive: bool
    ) -> None:
        self.scope = scope
        self.tasks = protocol.tasks
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.access_logger = protocol.access_logger
        self.default_headers = protocol.server_state.default_headers
        self.on_response = protocol.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.body = b""  # type: ignore[assignment] # most bodies are one piece
        scope["extensions"] = {EXTENSION: cast("dict[object, object]", self)}

    def start(self, loop: asyncio.AbstractEventLoop, app: ASGI3Application) -> None:
        """Have the application answer, in a task of which the server is told.

        It takes leave of the server itself: a callback of the task's would cost a turn of the loop more.
        """
        self.task = loop.create_task(self.run_asgi(app))
        self.tasks.add(self.task)

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Have the application answer; uvicorn sees to one that fails, or leaves off."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:  # noqa: BLE001 - as uvicorn does
            await super().run_asgi(partial(_fail, error))
        else:
            if not self.response_complete:
                await super().run_asgi(_leave_off)
        finally:
            if self.task is not None:
                self.tasks.discard(self.task)
                self.task = None
            # It leads to what leads back to it: the request would wait for the garbage collector, and the next one find
            # no memory that the processor still has at hand.
            self.scope.clear()  # type: ignore[attr-defined] # a TypedDict, which nobody reads any more

    async def receive(self) -> ASGIReceiveEvent:
        """Receive what has come, or wait for it."""
        if isinstance(self.message_event, _Unheard):
            self.message_event = asyncio.Event()
            if not self.taken and (self.body or not self.more_body):
                self.message_event.set()
        return await super().receive()

    def arrive(self, piece: bytes) -> int:
        """Take a piece of the body; the bytes that wait to be received."""
        if not self.body:
            self.body = piece  # type: ignore[assignment]
        else:
            if isinstance(self.body, bytes):
                self.body = bytearray(self.body)
            self.body += piece
        self.message_event.set()
        return len(self.body)

    def take(self, receive: Receive) -> bytes | None:
        """Receive the whole body; None where it is to be received message by message."""
        if (
            self.more_body
            or self.disconnected
            or self.response_complete
            or getattr(receive, "__self__", None) is not self
        ):
            return None
        body, self.body = self.body, b""
        self.taken = True
        self.message_event.clear()
        self.waiting_for_100_continue = False
        return bytes(body)

    def answer(self, send: Send, status: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer; False, and nothing is sent, where the server is to do it message by message.

        Args:
            send: what the messages would be sent to.
            status: of the answer.
            headers: with `content-length`, unless the status has no content; names in lower case.
            body: whole.

        Raises:
            RuntimeError: a header field cannot be sent (RFC 9110 §5).
        """
        if (
            self.response_started
            or self.disconnected
            or self.flow.write_paused
            or not self.keep_alive
            or status in _NO_LENGTH
            or self.scope["method"] == "HEAD"
            or getattr(send, "__self__", None) is not self
            or (b"content-length", b"%d" % len(body)) not in headers
        ):
            return False
        pieces = [STATUS_LINE[status], _same.written(self.default_headers)]
        for name, value in headers:
            if name == b"connection":
                return False
            pieces.append(_again(name, value) if len(value) <= _SHORT else _written(name, value))
        pieces.append(b"\r\n")
        pieces.append(body)
        self.transport.write(b"".join(pieces))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        self.on_response()
        return True


def _written(name: bytes, value: bytes) -> bytes:
    """A header field as it stands on the wire.

    Raises:
        RuntimeError: it may not stand there.
    """
    # Only to look is faster than to search, and enough for the ids of requests.
    if not value.isalnum() and _NO_VALUE.search(value) is not None:
        raise RuntimeError("the value of a header field of the answer cannot be sent")
    return b"%b: %b\r\n" % (_sendable(name), value)


@lru_cache(maxsize=256)
def _sendable(name: bytes) -> bytes:
    if _NAME.fullmatch(name) is None:
        raise RuntimeError("the name of a header field of the answer cannot be sent")
    return name


class _Same:
    """The header fields that all answers of a second have, as they stand on the wire."""

    def __init__(self) -> None:
        self._fields: Headers = []
        self._written = b""

    def written(self, fields: Headers) -> bytes:
        """Fields of a list that is replaced, never changed."""
        if fields is not self._fields:
            self._fields, self._written = fields, b"".join([_written(name, value) for name, value in fields])
        return self._written


_same: Final = _Same()

_again: Final = lru_cache(maxsize=256)(_written)


async def _fail(error: BaseException, *_: Any) -> None:
    raise error


async def _leave_off(*_: Any) -> None:
    """An application that neither begins an answer nor goes on with one."""
