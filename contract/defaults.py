"""Fills in the `default`s of a schema (JSON Schema Validation 2020-12 §9.2), as deep as they stand."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from contract.schema import Node, Schema

Fill = Callable[[Any], Any]

_MAX_DEPTH: Final = 64
"""Schemas within one another that are looked into at once: chains of references may be of any length."""


def compile_defaults(schema: "Schema") -> Fill | None:
    """What fills the defaults of `schema` into a valid value, changing it; None where there are none."""
    return _Compiler(schema).compile(schema.node)


class _Compiler:
    """Compiles one schema's defaults; a schema that contains itself is compiled once."""

    def __init__(self, schema: "Schema") -> None:
        self._schema = schema
        self._known: dict[int, Fill | None] = {}
        self._open: dict[int, list[Fill]] = {}
        self._depth = 0

    def compile(self, node: "Node") -> Fill | None:
        if not isinstance(node.value, Mapping):
            return None
        key = id(node.value)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            # Within itself: decided once the outer call knows whether there is anything to fill.
            cell = self._open[key]
            return lambda value: cell[0](value) if cell else value
        if self._depth == _MAX_DEPTH:
            return self._later(node)
        cell = self._open[key] = []
        self._depth += 1
        steps = [step for step in self._steps(node) if step is not None]
        self._depth -= 1
        del self._open[key]
        self._known[key] = fill = _in_turn(steps) if steps else None
        if fill is not None:
            cell.append(fill)
        return fill

    def _later(self, node: "Node") -> Fill:
        """Compiled when the first value is as deep."""
        made: list[Fill | None] = []

        def later(value: Any) -> Any:
            if not made:
                made.append(self.compile(node))
            return made[0](value) if made[0] is not None else value

        return later

    def _steps(self, node: "Node") -> "list[Fill | None]":
        value = node.value
        steps: list[Fill | None] = [
            self.compile(target)
            for keyword in ("$ref", "$dynamicRef")
            if (target := node.reference(keyword)) is not None
        ]
        steps += [self.compile(node.child("allOf", index)) for index in range(_length(value.get("allOf")))]
        for keyword in ("anyOf", "oneOf"):
            steps.append(
                self._first_valid([node.child(keyword, index) for index in range(_length(value.get(keyword)))])
            )
        if "if" in value:
            steps.append(self._conditional(node))
        steps.append(self._members(node))
        steps.append(self._items(node))
        return steps

    def _members(self, node: "Node") -> Fill | None:
        properties = node.value.get("properties")
        if not isinstance(properties, Mapping):
            return None
        missing: dict[str, Any] = {}
        below: dict[str, Fill] = {}
        for name in properties:
            member = node.child("properties", name)
            found, default = default_of(member)
            if found:
                missing[name] = default
            if (fill := self.compile(member)) is not None:
                below[name] = fill
        if not missing and not below:
            return None

        def members(value: Any) -> Any:
            if isinstance(value, dict):
                for name, default in missing.items():
                    if name not in value:
                        value[name] = deepcopy(default) if isinstance(default, dict | list) else default
                for name, fill in below.items():
                    if name in value:
                        value[name] = fill(value[name])
            return value

        return members

    def _items(self, node: "Node") -> Fill | None:
        first = [self.compile(node.child("prefixItems", i)) for i in range(_length(node.value.get("prefixItems")))]
        rest = self.compile(node.child("items")) if "items" in node.value else None
        if rest is None and not any(first):
            return None

        def items(value: Any) -> Any:
            if isinstance(value, list):
                for index, item in enumerate(value):
                    fill = first[index] if index < len(first) else rest
                    if fill is not None:
                        value[index] = fill(item)
            return value

        return items

    def _first_valid(self, branches: "list[Node]") -> Fill | None:
        fills = [self.compile(branch) for branch in branches]
        if not any(fills):
            return None
        judges = [self._schema.compile_node(branch).is_valid for branch in branches]

        def first_valid(value: Any) -> Any:
            for is_valid, fill in zip(judges, fills, strict=True):
                if is_valid(value):
                    return fill(value) if fill is not None else value
            return value

        return first_valid

    def _conditional(self, node: "Node") -> Fill | None:
        then = self.compile(node.child("then")) if "then" in node.value else None
        otherwise = self.compile(node.child("else")) if "else" in node.value else None
        if then is None and otherwise is None:
            return None
        holds = self._schema.compile_node(node.child("if")).is_valid

        def conditional(value: Any) -> Any:
            fill = then if holds(value) else otherwise
            return fill(value) if fill is not None else value

        return conditional


def default_of(node: "Node") -> tuple[bool, Any]:
    """Whether a schema has a default, and which: its own, else that of the schema it refers to."""
    seen: set[int] = set()
    current: Node | None = node
    while current is not None and isinstance(current.value, Mapping) and id(current.value) not in seen:
        if "default" in current.value:
            return True, current.value["default"]
        seen.add(id(current.value))
        current = current.reference()
    return False, None


def _in_turn(steps: list[Fill]) -> Fill:
    if len(steps) == 1:
        return steps[0]

    def in_turn(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return in_turn


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0
