"""Takes a request's body off the wire: bounded, and without waiting where it is already there."""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

from contract.problem import ContentTooLarge
from contract.request import Message, Receive


class ClientDisconnected(Exception):
    """The client went away before its body was whole: there is nobody to answer."""


class BodyReader:
    """Reads one body of at most `limit` bytes."""

    __slots__ = ("_chunks", "_limit", "_pending", "_receive", "_size", "_yielded", "complete")

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._pending: Coroutine[Any, Any, Message] | None = None
        self._yielded: Any = None
        self.complete = False
        """Whether the last byte is here."""

    def peek(self) -> bool:
        """Take what has already arrived, without waiting; whether the body is complete.

        A body of a few hundred bytes comes in one packet with its headers, so that nearly every request is complete
        here: what has to be decided before a body is read and what after it can then be decided together.
        """
        while not self.complete:
            receiving: Any = self._receive()
            try:
                self._yielded = receiving.send(None)
            except StopIteration as done:
                self._take(done.value)
            else:
                self._pending = receiving
                return False
        return True

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            ContentTooLarge: it exceeds the limit; the rest is not read.
            ClientDisconnected: it will never be whole.
        """
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._take(await _resume(pending, self._yielded))
        while not self.complete:
            self._take(await self._receive())
        return self.whole

    @property
    def whole(self) -> bytes:
        """The body, once it is complete."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def close(self) -> None:
        """Give up a `receive` that was begun."""
        if self._pending is not None:
            self._pending.close()
            self._pending = None

    def _take(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        self._size += len(chunk)
        if self._size > self._limit:
            self._chunks.clear()
            raise ContentTooLarge(self._limit)
        if chunk or not self._chunks:
            self._chunks.append(chunk)
        self.complete = not message.get("more_body", False)


@coroutine
def _resume(begun: Coroutine[Any, Any, Message], yielded: Any) -> Generator[Any, Any, Message]:
    """Await a coroutine that was begun by hand and waits for `yielded`."""
    while True:
        try:
            sent = yield yielded
        except BaseException as error:  # noqa: BLE001 (cancellation too is the begun coroutine's to handle)
            step = _throw(begun, error)
        else:
            step = _send(begun, sent)
        if isinstance(step, _Done):
            return step.value
        yielded = step


class _Done:
    __slots__ = ("value",)

    def __init__(self, value: Message) -> None:
        self.value = value


def _send(begun: Coroutine[Any, Any, Message], value: Any) -> Any:
    try:
        return begun.send(value)
    except StopIteration as done:
        return _Done(done.value)


def _throw(begun: Coroutine[Any, Any, Message], error: BaseException) -> Any:
    try:
        return begun.throw(error)
    except StopIteration as done:
        return _Done(done.value)
