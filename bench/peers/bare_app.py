"""The program: parses the body, answers with what a creation's answer holds."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer 201 to whatever is asked."""
    body = b""
    if scope["method"] == "POST":
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
    asked = orjson.loads(body or b"{}")
    answer = orjson.dumps(
        {
            "id": "01a20a49-f97a-77d4-93e7-c57eae27c49a",
            "org_id": "01a20a49-f496-77c0-a44d-6708cceace63",
            "prefix": "imt_live_Uuo8FKWZ",
            "name": asked.get("name"),
            "scopes": asked.get("scopes"),
            "last_used_at": None,
            "revoked_at": None,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "token": "imt_live_" + "0" * 46,
        }
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
