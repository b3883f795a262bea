"""What a client may take of the service: seconds, bytes, connections; and the problems that say so."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final

from contract import Problem, ValidationError

MAX_TARGET: Final = 1 << 14
"""Bytes of a request's target (RFC 9110 §4.1 asks for 8,000 at least)."""

MAX_HEAD: Final = 1 << 16
"""Bytes of a request's header fields, of its trailer fields, or of what stands between two pieces of a body."""

MAX_FIELDS: Final = 256
"""Header fields of a request."""

SPARE: Final = 32
"""Connections over the limit that may be open for as long as they read why they are refused."""

RETRY_AFTER: Final = 1
"""Seconds after which a client may find a connection free."""

_CLOSE: Final = {"Connection": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the connections of one process may take."""

    request_timeout: float = 30.0
    """Seconds in which a request has to come, from its first byte to its last."""
    keep_alive_timeout: float = 5.0
    """Seconds that a connection may wait for its next request."""
    max_connections: int = 10_000
    """Connections open at once."""


class BadRequest(Problem):
    """What came is no request of HTTP/1.1 (RFC 9112 §2.2), or of no method that the parser knows."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST

    def __init__(self, message: str) -> None:
        super().__init__(ValidationError((), message, "bad_request"), headers=_CLOSE)


class NothingAllowed(Problem):
    """The target is no resource, so it has no methods (RFC 9110 §15.5.6): an empty `Allow` says so (§10.2.1)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self) -> None:
        error = ValidationError(("method",), "Method Not Allowed", "method_not_allowed")
        super().__init__(error, headers={**_CLOSE, "Allow": ""})


class URITooLong(Problem):
    """The target has more than `MAX_TARGET` bytes (RFC 9110 §15.5.15)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.REQUEST_URI_TOO_LONG

    def __init__(self) -> None:
        message = f"The target should have at most {MAX_TARGET} bytes"
        super().__init__(ValidationError(("path",), message, "uri_too_long"), headers=_CLOSE)


class HeaderFieldsTooLarge(Problem):
    """There are more than `MAX_FIELDS` fields, or more than `MAX_HEAD` bytes of them (RFC 6585 §5)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

    def __init__(self) -> None:
        message = f"The header should have at most {MAX_FIELDS} fields of {MAX_HEAD} bytes together"
        super().__init__(ValidationError(("header",), message, "header_fields_too_large"), headers=_CLOSE)


class TooManyConnections(Problem):
    """As many connections are open as may be (RFC 9110 §15.6.4)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self) -> None:
        super().__init__(
            ValidationError((), "Too many connections", "too_many_connections"),
            headers={**_CLOSE, "Retry-After": str(RETRY_AFTER)},
        )
