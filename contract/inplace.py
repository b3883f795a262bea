"""All that a schema says of one value: the schema, and what judges the same value (2020-12 Core §8.2.3, §10.2)."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from contract.coercion import types_of

if TYPE_CHECKING:
    from contract.schema import Node

_LISTED: Final = ("allOf", "anyOf", "oneOf")
_SINGLE: Final = ("if", "then", "else")

MAX_WAYS: Final = 8
"""Schemas of one value by which its text is read in turn, where branches of a schema differ on it."""


def applied(node: "Node") -> list["Node"]:
    """A schema, what it refers to, and what it is composed of; those apart that are no objects, each once."""
    found: dict[int, Node] = {}
    pending = [node]
    while pending:
        current = pending.pop(0)
        if isinstance(current.value, Mapping) and id(current.value) not in found:
            found[id(current.value)] = current
            pending += _parts(current)
    return list(found.values())


def members_of(parts: list["Node"]) -> dict[str, list["Node"]]:
    """The schemas of each member that the parts of a schema name, those first that admit the fewest types."""
    found: dict[str, list[Node]] = {}
    for part in parts:
        for name in part.value.get("properties", {}):
            found.setdefault(name, []).append(part.child("properties", name))
    return {name: narrowest(nodes) for name, nodes in found.items()}


def subschemas(parts: list["Node"], *keywords: str) -> list["Node"]:
    """The schemas that the parts have below the first of these keywords that any has, by the types they admit."""
    for keyword in keywords:
        if found := [part.child(keyword) for part in parts if isinstance(part.value.get(keyword), Mapping)]:
            return narrowest(found)
    return []


def said(parts: list["Node"], *keywords: str) -> list[Any]:
    """What the parts have below these keywords."""
    return [part.value[keyword] for keyword in keywords for part in parts if keyword in part.value]


def narrowest(nodes: list["Node"]) -> list["Node"]:
    """At most `MAX_WAYS` schemas of one value; those first that admit the fewest types: they tell what a text means."""
    return sorted(nodes, key=lambda node: len(types_of(node)))[:MAX_WAYS] if len(nodes) > 1 else nodes


def _parts(node: "Node") -> Iterator["Node"]:
    for keyword in ("$ref", "$dynamicRef"):
        if (target := node.reference(keyword)) is not None:
            yield target
    for keyword in _LISTED:
        yield from (node.child(keyword, index) for index in range(len(node.value.get(keyword) or ())))
    yield from (node.child(keyword) for keyword in _SINGLE if keyword in node.value)
    yield from (node.child("dependentSchemas", name) for name in node.value.get("dependentSchemas", {}))
