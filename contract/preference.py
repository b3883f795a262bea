"""What a caller prefers of the answers that a document has (RFC 7240 §2)."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import parse_qsl

from contract.problem import Problem, ValidationError
from contract.request import Request

_QUERY: Final = {"__code": "code", "__example": "example", "__dynamic": "dynamic"}


class NotDefined(Problem):
    """What a caller prefers is not in the document (404, as Prism answers it)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.NOT_FOUND

    def __init__(self, what: str) -> None:
        super().__init__(ValidationError(("header", "Prefer"), f"The document does not have {what}", "not_defined"))


@dataclass(frozen=True, slots=True)
class Preference:
    """What a caller prefers (RFC 7240)."""

    code: str | None
    example: str | None
    dynamic: bool

    @classmethod
    def of(cls, request: Request) -> "Preference":
        """What a request says: in `Prefer`, else in its query; of what is said twice the first."""
        said: dict[str, str] = {}
        for header in request.headers(b"prefer"):
            for piece in header.decode("latin-1").replace(";", ",").split(","):
                for part in piece.split():
                    name, _, value = part.partition("=")
                    said.setdefault(name.lower(), value.strip('"'))
        for name, value in parse_qsl(request.scope["query_string"].decode("latin-1")):
            if name in _QUERY:
                said.setdefault(_QUERY[name], value)
        return cls(said.get("code"), said.get("example"), said.get("dynamic", "").lower() == "true")
