"""Request bodies to values, by media type: JSON, forms, multipart, text, and bytes (OpenAPI 3.1 §4.8.14, §4.8.15)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import Message
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from contract import json_text
from contract.coercion import Coerce, compile_coercion, types_of
from contract.inplace import applied, members_of, subschemas
from contract.problem import UnprocessableContent, ValidationError
from contract.raw import NOT_TEXT, NotText, Raw, decoded, pairs_of
from contract.styles import MISSING, Malformed, compile_content, compile_read

if TYPE_CHECKING:
    from contract.schema import Node, Schema

_RESERVED: Final = frozenset(":/?#[]@!$'();")
"""Reserved characters (RFC 3986 §2.2) that a form has no use for: `& = + ,` and `*` it writes itself."""

MAX_PARTS: Final = 1000
"""Parts of one multipart body."""

MAX_MEDIA_TYPE: Final = 1 << 12
"""Bytes of a `Content-Type`: the standard library's time for its parameters grows with their square (64 kB: 3 s)."""

MAX_PART_HEADER: Final = 1 << 10
"""Bytes of a header line of a part, for the same reason: there may be `MAX_PARTS` of them in a body."""

MAY_BE_JSON: Final = frozenset({"*/*", "application/*"})
"""The ranges of media types that JSON falls under."""

Decode = Callable[[bytes, Mapping[str, str]], Any]
"""Takes a body and the parameters of its media type; raises `UnprocessableContent`."""


Loads = Callable[[bytes], Any]
"""Parses one JSON text."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """One entry of a `content` map, compiled."""

    range: str
    """As the document has it: `application/json`, `text/*`, `*/*`."""
    pointer: str
    schema: "Schema | None"
    decode: Decode
    is_json: bool
    described: Mapping[str, Any]
    """The Media Type Object."""


class Content:
    """A compiled `content` map: which of its entries a media type falls under (RFC 9110 §8.3.1, §12.5.1)."""

    def __init__(self, entries: Sequence[MediaType], *, distinct: bool = False) -> None:
        """`distinct`: items may have to be, below a range."""
        self.entries = tuple(entries)
        self._loads = _loads_of(distinct=distinct)
        self._by_range = {essence(entry.range): entry for entry in entries}
        self.find = lru_cache(maxsize=256)(self._find)
        """The entry for a `Content-Type` header, with the header's parameters; None where there is none."""

    @property
    def ranges(self) -> list[str]:
        """What the document accepts."""
        return [entry.range for entry in self.entries]

    def _find(self, header: bytes) -> tuple[MediaType, Mapping[str, str]] | None:
        if len(header) > MAX_MEDIA_TYPE:
            return None
        message = Message()
        message["content-type"] = header.decode("latin-1")
        name = essence(header.decode("latin-1"))
        if name.count("/") != 1 or "*" in name:
            return None
        entry = self._by_range.get(name) or self._by_range.get(f"{name.split('/')[0]}/*") or self._by_range.get("*/*")
        if entry is None:
            return None
        if is_json(name) and not entry.is_json:
            # Below a range, the request says what its body is.
            entry = replace(entry, decode=partial(_json, self._loads), is_json=True)
        parameters = {
            # An extended one (`charset*=utf-8''…`, RFC 2231 §4) comes as its charset, its language, and its text.
            key.lower(): value if isinstance(value, str) else value[2]
            for key, value in message.get_params([])[1:]
        }
        return entry, parameters


def essence(media_type: str) -> str:
    """Type and subtype, without parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """`application/json`, and whatever ends in `+json` (RFC 6839 §3.1)."""
    name = essence(media_type)
    return name.endswith(("/json", "+json"))


def decoder(media_type: str, schema: "Schema | None", encoding: Mapping[str, Any], *, distinct: bool = False) -> Decode:
    """What turns a body of `media_type` into a value for `schema`; `distinct`: its items may have to be."""
    name = essence(media_type)
    loads = _loads_of(distinct=distinct)
    if is_json(name):
        return partial(_json, loads)
    if name == "application/x-www-form-urlencoded":
        return _form(schema, encoding)
    if name == "multipart/form-data":
        return _multipart(schema, encoding, loads)
    if name.startswith("text/"):
        return _text if schema is None else _text_for(schema)
    return _by_actual_type


def without_bytes(value: Any) -> Any:
    """A value as its schema judges it: bytes count as the text of as many characters."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {name: without_bytes(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_bytes(item) for item in value]
    return value


