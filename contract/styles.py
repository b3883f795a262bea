"""Text to values by `style` and `explode`, for parameters and for forms (OpenAPI 3.1 §4.8.12.2, §4.8.12.3)."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol

from contract import json_text
from contract.coercion import Coerce, compile_coercion, types_of
from contract.raw import Pairs, Raw, decoded, unquote_strictly

if TYPE_CHECKING:
    from contract.schema import Schema

MISSING: Final = object()
"""A parameter that the request does not have."""

_STYLES: Final = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
"""The default style of each location."""

STYLES_OF: Final[Mapping[str, frozenset[str]]] = {
    "path": frozenset({"simple", "label", "matrix"}),
    "query": frozenset({"form", "spaceDelimited", "pipeDelimited", "deepObject"}),
    "header": frozenset({"simple"}),
    "cookie": frozenset({"form"}),
}
"""OpenAPI 3.1 §4.8.12.3, table of styles."""


class Malformed(ValueError):
    """A text is not written in the style that its parameter asks for."""


class Read(Protocol):
    """Takes one parameter's value out of a request, `MISSING` where it has none.

    Raises:
        Malformed: it is there, and not written as the document says.
        NotText: its bytes are no text.
    """

    def __call__(self, raw: Raw, /) -> Any:
        """Take it."""


def style_of(parameter: Mapping[str, Any], location: str) -> tuple[str, bool]:
    """`style` and `explode` of a parameter, header or encoding, with their defaults."""
    style = str(parameter.get("style", _STYLES[location]))
    return style, bool(parameter.get("explode", style == "form"))


def compile_read(
    name: str, location: str, style: str, explode: bool, schema: "Schema", declared: Sequence[str] = ()
) -> Read:
    """What reads a parameter by `style`; `declared` names the query parameters that are not this object's members."""
    shape = _Shape(schema)
    if location in ("query", "cookie"):
        return _compile_form(name, location, style, explode, shape, frozenset(declared))
    source = _SOURCES[location](name)
    if location == "header" and shape.is_text:
        # Most headers are: nothing of their text has to be told apart.
        return _text_of(source)
    split = _compile_split(name, style, explode, shape, str if location == "header" else unquote_strictly)

    def read(raw: Raw) -> Any:
        texts = source(raw)
        return split(",".join(texts)) if texts else MISSING

    return read


def _text_of(source: "Source") -> Read:
    def read(raw: Raw) -> Any:
        texts = source(raw)
        return (texts[0] if len(texts) == 1 else ",".join(texts)) if texts else MISSING

    return read


def compile_content(name: str, location: str) -> Read:
    """What reads a parameter whose `content` is JSON (OpenAPI 3.1 §4.8.12.2)."""
    source = _SOURCES[location](name)
    decode = {"query": decoded, "cookie": decoded, "path": unquote_strictly}.get(location, str)

    def read(raw: Raw) -> Any:
        texts = source(raw)
        if not texts:
            return MISSING
        try:
            return json_text.loads(decode(texts[-1]).encode())
        except json_text.InvalidJSON as error:
            raise Malformed(f"Input should be valid JSON: {error.reason}") from None

    return read


# ---- where the text stands -------------------------------------------------------------------------------------------

Source = Callable[[Raw], Sequence[str]]


def _from_path(name: str) -> Source:
    return lambda raw: (raw.path[name],) if name in raw.path else ()


def _from_query(name: str) -> Source:
    return lambda raw: raw.in_query(name)


def _from_headers(name: str) -> Source:
    wanted = name.lower().encode("latin-1", "replace")
    return lambda raw: [value.decode("latin-1") for value in raw.headers.get(wanted, ())]


def _from_cookies(name: str) -> Source:
    return lambda raw: [value for key, value in raw.cookies if key == name]


_SOURCES: Final[Mapping[str, Callable[[str], Source]]] = {
    "path": _from_path,
    "query": _from_query,
    "header": _from_headers,
    "cookie": _from_cookies,
}

_PAIRS: Final[Mapping[str, Callable[[Raw], Pairs]]] = {
    "query": lambda raw: raw.query,
    "cookie": lambda raw: raw.cookies,
}
"""Where the members of an object stand that is not written as one text."""


# ---- what the text means ---------------------------------------------------------------------------------------------


