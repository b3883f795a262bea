"""Web pages of other origins may read the answers only where a setting names their origin (Fetch standard, §3.3 CORS).

Nothing of ours is sent by cookies, so no answer allows credentials.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from contract import ASGIApp
from contract.request import Message, Receive, Scope, Send
from contract.sending import send_answer

ANY: Final = "*"

MAX_AGE: Final = 600
"""Seconds for which a browser may keep the answer to a preflight; the longest that all browsers take is 600."""

_EXPOSED: Final = b"Retry-After, RateLimit, RateLimit-Policy, X-Request-ID"
_VARY: Final = (b"vary", b"Origin")


def parse_origin(text: str) -> str:
    """An origin as browsers write it (RFC 6454 §6.2), or `*`.

    Raises:
        ValueError: it is none.
    """
    split = urlsplit(text)
    if text != ANY and (split.scheme not in {"http", "https"} or not split.hostname or text != _plain(text)):
        raise ValueError(f"{text!r} is no origin: write https://app.example, or with a port, and nothing after it")
    return text


class CrossOrigin:
    """Answers preflights, and lets pages of these origins read the answers."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        allowed = self._allowed(origin)
        method = headers.get(b"access-control-request-method")
        if allowed and scope["method"] == "OPTIONS" and method is not None:
            # Which methods and fields there are is said by the document, when they are used.
            answer = [
                *allowed,
                (b"access-control-allow-methods", method),
                (b"access-control-allow-headers", headers.get(b"access-control-request-headers", b"")),
                (b"access-control-max-age", b"%d" % MAX_AGE),
            ]
            await send_answer(scope, send, 204, answer, b"")
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                exposed = [(b"access-control-expose-headers", _EXPOSED)] if allowed else []
                message["headers"] = [*message["headers"], *(allowed or [_VARY]), *exposed]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _allowed(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        if origin is None:
            return []
        if ANY.encode() in self._origins:
            return [(b"access-control-allow-origin", b"*")]
        return [(b"access-control-allow-origin", origin), _VARY] if origin in self._origins else []


def _plain(text: str) -> str:
    split = urlsplit(text)
    return f"{split.scheme}://{split.netloc.lower().rpartition('@')[2]}" if text.isascii() else ""