def is_written_out(value: Any, schema: "Schema") -> bool:
    """Whether a value, of a media type that is not JSON, is an object's or a list's very text (OpenAPI 3.1 §4.8.19.1).

    What its schema says of members and items can then not be judged.
    """
    return isinstance(value, str | bytes) and types_of(schema.node) <= {"object", "array", "null"}


def _loads_of(*, distinct: bool) -> Loads:
    return json_text.loads_for_distinct if distinct else json_text.loads


def _json(loads: Loads, body: bytes, _parameters: Mapping[str, str]) -> Any:
    try:
        return loads(body)
    except json_text.InvalidJSON as error:
        raise UnprocessableContent(
            ValidationError(("body", error.position), "JSON decode error", "json_invalid")
        ) from None


def _text(body: bytes, parameters: Mapping[str, str]) -> str:
    try:
        text = body.decode(parameters.get("charset", "utf-8"))
        # Some of Python's codecs (`unicode_escape`) make surrogates, which are no text.
        text.encode()
    except (UnicodeError, LookupError):
        raise _unreadable(NOT_TEXT) from None
    return text


def _text_for(schema: "Schema") -> Decode:
    """A text that stands for what its schema asks for: `7` is a number where it has to be one."""
    coerce = compile_coercion(schema)
    return lambda body, parameters: coerce(_text(body, parameters))


def _by_actual_type(body: bytes, _parameters: Mapping[str, str]) -> bytes:
    return body


def _unreadable(message: str, type_: str = "string_unicode", *loc: str) -> UnprocessableContent:
    return UnprocessableContent(ValidationError(("body", *loc), message, type_))


# ---- forms -----------------------------------------------------------------------------------------------------------


def _properties(schema: "Schema | None") -> "dict[str, list[Node]]":
    return members_of(applied(schema.node)) if schema is not None else {}


