"""Sends an answer, and leaves word of it in the scope: who stands outside need not listen in."""

from typing import Final

from contract.request import Scope, Send

STATUS: Final = "contract.status"
"""Where the ASGI scope holds the status of the answer, once it has begun."""

Headers = list[tuple[bytes, bytes]]


async def send_answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer; to HEAD without its body (RFC 9110 §9.3.2)."""
    scope[STATUS] = status
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
