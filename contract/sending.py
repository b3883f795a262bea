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

EXTENSION: Final = "imtegrate.answer"
"""Of the ASGI scope's `extensions`: a function that takes `send`, and status, headers and body of a whole answer.

One call costs 5 us less than two messages to a server that knows nothing of what comes next. `False` says that the
messages are to be sent all the same, as where `send` is no longer the server's own: somebody wants to see them."""


async def send_answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer, with the request's id if it has one; to HEAD without its body (RFC 9110 §9.3.2)."""
    scope[STATUS] = status
    request_id = scope.get(REQUEST_ID)
    if request_id is not None and not any(name == REQUEST_ID_HEADER for name, _ in headers):
        headers = [*headers, (REQUEST_ID_HEADER, request_id.encode("ascii"))]
    extensions = scope.get("extensions")
    if extensions is not None and EXTENSION in extensions and extensions[EXTENSION](send, status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