def _form(schema: "Schema | None", encoding: Mapping[str, Any]) -> Decode:
    readers = {
        name: [_reader(name, schema, node, encoding.get(name, {})) for node in nodes]
        for name, nodes in _properties(schema).items()
    }
    other = _other(schema)
    ways = max(map(len, readers.values()), default=1)

    def read(raw: Raw, way: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for name, reads in readers.items():
            value |= _read_member(name, reads[min(way, len(reads) - 1)], raw)
        for name, text in raw.query:
            if name not in value and name not in readers and name.partition("[")[0] not in readers:
                value[name] = _plain_member(name, text, other)
        return value

    def decode(body: bytes, _parameters: Mapping[str, str]) -> Any:
        try:
            pairs = pairs_of(body.decode("ascii" if b"%" in body else "utf-8"))
        except (UnicodeDecodeError, NotText):
            raise _unreadable("Input should be a valid form, unable to parse raw data as a unicode string") from None
        raw = Raw(query=pairs)
        value = read(raw, 0)
        if ways == 1 or schema is None or schema.is_valid(value):
            return value
        # Branches differ on a member: what one reads as a number may be text in the next.
        others = (read(raw, way) for way in range(1, ways))
        return next((other for other in others if schema.is_valid(other)), value)

    return decode


def _reader(name: str, schema: Any, node: "Node", said: Mapping[str, Any]) -> Callable[[Raw], Any]:
    by_style = said.keys() & {"style", "explode", "allowReserved"}
    if not by_style and types_of(node) <= {"object", "null"}:
        return _json_member(name)
    style = str(said.get("style", "form"))
    read = compile_read(name, "query", style, bool(said.get("explode", style == "form")), schema.compile_node(node))
    return _encoded(name, read) if said.get("allowReserved") is False else read


def _other(schema: "Schema | None") -> Coerce:
    """How a member is read that the schema does not name."""
    nodes = (
        subschemas(applied(schema.node), "additionalProperties", "unevaluatedProperties") if schema is not None else []
    )
    return compile_coercion(schema.compile_node(nodes[0])) if schema is not None and nodes else str


def _read_member(name: str, read: Callable[[Raw], Any], raw: Raw) -> dict[str, Any]:
    try:
        value = read(raw)
    except Malformed as error:
        raise _unreadable(str(error), "parameter_malformed", name) from None
    except NotText:
        raise _unreadable(NOT_TEXT, "string_unicode", name) from None
    return {} if value is MISSING else {name: value}


def _plain_member(name: str, text: str, coerce: Coerce) -> Any:
    try:
        return coerce(decoded(text))
    except NotText:
        raise _unreadable(NOT_TEXT, "string_unicode", name) from None


def _encoded(name: str, read: Callable[[Raw], Any]) -> Callable[[Raw], Any]:
    """A reader of a member that is not to hold reserved characters as they are (OpenAPI 3.1 §4.8.15.1.2)."""

    def reader(raw: Raw) -> Any:
        if any(not _RESERVED.isdisjoint(value) for value in raw.in_query(name)):
            raise Malformed("Input should have its reserved characters percent-encoded")
        return read(raw)

    return reader


def _json_member(name: str) -> Callable[[Raw], Any]:
    return compile_content(name, "query")


# ---- multipart -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    name: str
    is_file: bool
    media_type: str
    body: bytes


def _multipart(schema: "Schema | None", encoding: Mapping[str, Any], loads: Loads) -> Decode:
    members = {
        name: _Member(schema, nodes[0], encoding.get(name, {}), loads) for name, nodes in _properties(schema).items()
    }

    def decode(body: bytes, parameters: Mapping[str, str]) -> Any:
        value: dict[str, Any] = {}
        for part in _parts(body, parameters.get("boundary", "")):
            member = members.get(part.name)
            item = member.read(part) if member is not None else _of_part(part)
            if member is not None and member.is_list:
                value.setdefault(part.name, []).append(item)
            else:
                value[part.name] = item
        return value

    return decode


class _Member:
    """How a part becomes a member: by its own media type, else by what its schema says (OpenAPI 3.1 §4.8.14.5)."""

    def __init__(self, schema: Any, node: "Node", encoding: Mapping[str, Any], loads: Loads) -> None:
        types = types_of(node)
        self._loads = loads
        self.is_list = types <= {"array", "null"}
        item = node.target()
        if self.is_list and isinstance(item.value, Mapping) and "items" in item.value:
            item = item.child("items")
        self._is_json = is_json(str(encoding.get("contentType", ""))) or types_of(item) <= {"object", "array", "null"}
        self._coerce = compile_coercion(schema.compile_node(item))

    def read(self, part: _Part) -> Any:
        if self._is_json or is_json(part.media_type):
            try:
                return self._loads(part.body)
            except json_text.InvalidJSON:
                raise _unreadable("JSON decode error", "json_invalid", part.name) from None
        value = _of_part(part)
        return self._coerce(value) if isinstance(value, str) else value


def _of_part(part: _Part) -> str | bytes:
    if part.is_file and not part.media_type.startswith("text/"):
        return part.body
    try:
        return part.body.decode()
    except UnicodeDecodeError:
        return part.body


def _parts(body: bytes, boundary: str) -> list[_Part]:
    """Split a multipart body (RFC 7578)."""
    parts: list[_Part] = []
    headers: dict[str, str] = {}
    content = bytearray()
    header_name, header_value = bytearray(), bytearray()
    ended = False

    def on_part_begin() -> None:
        if len(parts) >= MAX_PARTS:
            raise MultipartParseError(f"over {MAX_PARTS} parts")
        headers.clear()
        content.clear()

    def on_header_end() -> None:
        headers[header_name.decode("latin-1").lower()] = header_value.decode(errors="replace")
        header_name.clear()
        header_value.clear()

    def on_part_end() -> None:
        disposition = Message()
        disposition["content-disposition"] = headers.get("content-disposition", "")
        said = dict(disposition.get_params([], header="content-disposition"))
        name = said.get("name")
        if not isinstance(name, str):
            raise MultipartParseError("a part has no name")
        is_file = "filename" in said
        default = "application/octet-stream" if is_file else "text/plain"
        parts.append(_Part(name, is_file, essence(headers.get("content-type", default)), bytes(content)))

    def on_end() -> None:
        nonlocal ended
        ended = True

    try:
        parser = MultipartParser(
            boundary.encode("latin-1"),
            {
                "on_part_begin": on_part_begin,
                "on_part_data": lambda data, start, end: content.extend(data[start:end]),
                "on_part_end": on_part_end,
                "on_header_field": lambda data, start, end: header_name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: header_value.extend(data[start:end]),
                "on_header_end": on_header_end,
                "on_end": on_end,
            },
            max_header_size=MAX_PART_HEADER,
        )
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, ValueError):
        raise _unreadable("Input should be a valid multipart form", "multipart_invalid") from None
    if not ended:
        raise _unreadable("Input should be a valid multipart form", "multipart_invalid")
    return parts
