"""Writes a whole answer at once, where uvicorn takes two messages and looks at each header field by itself."""

import re
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from contract.request import Send
from contract.sending import Headers

_FIELDS: Final = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n)+")
"""Header fields as they may stand on the wire (RFC 9110 §5.1, §5.5): nothing in a value begins another field."""

_NO_LENGTH: Final = frozenset({204, 304})
"""Statuses of answers that have no content, and whose length is that of another (RFC 9110 §8.6)."""


def answer_whole(cycle: RequestResponseCycle, send: Send, status: int, headers: Headers, body: bytes) -> bool:
    """Send an answer; False, and nothing is sent, where the server is to do it message by message.

    Args:
        cycle: uvicorn's, of the request.
        send: what the messages would be sent to.
        status: of the answer.
        headers: with `content-length`, unless the status has no content; names in lower case.
        body: whole.

    Raises:
        RuntimeError: a header field cannot be sent (RFC 9110 §5).
    """
    if (
        getattr(send, "__self__", None) is not cycle
        or cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or not cycle.keep_alive
        or status in _NO_LENGTH
        or cycle.scope["method"] == "HEAD"
    ):
        return False
    lines = [b"%b: %b\r\n" % field for field in headers]
    fields = b"".join(lines)
    if b"content-length: %d\r\n" % len(body) not in lines or b"\r\nconnection: " in fields:
        return False
    if _FIELDS.fullmatch(fields) is None:
        raise RuntimeError("a header field of the answer cannot be sent")
    server = [b"%b: %b\r\n" % field for field in cycle.default_headers]
    cycle.transport.write(b"".join([STATUS_LINE[status], *server, fields, b"\r\n", body]))
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    cycle.on_response()
    return True
