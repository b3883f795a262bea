"""Text to values by `style` and `explode`, for parameters and for forms (OpenAPI 3.1 §4.8.12.2, §4.8.12.3)."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol

from contract import json_text
from contract.coercion import Coerce, compile_coercion, types_of
from contract.inplace import applied, members_of, narrowest, said, subschemas
from contract.raw import Pairs, Raw, decoded, unquote_strictly

if TYPE_CHECKING:
    from contract.schema import Node, Schema

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
        types = types_of(schema.node)
        parts = applied(schema.node)
        self.schema = schema
        self.coerce = compile_coercion(schema)
        self.is_text = "string" in types and not types & {"array", "object", "integer", "number", "boolean"}
        self.takes_one = bool(types - {"array", "object", "null"})
        self.takes_list = "array" in types and len(types) < _TOO_VAGUE
        self.takes_members = "object" in types and len(types) < _TOO_VAGUE
        members = members_of(parts)
        self.members = {name: self._of(nodes) for name, nodes in members.items()}
        self._nested = {
            name: nodes[0] for name, nodes in members.items() if types_of(nodes[0]) <= {"object", "array", "null"}
        }
        self._shapes: dict[str, _Shape] = {}
        self._patterns = [
            (
                schema.part(part, {"pattern": pattern}),
                self._of([part.child("patternProperties", pattern)]),
            )
            for part in parts
            for pattern in part.value.get("patternProperties", {})
        ]
        self._other = self._of(subschemas(parts, "additionalProperties", "unevaluatedProperties"))
        others = said(parts, "additionalProperties", "unevaluatedProperties") or [not members and not self._patterns]
        self._takes_others = any(other is not False for other in others)
        self._first = self._of_prefix(parts)
        self._item = self._of(subschemas(parts, "items", "unevaluatedItems"))
        self.ways = max(map(len, (self._item, self._other, *self._first, *self.members.values())))

    def _of(self, nodes: Sequence["Node"]) -> Sequence[Coerce]:
        return [compile_coercion(self.schema.compile_node(node)) for node in nodes] or [str]

    def _of_prefix(self, parts: Sequence["Node"]) -> Sequence[Sequence[Coerce]]:
        listed: list[list[Node]] = []
        for part in parts:
            for index in range(len(part.value.get("prefixItems", ()))):
                listed += [[]] if index == len(listed) else []
                listed[index].append(part.child("prefixItems", index))
        return [self._of(narrowest(nodes)) for nodes in listed]

    def admits(self, name: str) -> bool:
        """Whether the object may have a member of this name."""
        return name in self.members or self._takes_others or any(named.is_valid(name) for named, _ in self._patterns)

    def nested(self, name: str) -> "_Shape | None":
        """The shape of a member that is an object or a list; made when it is met, for schemas may be recursive."""
        if name in self._nested and name not in self._shapes:
            self._shapes[name] = _Shape(self.schema.compile_node(self._nested[name]))
        return self._shapes.get(name)

    def one(self, text: str) -> Any:
        return self.coerce(text)

    def item(self, text: str) -> Any:
        return self._item[0](text)

    def list(self, texts: Sequence[str]) -> Any:
        return self.whole(
            lambda way: [
                _way(self._first[i] if i < len(self._first) else self._item, way)(text) for i, text in enumerate(texts)
            ]
        )

    def member(self, name: str, text: str, way: int = 0) -> Any:
        """A member's value; where branches of the schema differ on it, `way` says by which it is read."""
        if (coercions := self.members.get(name)) is None:
            coercions = next((coerce for named, coerce in self._patterns if named.is_valid(name)), self._other)
        return _way(coercions, way)(text)

    def object(self, pairs: Sequence[tuple[str, str]]) -> Any:
        return self.whole(lambda way: {name: self.member(name, text, way) for name, text in pairs})

    def whole(self, read: Callable[[int], Any]) -> Any:
        """A value read in the first of the ways that the schema takes, else in the first of all."""
        first = read(0)
        if first is MISSING or self.ways == 1 or self.schema.is_valid(first):
            return first
        others = (read(way) for way in range(1, self.ways))
        return next((value for value in others if self.schema.is_valid(value)), first)

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


def _way(coercions: Sequence[Coerce], way: int) -> Coerce:
    return coercions[min(way, len(coercions) - 1)]


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

    def pieces(texts: Sequence[str]) -> list[str]:
        return _pieces(texts, style, explode)

    def of_list(raw: Raw) -> Any:
        texts = source(raw)
        return shape.list(pieces(texts)) if texts else MISSING

    def of_members(raw: Raw) -> Any:
        if style == "deepObject":
            return shape.whole(lambda way: _deep(name, raw.query, shape, way))
        if explode and style == "form":
            found = [
                (key, decoded(value))
                for key, value in pairs(raw)
                if key in shape.members or (key not in declared and shape.admits(key))
            ]
            return shape.object(found) if found else MISSING
        texts = source(raw)
        return shape.object(_alternating(pieces(texts))) if texts else MISSING

    def of_one(raw: Raw) -> Any:
        texts = source(raw)
        return shape.one(decoded(texts[-1])) if texts else MISSING

    if style == "deepObject":
        return of_members  # whether or not the schema says that it is an object
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


def _pieces(texts: Sequence[str], style: str, explode: bool) -> list[str]:
    if explode and style == "form":
        return [decoded(text) for text in texts]
    first, *others = {"spaceDelimited": ("%20", "+", " "), "pipeDelimited": ("|", "%7C", "%7c")}.get(style, (",",))
    # An exploded list is one pair an item in these styles too, as the first OpenAPI 3.0 defined `explode`.
    text = first.join(texts) if explode else texts[-1]
    for separator in others:
        text = text.replace(separator, first)
    return [decoded(piece) for piece in text.split(first)] if text else []


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


def _deep(name: str, pairs: Pairs, shape: _Shape, way: int) -> Any:
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
        _place(found, steps, decoded(text), shape, way)
    return found or MISSING


def _place(found: dict[str, Any], steps: Sequence[str], text: str, shape: _Shape, way: int) -> None:
    name, *rest = steps
    inner = shape.nested(name)
    if inner is not None and inner.takes_list and rest in ([], [""]):
        found.setdefault(name, []).append(inner.item(text))
    elif rest:
        below = found.setdefault(name, {})
        if not isinstance(below, dict):
            raise Malformed(f"Input has both a value and members for {name}")
        _place(below, rest, text, inner or shape, way)
    else:
        if name in found:
            raise Malformed(f"Input has {name} twice")
        found[name] = shape.member(name, text, way)
