"""Sends an answer, and leaves word of it in the scope: who stands outside need not listen in."""

from typing import Final

from contract.request import REQUEST_ID, Scope, Send

STATUS: Final = "contract.status"
"""Where the ASGI scope holds the status of the answer, once it has begun."""

PROBLEM: Final = "contract.problem"
"""Where the ASGI scope holds the `Problem` that was answered, if it was one."""

REQUEST_ID_HEADER: Final = b"x-request-id"
"""The header that carries a request's id, by custom: no standard names one."""

Headers = list[tuple[bytes, bytes]]


async def send_answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer, with the request's id if it has one; to HEAD without its body (RFC 9110 §9.3.2)."""
    scope[STATUS] = status
    request_id = scope.get(REQUEST_ID)
    if request_id is not None and not any(name == REQUEST_ID_HEADER for name, _ in headers):
        headers = [*headers, (REQUEST_ID_HEADER, request_id.encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
