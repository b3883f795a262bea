"""Takes the parameters of an operation out of a request (OpenAPI 3.1 §4.8.12)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from contract.binding import Bound
from contract.fields import Fields
from contract.findings import Findings
from contract.problem import UnprocessableContent, ValidationError
from contract.raw import NOT_TEXT, NotText, Pairs, Raw, pairs_of
from contract.request import Request
from contract.styles import MISSING

_SCALARS: Final = str | int | float | bool | None


class Taking:
    """Takes the parameters of one operation.

    Where all of them stand in header fields, what was taken once holds for every request with the same fields.
    """

    def __init__(self, bound: Bound) -> None:
        self._named = tuple(zip(bound.arguments, bound.operation.parameters, strict=True))
        locations = {parameter.location for _, parameter in self._named}
        self._has_cookies = "cookie" in locations
        self._read_once = self._read if locations <= {"header", "cookie"} else None

    def take(self, request: Request, findings: Findings) -> Mapping[str, Any]:
        """By argument, the values of the parameters that are there; what is wrong goes to `findings`.

        Raises:
            UnprocessableContent: a name in the query, or of a cookie, is no text.
        """
        if not self._named:
            return {}
        if self._read_once is not None and (taken := request.fields.read(self._read_once)) is not None:
            return taken
        text = request.scope["query_string"]
        query = _pairs(text, "query") if text else ()
        return self._take(request.path_values, query, request.fields, findings)

    def _read(self, fields: Fields) -> Mapping[str, Any] | None:
        """The same of header fields alone; None where something is wrong, or a handler could change what others get."""
        findings = Findings()
        taken = self._take({}, (), fields, findings)
        return None if findings or not all(isinstance(value, _SCALARS) for value in taken.values()) else taken

    def _take(
        self, path: Mapping[str, str], query: Pairs, fields: Mapping[bytes, Sequence[bytes]], findings: Findings
    ) -> dict[str, Any]:
        raw = Raw(path, query, fields, _cookies(fields) if self._has_cookies else ())
        taken = {}
        for argument, parameter in self._named:
            value = parameter.take(raw, findings)
            if value is not MISSING:
                taken[argument] = value
        return taken


def _cookies(fields: Mapping[bytes, Sequence[bytes]]) -> list[tuple[str, str]]:
    return [pair for header in fields.get(b"cookie", ()) for pair in _pairs(header, "cookie", ";")]


def _pairs(text: bytes, location: str, separator: str = "&") -> Pairs:
    try:
        return pairs_of(text.decode("latin-1"), separator)
    except NotText:
        raise UnprocessableContent(ValidationError((location,), NOT_TEXT, "string_unicode")) from None
