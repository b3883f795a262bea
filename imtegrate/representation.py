"""Bytes that are answered as they are, with what conditional requests need (RFC 9110 §13)."""

from hashlib import sha256
from typing import Final

from contract.fields import fields_of
from contract.request import Receive, Scope, Send
from contract.sending import send_answer
from contract.shortcut import Headers

_DIGITS: Final = 32
"""Hexadecimal digits of SHA-256 in an entity tag: 128 bits tell any two representations apart."""


def etag_of(body: bytes) -> str:
    """The strong entity tag of a representation (RFC 9110 §8.8.3)."""
    return f'"{sha256(body).hexdigest()[:_DIGITS]}"'


class Static:
    """One representation that does not change; answers GET and HEAD, and 304 to who has it (RFC 9110 §13.1.2)."""

    def __init__(self, body: bytes, media_type: str, **headers: bytes) -> None:
        self._body = body
        self._etag = etag_of(body).encode()
        more = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        self._headers: Headers = [
            (b"content-type", media_type.encode()),
            (b"etag", self._etag),
            (b"cache-control", b"no-cache"),
            (b"x-content-type-options", b"nosniff"),
            *more,
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer GET or HEAD."""
        known = fields_of(scope).get(b"if-none-match", ())
        tags = [tag.strip().removeprefix(b"W/") for value in known for tag in value.split(b",")]
        if self._etag in tags or b"*" in tags:
            await send_answer(scope, send, 304, self._headers[1:], b"")
            return
        length = (b"content-length", str(len(self._body)).encode())
        await send_answer(scope, send, 200, [*self._headers, length], self._body)
