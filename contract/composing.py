"""A value in full for a schema: every declared member, each from its own example, default or kind.

What is composed is a guess, as in `contract.samples`: who asks for it judges it by the compiled schema. Members come in
the document's order, so that an answer reads as the document does.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from contract.bundle import bundle
from contract.coercion import types_of
from contract.samples import FORMATS, Edges, samples
from contract.schema import Node

Found = tuple[bool, Any]
"""Whether there is a value, and which."""

Judge = Callable[[Node, Any], bool]
"""Whether a schema admits a value."""

NOTHING: Final[Found] = (False, None)

_MAX_DEPTH: Final = 2
"""Times that a schema is written out within itself."""

_MAX_STEPS: Final = 2_000
"""Schemas looked at for one value."""

_NOTES: Final = frozenset(
    {"type", "nullable", "title", "description", "deprecated", "readOnly", "xml", "externalDocs", "discriminator"}
)
"""Keywords that leave a value of a kind free."""

_PLAIN: Final[Mapping[str, Any]] = {"string": "string", "integer": 0, "number": 0, "boolean": True}


def said_by(node: Node) -> Iterator[Any]:
    """What a schema itself gives as its values: `const`, examples, its default."""
    value = node.target().value
    if isinstance(value, Mapping):
        if "const" in value:
            yield value["const"]
        if isinstance(value.get("examples"), list):
            yield from value["examples"]
        for keyword in ("example", "default"):
            if keyword in value:
                yield value[keyword]


def composed(node: Node, judge: Judge | None = None) -> Found:
    """A value in full; with `judge`, of members each value is one that their own schema admits."""
    return _Composer(judge).value(node)


class _Composer:
    def __init__(self, judge: Judge | None) -> None:
        self._judge = judge
        self._above: list[int] = []
        self._steps = 0

    def value(self, node: Node) -> Found:
        target = node.target()
        schema = target.value
        self._steps += 1
        if not isinstance(schema, Mapping) or self._steps > _MAX_STEPS:
            return (schema is True), {}
        for said in said_by(target):
            if self._judge is None or self._judge(target, said):
                return True, said
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return True, schema["enum"][0]
        if self._above.count(id(schema)) >= _MAX_DEPTH:
            return (types_of(target) <= {"object", "null"} and not schema.get("required")), {}
        self._above.append(id(schema))
        try:
            found, value = self._made(target)
        finally:
            self._above.pop()
        if found and self._judge is not None and not self._judge(target, value):
            return self._leaf(target)
        return found, value

    def _made(self, node: Node) -> Found:
        schema = node.value
        if parts := self._parts(node):
            return self._whole(node, parts)
        types = types_of(node)
        if "properties" in schema or types <= {"object", "null"}:
            return self._whole(node, [])
        if types <= {"array", "null"} or "items" in schema:
            return self._list(node)
        kind = next((kind for kind in _PLAIN if kind in types), None)
        if kind is None or schema.keys() - _NOTES - {"example", "examples", "default"}:
            return self._leaf(node)
        return True, _PLAIN[kind]

    def _leaf(self, node: Node) -> Found:
        """One value that a schema admits with all that it says of it."""
        schema = node.value
        if schema.keys() <= {*_NOTES, "format"} and (formatted := FORMATS.get(schema.get("format", ""))):
            return True, formatted[0]
        whole = bundle(node)
        made = samples(whole, Edges().add(whole))
        if isinstance(schema.get("type"), str) and schema.get("format") not in FORMATS and "pattern" not in schema:
            # The plain value of the kind where it will do: it says what is meant to be there.
            plain = _PLAIN.get(schema["type"])
            if _within(schema, plain):
                return True, plain
        return (True, made[0]) if made else NOTHING

    def _parts(self, node: Node) -> list[Node]:
        """The schemas that a value has to satisfy besides this one: all of `allOf`, one of each choice."""
        schema = node.value
        parts = [node.child("allOf", index) for index in range(len(schema.get("allOf") or ()))]
        for keyword in ("oneOf", "anyOf"):
            branches = [node.child(keyword, index) for index in range(len(schema.get(keyword) or ()))]
            parts += [branch for branch in branches if types_of(branch) != {"null"}][:1]
        return parts

    def _whole(self, node: Node, parts: list[Node]) -> Found:
        members: dict[str, Any] = {}
        for part in parts:
            found, value = self.value(part)
            if not found:
                return NOTHING
            if not isinstance(value, Mapping):
                return True, value
            members |= value
        for name in node.value.get("properties") or {}:
            member = node.child("properties", name)
            if _is_written_only(member):
                continue
            found, value = self.value(member)
            if found:
                members[name] = value
        return True, members

    def _list(self, node: Node) -> Found:
        schema = node.value
        items = []
        for index in range(len(schema.get("prefixItems") or ())):
            found, value = self.value(node.child("prefixItems", index))
            if not found:
                return NOTHING
            items.append(value)
        if "contains" in schema:
            found, value = self.value(node.child("contains"))
            items += [value] * max(int(schema.get("minContains", 1)), 0) if found else []
        found, value = self.value(node.child("items")) if "items" in schema else NOTHING
        wanted = max(int(schema.get("minItems", 0)), 0 if items else 1)
        if found and wanted <= _MAX_STEPS:
            items += [value] * (wanted - len(items))
        return True, items


def _within(schema: Mapping[str, Any], plain: Any) -> bool:
    if isinstance(plain, str):
        keys = {"minLength", "maxLength", "format"}
        return schema.get("minLength", 0) <= len(plain) <= schema.get("maxLength", len(plain)) and _only(schema, keys)
    return isinstance(plain, int) and not isinstance(plain, bool) and _only(schema, {"format"})


def _only(schema: Mapping[str, Any], keywords: set[str]) -> bool:
    return schema.keys() <= {*_NOTES, *keywords}


def _is_written_only(node: Node) -> bool:
    target = node.target().value
    return isinstance(target, Mapping) and target.get("writeOnly") is True
