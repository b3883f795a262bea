"""Sends an answer, and leaves word of it in the scope: who stands outside need not listen in."""

from collections.abc import Awaitable, Generator
from typing import Final

from contract.request import REQUEST_ID, Scope, Send
from contract.shortcut import Headers, shortcut_of

STATUS: Final = "contract.status"
"""Where the ASGI scope holds the status of the answer, once it has begun."""

PROBLEM: Final = "contract.problem"
"""Where the ASGI scope holds the `Problem` that was answered, if it was one."""

REQUEST_ID_HEADER: Final = b"x-request-id"
"""The header that carries a request's id, by custom: no standard names one."""


class _Sent:
    """What has been done already, to be awaited."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


_SENT: Final = _Sent()


def send_answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> Awaitable[None]:
    """Send a whole answer, with the request's id if it has one; to HEAD without its body (RFC 9110 §9.3.2)."""
    scope[STATUS] = status
    request_id = scope.get(REQUEST_ID)
    if request_id is not None and not _has_id(headers):
        headers = [*headers, (REQUEST_ID_HEADER, request_id.encode("ascii"))]
    shortcut = shortcut_of(scope)
    if shortcut is not None and shortcut.answer(send, status, headers, body):
        return _SENT
    return _send_messages(send, status, headers, b"" if scope["method"] == "HEAD" else body)


async def _send_messages(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _has_id(headers: Headers) -> bool:
    for name, _ in headers:  # noqa: SIM110 - each answer asks: a generator takes twice as long
        if name == REQUEST_ID_HEADER:
            return True
    return False
