"""Takes a request's body off the wire, bounded."""

from contract.problem import ContentTooLarge
from contract.request import Receive


class ClientDisconnected(Exception):
    """The client went away before its body was whole: there is nobody to answer."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """Receive a body of at most `limit` bytes, message by message.

    Raises:
        ContentTooLarge: it exceeds the limit; the rest is not read.
        ClientDisconnected: it will never be whole.
    """
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise ContentTooLarge(limit)
        if not message.get("more_body", False):
            return b"".join(pieces)
