"""Gives each request an id, and follows the trace that it belongs to."""

import os
import re
from collections.abc import Awaitable, Sequence
from typing import Final

from contract import ASGIApp
from contract.fields import Fields, fields_of
from contract.request import REQUEST_ID, Receive, Scope, Send
from contract.sending import REQUEST_ID_HEADER

TRACE_ID: Final = "imtegrate.trace_id"
"""Where the ASGI scope holds the trace's id (32 hexadecimal digits), if the request came with one."""

MAX_LENGTH: Final = 128
"""Characters that an id of a client's may have; a longer one is not taken."""

POOL_SIZE: Final = 4096
"""Random bytes fetched at a time: a system call for each id costs more than all else about it."""

_DIGITS: Final = 32
"""Hexadecimal digits of an id of ours: 128 random bits."""

_SANE: Final = re.compile(rb"(?!.*imt_)[A-Za-z0-9._~+/=-]{1,%d}" % MAX_LENGTH)
"""It is logged and kept: a token that stands there by mistake must not be."""

_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
"""W3C Trace Context §3.2; of a version that we do not know, the members of version 00 (§4.3)."""

_VERSION_00: Final = b"00-"


class RequestIds:
    """The outermost middleware: whatever is answered or logged has an id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pool, self._used = "", 0
        # A child that kept the pool would give its parent's ids.
        os.register_at_fork(after_in_child=self._empty)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request: with the client's id if that is sane, with one of ours otherwise."""
        asked, trace_id = fields_of(scope).read(_ids_of)
        if asked is not None:
            scope[REQUEST_ID] = asked
        elif REQUEST_ID not in scope:
            # The server has given one to a request that it refused while the body came.
            scope[REQUEST_ID] = self._make()
        if trace_id is not None:
            scope[TRACE_ID] = trace_id
        return self._app(scope, receive, send)

    def _make(self) -> str:
        start = self._used
        if start == len(self._pool):
            self._pool, start = os.urandom(POOL_SIZE).hex(), 0
        self._used = start + _DIGITS
        return self._pool[start : self._used]

    def _empty(self) -> None:
        self._pool, self._used = "", 0


def _ids_of(fields: Fields) -> tuple[str | None, str | None]:
    """The ids that a client gave: of the request, and of the trace."""
    parents = fields.get(b"traceparent", ())
    # Several are as good as none (§3.2.1 has one).
    trace_id = trace_of(parents[0]) if len(parents) == 1 else None
    return sane_id_of(fields.get(REQUEST_ID_HEADER, ())), trace_id


def sane_id_of(asked: Sequence[bytes]) -> str | None:
    """The id that a client asked for, by the values of the header field; None for none, several, and no sane one."""
    return asked[0].decode("ascii") if len(asked) == 1 and _SANE.fullmatch(asked[0]) is not None else None


def trace_of(traceparent: bytes) -> str | None:
    """The trace's id of a `traceparent`; None if it is malformed, which is ignored."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or (found[2] is not None and traceparent.startswith(_VERSION_00)):
        return None
    return found[1].decode("ascii")
