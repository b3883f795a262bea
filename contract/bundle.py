"""A compiled schema as one JSON value: its references lead nowhere but into itself, and only what judges is kept.

Two schemas that say the same in other words of description, other places or other names of components bundle to the
same value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contract.projection import declared_members, nullable_branch
from contract.structure import unescape

if TYPE_CHECKING:
    from contract.schema import Node

JSON = Any

ONE: Final = (
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
"""Keywords that hold a schema."""

LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
"""Keywords that hold a list of schemas."""

MAP: Final = ("dependencies", "dependentSchemas", "patternProperties", "properties")
"""Keywords that hold schemas by name; `dependencies` is of older drafts, and jsonschema-rs heeds it."""

_PLAIN: Final = (
    "const",
    "dependentRequired",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "type",
    "uniqueItems",
)
"""Keywords that judge and hold no schema."""

_DYNAMIC: Final = ("$dynamicRef", "$recursiveRef")
_PREFIX: Final = "#/$defs/"


class Undecidable(Exception):
    """What a schema admits depends on more than can be looked at here."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A schema and the definitions that its references lead to."""

    root: JSON
    definitions: Mapping[str, JSON]
    hints: tuple[JSON, ...] = ()
    """Values that the author gave: examples and defaults, of the schema or of what is in it."""

    def as_schema(self, schema: JSON = None) -> JSON:
        """The whole as one JSON Schema; or a part of it, with the definitions it may refer to."""
        root = self.root if schema is None else schema
        if not isinstance(root, Mapping):
            return root
        return {**root, "$defs": self.definitions} if self.definitions else dict(root)

    def target(self, schema: JSON) -> JSON:
        """What a reference of this bundle points to."""
        reference = schema["$ref"]
        return self.root if reference == "#" else self.definitions[unescape(reference.removeprefix(_PREFIX))]

    def within(self, schema: JSON) -> Iterator[JSON]:
        """A schema and all that judges the same value as it: those it refers to, and those it is composed of."""
        pending, seen = [schema], set[int]()
        while pending:
            current = pending.pop()
            if not isinstance(current, Mapping) or id(current) in seen:
                continue
            seen.add(id(current))
            yield current
            pending += [self.target(current)] if "$ref" in current else []
            pending += [part for keyword in ("allOf", "anyOf", "oneOf") for part in current.get(keyword, ())]
            pending += [current[keyword] for keyword in ("if", "then", "else") if keyword in current]
            pending += current.get("dependentSchemas", {}).values()

    def members(self, schemas: Sequence[JSON]) -> dict[str, list[JSON]]:
        """The members that schemas of one value name, those apart that may not be there."""
        found: dict[str, list[JSON]] = {}
        for schema in schemas:
            for name, members in self.declared(schema).items():
                found.setdefault(name, []).extend(members)
        return {
            name: self._distinct(members)
            for name, members in found.items()
            if any(member is not False for member in members)
        }

    def under(self, schemas: Sequence[JSON], keyword: str) -> list[JSON]:
        """What stands under a keyword, wherever in schemas of one value it does."""
        return self._distinct(
            [within[keyword] for schema in schemas for within in self.within(schema) if keyword in within]
        )

    def _distinct(self, schemas: Sequence[JSON]) -> list[JSON]:
        """Each schema once, those that are references as what they lead to: what contains itself would double."""
        found: dict[int, JSON] = {}
        for schema in map(self.resolved, schemas):
            found.setdefault(id(schema), schema)
        return list(found.values())

    def resolved(self, schema: JSON) -> JSON:
        """What a schema that is nothing but a reference leads to."""
        seen = set[int]()
        while isinstance(schema, Mapping) and schema.keys() == {"$ref"} and id(schema) not in seen:
            seen.add(id(schema))
            schema = self.target(schema)
        return schema

    def declared(self, schema: JSON) -> dict[str, list[JSON]]:
        """The members that a schema names, wherever in it it does."""
        found: dict[str, list[JSON]] = {}
        for part in self.within(schema):
            for name, member in part.get("properties", {}).items():
                found.setdefault(name, []).append(member)
        return found


ANYTHING: Final = Bundle({}, {})
"""Where the document gives no schema."""