class _Shape:
    """What a schema makes of text: one value, a list of values, or members."""

    def __init__(self, schema: "Schema") -> None:
        node = schema.node.target()
        types = types_of(schema.node)
        self.schema = schema
        self.coerce = compile_coercion(schema)
        self.is_text = "string" in types and not types & {"array", "object", "integer", "number", "boolean"}
        self.takes_one = bool(types - {"array", "object", "null"})
        self.takes_list = "array" in types and len(types) < _TOO_VAGUE
        self.takes_members = "object" in types and len(types) < _TOO_VAGUE
        holder = _holder(node)
        value = holder.value if isinstance(holder.value, Mapping) else {}
        self.members: dict[str, Coerce] = {
            name: self._of(holder.child("properties", name)) for name in value.get("properties", {})
        }
        self.nested = {
            name: _Shape(schema.compile_node(holder.child("properties", name)))
            for name in value.get("properties", {})
            if types_of(holder.child("properties", name)) <= {"object", "array", "null"}
        }
        self.other: Coerce = (
            self._of(holder.child("additionalProperties"))
            if isinstance(value.get("additionalProperties"), Mapping)
            else str
        )
        self.takes_others = value.get("additionalProperties", not self.members) is not False
        self.first = [self._of(holder.child("prefixItems", i)) for i in range(len(value.get("prefixItems", ())))]
        self.item: Coerce = self._of(holder.child("items")) if isinstance(value.get("items"), Mapping) else str

    def _of(self, node: Any) -> Coerce:
        return compile_coercion(self.schema.compile_node(node))

    def one(self, text: str) -> Any:
        return self.coerce(text)

    def list(self, texts: Sequence[str]) -> list[Any]:
        return [(self.first[i] if i < len(self.first) else self.item)(text) for i, text in enumerate(texts)]

    def object(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        return {name: self.members.get(name, self.other)(text) for name, text in pairs}

    def best(self, *candidates: Callable[[], Any]) -> Any:
        """The first candidate that the schema takes, else the first that can be read at all."""
        first: Any = MISSING
        fault: Malformed | None = None
        for candidate in candidates:
            try:
                value = candidate()
            except Malformed as error:
                fault = fault or error
                continue
            if len(candidates) == 1 or self.schema.is_valid(value):
                return value
            first = value if first is MISSING else first
        if first is MISSING:
            raise fault or Malformed("Input cannot be read")
        return first


_TOO_VAGUE: Final = 6
"""A schema that admits this many types says nothing of how to read a text: the text is the value."""


def _holder(node: Any) -> Any:
    """Where `items` and `properties` of a schema stand: in it, or in the one branch of a nullable union."""
    for keyword in ("anyOf", "oneOf", "allOf"):
        branches = node.value.get(keyword) if isinstance(node.value, Mapping) else None
        for index in range(len(branches or ())):
            branch = node.child(keyword, index).target()
            if isinstance(branch.value, Mapping) and branch.value.keys() & {"items", "properties", "prefixItems"}:
                return branch
    return node


def _compile_split(
    name: str, style: str, explode: bool, shape: _Shape, decode: Callable[[str], str]
) -> Callable[[str], Any]:
    """The styles `simple`, `label` and `matrix`: the whole parameter is one text."""

    def plain(text: str) -> str:
        if style == "label":
            return _after(text, ".")
        if style == "matrix":
            key, _, value = _after(text, ";").partition("=")
            if key != name:
                raise Malformed(f"Input should be written as ;{name}=…")
            return value
        return text

    def pieces(text: str) -> list[str]:
        if style == "matrix" and explode:
            return [plain(f";{piece}") for piece in _after(text, ";").split(";")]
        text = plain(text)
        separator = "." if style == "label" and (explode or "," not in text) else ","
        return [decode(piece.strip()) for piece in text.split(separator)] if text else []

    def members(text: str) -> list[tuple[str, str]]:
        if not explode:
            return _alternating(pieces(text))
        separator = {"label": ".", "matrix": ";"}.get(style, ",")
        body = _after(text, separator) if style != "simple" else text
        found = [piece.strip().partition("=") for piece in body.split(separator)]
        if not all(equals for _, equals, _ in found):
            raise Malformed("Input should be written as name=value pairs")
        return [(decode(key), decode(value)) for key, _, value in found]

    candidates: list[Callable[[str], Any]] = []
    if shape.takes_members:
        candidates.append(lambda text: shape.object(members(text)))
    if shape.takes_list:
        candidates.append(lambda text: shape.list(pieces(text)))
    if shape.takes_one or not candidates:
        candidates.append(lambda text: shape.one(decode(plain(text))))
    return lambda text: shape.best(*[_bound(candidate, text) for candidate in candidates])


def _compile_form(name: str, location: str, style: str, explode: bool, shape: _Shape, declared: frozenset[str]) -> Read:
    """The styles `form`, `spaceDelimited`, `pipeDelimited` and `deepObject`: the parameter may be several pairs."""
    source = _SOURCES[location](name)
    pairs = _PAIRS[location]
    separators = {"spaceDelimited": ("%20", "+", " "), "pipeDelimited": ("|", "%7C", "%7c")}.get(style, (",",))

    def pieces(texts: Sequence[str]) -> list[str]:
        if explode and style == "form":
            return [decoded(text) for text in texts]
        text = texts[-1]
        for separator in separators[1:]:
            text = text.replace(separator, separators[0])
        return [decoded(piece) for piece in text.split(separators[0])] if text else []

    def of_list(raw: Raw) -> Any:
        texts = source(raw)
        return shape.list(pieces(texts)) if texts else MISSING

    def of_members(raw: Raw) -> Any:
        if style == "deepObject":
            return _deep(name, raw.query, shape)
        if explode and style == "form":
            found = [
                (key, decoded(value))
                for key, value in pairs(raw)
                if key in shape.members or (shape.takes_others and key not in declared)
            ]
            return shape.object(found) if found else MISSING
        texts = source(raw)
        return shape.object(_alternating(pieces(texts))) if texts else MISSING

    def of_one(raw: Raw) -> Any:
        texts = source(raw)
        return shape.one(decoded(texts[-1])) if texts else MISSING

    readers: list[Read] = []
    if shape.takes_members:
        readers.append(of_members)
    if shape.takes_list:
        readers.append(of_list)
    if shape.takes_one or not readers:
        readers.append(of_one)
    if len(readers) == 1:
        return readers[0]

    def read(raw: Raw) -> Any:
        present = [reader for reader in readers if _is_present(reader, raw)]
        return shape.best(*[_bound(reader, raw) for reader in present]) if present else MISSING

    return read


def _is_present(reader: Read, raw: Raw) -> bool:
    try:
        return reader(raw) is not MISSING
    except Malformed:
        return True


def _bound(function: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
    return lambda: function(argument)


def _after(text: str, prefix: str) -> str:
    if not text.startswith(prefix):
        raise Malformed(f"Input should begin with {prefix!r}")
    return text[len(prefix) :]


def _alternating(pieces: Sequence[str]) -> list[tuple[str, str]]:
    if len(pieces) % 2:
        raise Malformed("Input should alternate names and values")
    return list(pairwise(pieces))[::2]


def _deep(name: str, pairs: Pairs, shape: _Shape) -> Any:
    """`name[a]=1&name[b][c]=2` (deepObject; deeper levels are ours, the specification leaves them open)."""
    found: dict[str, Any] = {}
    prefix = f"{name}["
    for key, text in pairs:
        if not key.startswith(prefix):
            continue
        if not key.endswith("]"):
            raise Malformed(f"Input should be written as {name}[member]=value")
        steps = key[len(prefix) : -1].split("][")
        if len(steps) > json_text.MAX_DEPTH:
            raise Malformed(f"Input is nested deeper than {json_text.MAX_DEPTH} levels")
        _place(found, steps, decoded(text), shape)
    return found or MISSING


def _place(found: dict[str, Any], steps: Sequence[str], text: str, shape: _Shape) -> None:
    name, *rest = steps
    inner = shape.nested.get(name)
    if inner is not None and inner.takes_list and rest in ([], [""]):
        found.setdefault(name, []).append(inner.item(text))
    elif rest:
        below = found.setdefault(name, {})
        if not isinstance(below, dict):
            raise Malformed(f"Input has both a value and members for {name}")
        _place(below, rest, text, inner or shape)
    else:
        if name in found:
            raise Malformed(f"Input has {name} twice")
        found[name] = shape.members.get(name, shape.other)(text)
