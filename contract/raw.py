"""What a request brings, undecoded: path, query, headers and cookies; and how their percent-encoding is undone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

Pairs = Sequence[tuple[str, str]]
"""Names and values as they stand in a query, a cookie header or a form: names decoded, values not yet."""


class NotText(ValueError):
    """Percent-encoded bytes are not UTF-8 (RFC 3986 §2.5)."""


NOT_TEXT: Final = "Input should be a valid string, unable to parse raw data as a unicode string"
"""What a client is told of bytes that are none, in the words of Pydantic 2."""

_NOTHING: Final[Mapping[Any, Any]] = {}


class Raw:
    """What a request brings, undecoded."""

    __slots__ = ("_by_name", "cookies", "headers", "path", "query")

    def __init__(
        self,
        path: Mapping[str, str] = _NOTHING,
        query: Pairs = (),
        headers: Mapping[bytes, Sequence[bytes]] = _NOTHING,
        cookies: Pairs = (),
    ) -> None:
        self.path = path
        self.query = query
        self.headers = headers
        self.cookies = cookies
        self._by_name: dict[str, list[str]] | None = None

    def in_query(self, name: str) -> Sequence[str]:
        """The values of a name in the query or form: looked up, as many names may be asked for among many pairs."""
        if self._by_name is None:
            self._by_name = {}
            for key, value in self.query:
                self._by_name.setdefault(key, []).append(value)
        return self._by_name.get(name, ())


def pairs_of(text: str, separator: str = "&") -> Pairs:
    """Split a query, a cookie header (`;`) or a form; values stay encoded.

    Raises:
        NotText: a name is not UTF-8.
    """
    pairs = []
    for piece in text.split(separator):
        if piece := piece.strip():
            name, _, value = piece.partition("=")
            pairs.append((decoded(name), value))
    return pairs


def decoded(text: str) -> str:
    """Percent-decode a piece of a query or a form (`+` is a space, as HTML forms write it).

    Raises:
        NotText: the bytes are not UTF-8.
    """
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise NotText from None


def unquote_strictly(text: str) -> str:
    """Percent-decode a piece of a path (RFC 3986 §2.1).

    Raises:
        NotText: the bytes are not UTF-8.
    """
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise NotText from None
