"""Leaves out of an answer what the document does not declare: a member taken out of it is no longer sent."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from contract.schema import Node, Schema

Project = Callable[[Any], Any]

_OPENS: Final = ("additionalProperties", "patternProperties", "unevaluatedProperties")
"""Keywords by which a schema speaks of members that it does not name; their verdict then stands."""

_COMPOSES: Final = ("anyOf", "oneOf", "if", "dependentSchemas", "not")
"""Keywords that may declare members depending on the value: nothing is left out beside them."""


_MAX_DEPTH: Final = 64
"""Schemas within one another that are looked into at once: chains of references may be of any length."""


def compile_projection(schema: "Schema") -> Project | None:
    """What leaves undeclared members out of a value; None where the schema declares none."""
    return _Compiler().compile(schema.node)


class _Compiler:
    """Compiles one schema's projection; a schema that contains itself is compiled once."""

    def __init__(self) -> None:
        self._known: dict[int, list[Project]] = {}
        self._depth = 0

    def compile(self, node: "Node") -> Project | None:
        node = node.target()
        if not isinstance(node.value, Mapping):
            return None
        key = id(node.value)
        if key in self._known:
            cell = self._known[key]
            return lambda value: cell[0](value) if cell else value
        if self._depth == _MAX_DEPTH:
            return self._later(node)
        cell = self._known[key] = []
        self._depth += 1
        project = self._nullable(node) or self._members(node) or self._items(node)
        self._depth -= 1
        if project is not None:
            cell.append(project)
        return project

    def _later(self, node: "Node") -> Project:
        """Compiled when the first value is as deep."""
        made: list[Project | None] = []

        def later(value: Any) -> Any:
            if not made:
                made.append(self.compile(node))
            return made[0](value) if made[0] is not None else value

        return later

    def _members(self, node: "Node") -> Project | None:
        declared = declared_members(node)
        if not declared:
            return None
        below = {name: project for name, member in declared.items() if (project := self.compile(member)) is not None}

        names = [name for name, member in declared.items() if member.value is not False]
        allowed = frozenset(names)

        def members(value: Any) -> Any:
            # Most are dictionaries, which is seen much sooner than that something is a Mapping.
            if not isinstance(value, (dict, Mapping)) or value.keys() <= allowed:
                return value
            return {name: value[name] for name in names if name in value}

        if not below:
            return members

        def deep(value: Any) -> Any:
            value = members(value)
            if not isinstance(value, Mapping):
                return value
            return {name: below[name](item) if name in below else item for name, item in value.items()}

        return deep

    def _items(self, node: "Node") -> Project | None:
        if not isinstance(node.value.get("items"), Mapping) or "prefixItems" in node.value:
            return None
        project = self.compile(node.child("items"))
        if project is None:
            return None
        return lambda value: [project(item) for item in value] if isinstance(value, list) else value

    def _nullable(self, node: "Node") -> Project | None:
        found = nullable_branch(node)
        return self.compile(node.child(*found)) if found is not None else None


def declared_members(node: "Node") -> "dict[str, Node]":
    """The members that a schema and its `allOf`s name; none where others may be declared in ways not looked at.

    What is demanded is declared as well, though nothing is said of it.
    """
    described = _described(node)
    if not described:
        return {}
    return described | {name: node.anything() for name in _demanded(node) if name not in described}


def _described(node: "Node") -> "dict[str, Node]":
    if any(keyword in node.value for keyword in (*_OPENS, *_COMPOSES)):
        return {}
    properties = node.value.get("properties", {})
    described = {name: node.child("properties", name) for name in properties}
    for part in _parts(node):
        of_part = _described(part)
        if not of_part and ("properties" not in part.value or any(keyword in part.value for keyword in _OPENS)):
            return {}
        described.update(of_part)
    return described


def _demanded(node: "Node") -> list[str]:
    names = [*node.value.get("required", ())]
    for name, others in node.value.get("dependentRequired", {}).items():
        names += [name, *others]
    for part in _parts(node):
        names += _demanded(part)
    return names


def _parts(node: "Node") -> "list[Node]":
    parts = [node.child("allOf", index).target() for index in range(len(node.value.get("allOf", ())))]
    return [part for part in parts if isinstance(part.value, Mapping)]


def nullable_branch(node: "Node") -> tuple[str, int] | None:
    """Where the schema of a nullable value stands: `anyOf` of one schema and null is that schema."""
    for keyword in ("anyOf", "oneOf"):
        branches = node.value.get(keyword)
        if isinstance(branches, list):
            others = [i for i, branch in enumerate(branches) if branch != {"type": "null"}]
            if len(others) == 1 and "properties" not in node.value:
                return keyword, others[0]
    return None
