"""A value in full for a schema: every declared member, each from its own example, default or kind.

What is composed is a guess, as in `contract.samples`: who asks for it judges it by the compiled schema. Members come in
the document's order, so that an answer reads as the document does.
"""

import random
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final

from contract.bundle import bundle
from contract.coercion import types_of
from contract.edges import Edges
from contract.formats import FORMATS
from contract.samples import samples
from contract.schema import Node

Found = tuple[bool, Any]
"""Whether there is a value, and which."""

Judge = Callable[[Node, Any], bool]
"""Whether a schema admits a value."""

Leaves = MutableMapping[int, tuple[Any, Sequence[Any]]]
"""Values that were made for schemas of parts, by the id of the schema, which is kept for its id to stay its own."""

NOTHING: Final[Found] = (False, None)

_MAX_DEPTH: Final = 2
"""Times that a schema is written out within itself."""

_MAX_LEVELS: Final = 24
"""Schemas within one another below which only members that must be there are composed: a chain may be of any length."""

_DEEPEST: Final = 100
"""Schemas within one another that are looked into at all; each takes four frames of Python's thousand."""

_MAX_STEPS: Final = 2_000
"""Schemas looked at for one value."""

_MAX_CHOICES: Final = 8
"""Alternatives that are tried, one after another, where what is composed of one is refused."""

_MORE_ITEMS: Final = 2
"""Items of a list at random, beyond those that it has to have."""

_ODD: Final[tuple[Any, ...]] = (None, 0, "", False, [], {})
"""Values for a member that a schema is not to admit."""

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


def drawn(node: Node, judge: Judge, pick: random.Random, leaves: Leaves) -> Found:
    """A value in full, each part of it at random; `leaves` spares making the same parts again."""
    return _Composer(judge, pick, leaves).value(node)


