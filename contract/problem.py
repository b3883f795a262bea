"""Every error that the service answers, and the one place that renders them.

The body is the document's `HTTPValidationError` whatever the status: `{"detail": [{"loc", "msg", "type"}]}`. Problems
carry data; nothing internal is in them, so nothing internal reaches a body.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final

from contract import json_text

type_of_body: Final = b"application/json"


@dataclass(frozen=True, slots=True)
class ValidationError:
    """One fault of a request, named as FastAPI and Pydantic 2 name it.

    `loc` begins with where the value stood (`body`, `path`, `query`, `header`, `cookie`); names and indices follow.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str

    def as_json(self) -> dict[str, object]:
        """The member of `detail`."""
        return {"loc": list(self.loc), "msg": self.msg, "type": self.type}


class Problem(Exception):
    """Base of what a request can be refused with; never raised itself."""

    status: ClassVar[HTTPStatus]

    def __init__(self, *errors: ValidationError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(*errors)
        self.errors: Sequence[ValidationError] = errors
        self.headers: Mapping[str, str] = headers or {}


class NotFound(Problem):
    """No path of the document matches (RFC 9110 §15.5.5)."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self) -> None:
        super().__init__(ValidationError(("path",), "Not Found", "not_found"))


class MethodNotAllowed(Problem):
    """The path is there, the method is not (RFC 9110 §15.5.6): `Allow` names those that are."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(
            ValidationError(("method",), "Method Not Allowed", "method_not_allowed"),
            headers={"Allow": ", ".join(allowed)},
        )


class Unauthorized(Problem):
    """No credentials, or none that count (RFC 9110 §15.5.2); one wording, whatever is wrong with them."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, challenge: str = "Bearer", loc: tuple[str | int, ...] = ("header", "Authorization")) -> None:
        super().__init__(
            ValidationError(loc, "Valid credentials are required", "unauthorized"),
            headers={"WWW-Authenticate": challenge},
        )


class Forbidden(Problem):
    """The caller is known and may not do this (RFC 9110 §15.5.4)."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, message: str, loc: tuple[str | int, ...] = ("header", "Authorization")) -> None:
        super().__init__(ValidationError(loc, message, "forbidden"))


class NotAcceptable(Problem):
    """No media type of the answer is among those of `Accept` (RFC 9110 §15.5.7)."""

    status = HTTPStatus.NOT_ACCEPTABLE

    def __init__(self, offered: Sequence[str]) -> None:
        message = f"The answer is one of: {', '.join(offered)}" if offered else "Nothing acceptable can be answered"
        super().__init__(ValidationError(("header", "Accept"), message, "not_acceptable"))


class RequestTimeout(Problem):
    """The request did not arrive in time (RFC 9110 §15.5.9)."""

    status = HTTPStatus.REQUEST_TIMEOUT

    def __init__(self) -> None:
        super().__init__(
            ValidationError(("body",), "The request did not arrive in time", "request_timeout"),
            headers={"Connection": "close"},
        )


class ContentTooLarge(Problem):
    """The body is larger than we take (RFC 9110 §15.5.14)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        """`limit` in bytes."""
        super().__init__(
            ValidationError(("body",), f"The body should have at most {limit} bytes", "content_too_large"),
            headers={"Connection": "close"},
        )


class UnsupportedMediaType(Problem):
    """The body has a media type, or none, that the document does not have (RFC 9110 §15.5.16)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self, supported: Sequence[str]) -> None:
        super().__init__(
            ValidationError(
                ("header", "Content-Type"),
                f"The body should be one of: {', '.join(supported)}" if supported else "No body is expected",
                "unsupported_media_type",
            ),
            headers={**({"Accept": ", ".join(supported)} if supported else {}), "Connection": "close"},
        )


class UnsupportedContentEncoding(Problem):
    """The body is compressed (RFC 9110 §12.5.3: `Accept-Encoding` in a 415 says what would do)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self) -> None:
        super().__init__(
            ValidationError(
                ("header", "Content-Encoding"), "The body should not be encoded", "unsupported_content_encoding"
            ),
            headers={"Accept-Encoding": "identity", "Connection": "close"},
        )


class UnprocessableContent(Problem):
    """The request breaks the document; all its faults, in the document's order (RFC 9110 §15.5.21)."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class InternalServerError(Problem):
    """A fault of ours: it is in the log, and not in the answer (RFC 9110 §15.6.1)."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self) -> None:
        super().__init__(ValidationError((), "Internal Server Error", "internal_server_error"))


class NotImplementedYet(Problem):
    """The document has the operation, and nobody has written its function (RFC 9110 §15.6.2)."""

    status = HTTPStatus.NOT_IMPLEMENTED

    def __init__(self, operation_id: str) -> None:
        super().__init__(
            ValidationError(("operation", operation_id), f"{operation_id} is not implemented", "not_implemented")
        )


class ServiceUnavailable(Problem):
    """What the operation needs does not answer in time (RFC 9110 §15.6.4)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, retry_after: int = 1) -> None:
        """`retry_after` in seconds (RFC 9110 §10.2.3)."""
        super().__init__(
            ValidationError((), "The service is unavailable for now", "service_unavailable"),
            headers={"Retry-After": str(retry_after)},
        )


def render(problem: Problem) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """The status, headers and body of a problem."""
    body = json_text.dumps({"detail": [error.as_json() for error in problem.errors]})
    headers = [(b"content-type", type_of_body), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    return problem.status.value, headers, body
