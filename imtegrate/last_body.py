"""The body of a connection's last request, where the parser stops before it (RFC 9110 §7.8)."""

from typing import Protocol


class Reading(Protocol):
    """What is told of a body."""

    def on_body(self, body: bytes) -> None:
        """A piece of it is here."""
        ...

    def on_message_complete(self) -> None:
        """It is whole."""
        ...

    def end_reading(self) -> None:
        """Nothing follows it."""
        ...


class LastBody:
    """What a parser tells of one body, and nothing of what follows it."""

    def __init__(self, protocol: Reading) -> None:
        self._protocol: Reading | None = protocol

    def on_body(self, body: bytes) -> None:
        """A piece of it is here."""
        if self._protocol is not None:
            self._protocol.on_body(body)

    def on_message_complete(self) -> None:
        """It is whole."""
        if self._protocol is not None:
            self._protocol.on_message_complete()
            self._protocol.end_reading()
            self._protocol = None