class _Composer:
    def __init__(self, judge: Judge | None, pick: random.Random | None = None, leaves: Leaves | None = None) -> None:
        self._judge = judge
        self._pick = pick
        self._leaves: Leaves = {} if leaves is None else leaves
        self._above: list[int] = []
        self._steps = 0

    def value(self, node: Node) -> Found:
        target = node.target()
        schema = target.value
        self._steps += 1
        if not isinstance(schema, Mapping) or self._steps > _MAX_STEPS:
            return (schema is True), {}
        for said in said_by(target) if self._pick is None or "const" in schema else ():
            if self._judge is None or self._judge(target, said):
                return True, said
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return True, self._pick.choice(schema["enum"]) if self._pick is not None else schema["enum"][0]
        if len(self._above) >= _DEEPEST or self._above.count(id(schema)) >= _MAX_DEPTH:
            return (types_of(target) <= {"object", "null"} and not schema.get("required")), {}
        self._above.append(id(schema))
        try:
            for shift in range(self._alternatives(target)):
                found, value = self._made(target, shift)
                if found and (self._judge is None or self._judge(target, value)):
                    return True, value
                if found and self._judge is not None and "oneOf" in schema:
                    found, value = self._of_one(target, value, self._judge)
                    if found:
                        return True, value
        finally:
            self._above.pop()
        return self._leaf(target) if self._judge is not None else (found, value)

    def _alternatives(self, node: Node) -> int:
        """How many times a value is composed, each time of other branches."""
        if self._judge is None:
            return 1
        branches = max(len(node.value.get(keyword) or ()) for keyword in ("oneOf", "anyOf"))
        return min(max(branches, 1), _MAX_CHOICES)

    def _of_one(self, node: Node, value: Any, judge: Judge) -> Found:
        """A value that several branches of `oneOf` admit, with members beside that all but one of them refuse."""
        branches = [node.child("oneOf", index) for index in range(len(node.value["oneOf"]))]
        admitting = [branch for branch in branches if judge(branch, value)] if isinstance(value, Mapping) else []
        for kept in admitting:
            members = dict(value)
            for other in admitting:
                if other is not kept and judge(other, members):
                    members |= _refused_by(other, set(_properties_of(kept)), judge)
            if judge(node, members):
                return True, members
        return NOTHING

    def _made(self, node: Node, shift: int) -> Found:
        schema = node.value
        if parts := self._parts(node, shift):
            return self._whole(node, parts)
        types = types_of(node)
        if "properties" in schema or types <= {"object", "null"}:
            return self._whole(node, [])
        if types <= {"array", "null"} or "items" in schema:
            return self._list(node)
        kind = next((kind for kind in _PLAIN if kind in types), None)
        if self._pick is not None or kind is None or schema.keys() - _NOTES - {"example", "examples", "default"}:
            return self._leaf(node)
        return True, _PLAIN[kind]

    def _leaf(self, node: Node) -> Found:
        """One value that a schema admits with all that it says of it."""
        schema = node.value
        if self._pick is not None:
            values = self._values(node)
            return (True, self._pick.choice(values)) if values else NOTHING
        if schema.keys() <= {*_NOTES, "format"} and (formatted := FORMATS.get(schema.get("format", ""))):
            return True, formatted[0]
        made = self._values(node)
        if isinstance(schema.get("type"), str) and schema.get("format") not in FORMATS and "pattern" not in schema:
            # The plain value of the kind where it will do: it says what is meant to be there.
            plain = _PLAIN.get(schema["type"])
            if _within(schema, plain):
                return True, plain
        return (True, made[0]) if made else NOTHING

    def _values(self, node: Node) -> Sequence[Any]:
        if id(node.value) not in self._leaves:
            whole = bundle(node)
            self._leaves[id(node.value)] = node.value, samples(whole, Edges().add(whole))
        return self._leaves[id(node.value)][1]

    def _parts(self, node: Node, shift: int) -> list[Node]:
        """The schemas that a value has to satisfy besides this one: all of `allOf`, one of each choice."""
        schema = node.value
        parts = [node.child("allOf", index) for index in range(len(schema.get("allOf") or ()))]
        for keyword in ("oneOf", "anyOf"):
            branches = [node.child(keyword, index) for index in range(len(schema.get(keyword) or ()))]
            if self._pick is None:
                branches = [branch for branch in branches if types_of(branch) != {"null"}]
            elif branches:
                shift += self._pick.randrange(len(branches))
            if branches:
                parts.append(branches[shift % len(branches)])
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
        needed = node.value.get("required") or ()
        for name in node.value.get("properties") or {}:
            member = node.child("properties", name)
            if _is_written_only(member) or (len(self._above) > _MAX_LEVELS and name not in needed):
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
        if "items" in schema:
            items += self._rest(node.child("items"), self._wanted(schema, len(items)) - len(items))
        return True, items

    def _wanted(self, schema: Mapping[str, Any], first: int) -> int:
        """How many items a list is to have."""
        wanted = max(int(schema.get("minItems", 0)), 0 if first else 1)
        if self._pick is not None:
            wanted += self._pick.randint(0, _MORE_ITEMS)
        return min(wanted, int(schema.get("maxItems", wanted)))

    def _rest(self, item: Node, count: int) -> list[Any]:
        if not 0 < count <= _MAX_STEPS:
            return []
        if self._pick is None:
            found, value = self.value(item)
            return [value] * count if found else []
        return [value for found, value in (self.value(item) for _ in range(count)) if found]


def _properties_of(node: Node) -> Mapping[str, Any]:
    value = node.target().value
    return (value.get("properties") or {}) if isinstance(value, Mapping) else {}


def _refused_by(node: Node, taken: set[str], judge: Judge) -> dict[str, Any]:
    """A member that a schema declares, of a value that it refuses; none of those that are taken."""
    target = node.target()
    for name in _properties_of(target):
        if name not in taken:
            member = target.child("properties", name)
            for odd in _ODD:
                if not judge(member, odd):
                    return {name: odd}
    return {}


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
