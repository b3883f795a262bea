"""What a server may offer beside ASGI's messages: to take a whole request, and to send a whole answer, in one call.

Two messages to a server that knows nothing of what comes next cost 5 us more than one call, and so do those of a body
that has arrived with its head.
"""

from typing import Final, Protocol

from contract.request import Receive, Scope, Send

EXTENSION: Final = "imtegrate.shortcut"
"""Of the ASGI scope's `extensions`: a `Shortcut`."""

Headers = list[tuple[bytes, bytes]]


class Shortcut(Protocol):
    """One request and its answer, as the server has them.

    Each method is told what the messages would go through, and declines where that is no longer the server's own:
    somebody wants to see them.
    """

    def take(self, receive: Receive) -> bytes | None:
        """Receive the whole body; None where it is to be received message by message, as when it is not all there."""

    def answer(self, send: Send, status: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer; False, and nothing is sent, where it is to be sent message by message."""


def shortcut_of(scope: Scope) -> Shortcut | None:
    """What the server offers for a request, if it does."""
    extensions = scope.get("extensions")
    return None if extensions is None else extensions.get(EXTENSION)