def bundle(node: "Node", *, projected: bool = False) -> Bundle:
    """The schema at a node; where `projected`, of only what is left of a value once undeclared members are left out.

    Raises:
        Undecidable: a reference depends on how one came to it.
    """
    bundler = _Bundler()
    root = bundler.schema(node, projected=projected)
    bundler.define()
    while isinstance(root, Mapping) and root.keys() == {"$ref"}:
        target = bundler.definitions[root["$ref"].removeprefix(_PREFIX)]
        if target == root:
            break
        root = target
    return Bundle(root, bundler.definitions, tuple(bundler.hints))


class _Bundler:
    def __init__(self) -> None:
        self.definitions: dict[str, JSON] = {}
        self.hints: list[JSON] = []
        self._names: dict[tuple[int, bool], str] = {}
        self._pending: list[tuple[str, Node, bool]] = []
        self._kept: list[JSON] = []

    def define(self) -> None:
        """Write the definitions that are referred to, one after another: chains of references may be long."""
        while self._pending:
            name, target, projected = self._pending.pop(0)
            self.definitions[name] = self.schema(target, projected=projected)

    def schema(self, node: "Node", *, projected: bool) -> JSON:
        if not isinstance(node.value, Mapping):
            return node.value
        if any(keyword in node.value for keyword in _DYNAMIC):
            raise Undecidable
        self._take_hints(node.value)
        if "$ref" in node.value:
            return {**self._plain(node), "$ref": self._reference(node, projected=projected)}
        said = self._plain(node)
        return self._projected(node, said) if projected else said

    def _plain(self, node: "Node") -> dict[str, JSON]:
        """What is said here, references apart; in an order that does not depend on the document's."""
        said: dict[str, JSON] = {}
        for keyword in sorted(node.value):
            value = node.value[keyword]
            if keyword in _PLAIN:
                said[keyword] = sorted(value) if keyword == "required" else value
            elif keyword in ONE:
                said[keyword] = self.schema(node.child(keyword), projected=False)
            elif keyword in LIST:
                said[keyword] = [self.schema(node.child(keyword, i), projected=False) for i in range(len(value))]
            elif keyword in MAP:
                said[keyword] = {
                    name: value[name]
                    if isinstance(value[name], list)
                    else self.schema(node.child(keyword, name), projected=False)
                    for name in sorted(value)
                }
        return said

    def _projected(self, node: "Node", said: dict[str, JSON]) -> dict[str, JSON]:
        """What `said` admits and projection leaves as it is; rather more than less where the two are hard to follow."""
        found = nullable_branch(node)
        if found is not None:
            keyword, index = found
            branches = list(said[keyword])
            branches[index] = self.schema(node.child(keyword, index), projected=True)
            return {**said, keyword: branches}
        declared = declared_members(node)
        if declared:
            members = {name: self.schema(declared[name], projected=True) for name in sorted(declared)}
            return {**said, "additionalProperties": False, "properties": members, **self._own(said, members)}
        if isinstance(node.value.get("items"), Mapping) and "prefixItems" not in node.value:
            return {**said, "items": self.schema(node.child("items"), projected=True)}
        return said

    @staticmethod
    def _own(said: dict[str, JSON], members: dict[str, JSON]) -> dict[str, JSON]:
        """Members that both the schema and a part of it name are judged by both."""
        own = said.get("properties", {})
        twice = {name: own[name] for name in own if "allOf" in said and own[name] != members[name]}
        return {"allOf": [*said["allOf"], {"properties": twice}]} if twice else {}

    def _reference(self, node: "Node", *, projected: bool) -> str:
        target = node.reference()
        if target is None:
            raise Undecidable
        key = id(target.value), projected
        if key not in self._names:
            self._names[key] = name = str(len(self._names))
            self._kept.append(target.value)
            self._pending.append((name, target, projected))
        return _PREFIX + self._names[key]

    def _take_hints(self, value: Mapping[str, JSON]) -> None:
        self.hints += [value[keyword] for keyword in ("default", "example") if keyword in value]
        if isinstance(value.get("examples"), list):
            self.hints += value["examples"]
