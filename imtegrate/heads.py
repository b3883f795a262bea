"""Heads that come again: on one connection a client mostly sends the same head with each request, to the byte.

What was read of one then holds for the next, and only the body is new. Measured with 32 clients: a seventh of all that
a creation takes of the serving process's main thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from uvicorn._types import HTTPScope

from contract.fields import fields_of
from imtegrate.cycle import Cycle

MAX_KEPT: Final = 4096
"""Bytes of a head that is kept as long as its connection lasts."""

_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request, and what was read of it."""

    text: bytes = field(repr=False)
    """With the empty line at its end. It may hold a token, as the connection's buffers do."""
    size: int
    """Bytes of the whole request."""
    scope: Mapping[str, Any] = field(repr=False)
    """ASGI's, with its header fields by name."""

    def scope_for(self, state: Mapping[str, Any]) -> HTTPScope:
        """A scope for the next request; `state` is the lifespan's."""
        return cast("HTTPScope", {**self.scope, "headers": self.scope["headers"].copy(), "state": dict(state)})


def head_of(data: bytes, cycle: Cycle) -> Head | None:
    """The head of a request that is whole, and that nobody has begun to answer; None where it is not worth keeping.

    Args:
        data: all of the request and nothing else, as far as its parser has told.
        cycle: what was made of it.
    """
    size = data.find(_END) + len(_END)
    if size > MAX_KEPT or not cycle.keep_alive or cycle.waiting_for_100_continue:
        return None
    # By name: this request finds them in its scope, too.
    fields = fields_of(cast("dict[str, Any]", cycle.scope))
    lengths = fields.get(b"content-length", [b"0"])
    # By this it is certain where the parser saw the end of the head, and that nothing came after the body.
    if b"transfer-encoding" in fields or size + int(lengths[0]) != len(data):
        return None
    # The application may write to the list, and what it has of this request is not kept for the next.
    headers = list(cycle.scope["headers"])
    return Head(data[:size], len(data), {**cycle.scope, "headers": headers, "extensions": {}})
