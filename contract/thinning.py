"""Cuts a value with very many faults down to one with a bounded number: the first of them, in the document's order.

jsonschema-rs collects every violation of a value before it gives the first away, and holds the interpreter meanwhile:
14 µs each, and a megabyte can hold half a million. To judge takes far less, as it ends at the first fault. So a large
value is walked beside its schema and judged piece by piece; once enough faults are found, what follows is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from contract.effort import MAX_EFFORT, Effort, Exceeded

if TYPE_CHECKING:
    from contract.schema import Node, Schema

SMALL: Final = 100
"""Values in a value, itself among them, up to which its faults are named at once: that takes 5 ms, where no union of
many members multiplies it."""

_FILLERS: Final[Sequence[Any]] = (None, "", 0, False, {}, [])
"""What may be valid as an item, where no item is."""

_COUNTS: Final = (1_000, 100, 10)
"""Faults that are left in a value, tried in turn, where what is left would still take too long to name."""


class Unbounded(Exception):
    """The faults of a value are too many, and cannot be cut down."""


def is_small(value: Any, most: int = SMALL) -> bool:
    """Whether a value consists of no more than `most` values."""
    left = most
    waiting = [value]
    while waiting:
        left -= 1
        if left < 0:
            return False
        each = waiting.pop()
        if isinstance(each, list | Mapping):
            if len(each) > left:
                return False
            waiting.extend(each.values() if isinstance(each, Mapping) else each)
    return True


class Thinning:
    """Leaves in a value no more than about `most` faults."""

    def __init__(self, schema: "Schema", most: int, effort: Effort) -> None:
        self._of = schema.part
        self._left = most
        self._effort = effort
        self._naming = MAX_EFFORT
        """What may yet go into naming faults only to count them."""

    @property
    def cut(self) -> bool:
        """Whether something may have been left out."""
        return self._left <= 0 or self._naming <= 0 or self._effort.spent

    def thin(self, node: "Node", value: Any) -> Any:
        """The value without what follows the last fault that counts.

        Raises:
            Unbounded: what a list too long would have to be filled up with is not known.
        """
        if self._effort.is_valid(node, value):
            return value
        if is_small(value):
            self._name(node, value)
            return value
        for below in self._effort.beside(node, value):
            value = self.thin(below, value)
            if self.cut:
                return value
        if not isinstance(node.value, Mapping):
            self._left -= 1
        elif isinstance(value, list):
            value = self._list(node, value)
        elif isinstance(value, Mapping):
            value = self._object(node, value)
        return value

    def _name(self, node: "Node", value: Any) -> None:
        """Count the faults of a small value, or stop at one that has too many."""
        try:
            self._naming -= self._effort.of(node, value)
        except Exceeded:
            self._left = 0
            return
        self._left -= len(self._of(node).faults(value, ()))

    def _list(self, node: "Node", value: list[Any]) -> list[Any]:
        schema = node.value
        most = schema.get("maxItems")
        if most is not None and len(value) > most:
            return self._too_long(node, value, int(most))
        first = len(schema.get("prefixItems", ()))
        rest = node.child("items") if "items" in schema else None
        kept = [self.thin(node.child("prefixItems", index), item) for index, item in enumerate(value[:first])]
        if rest is None:
            return kept + value[first:]
        for item in value[first:]:
            if not self._effort.is_valid(rest, item):
                if self.cut:
                    break
                item = self.thin(rest, item)  # noqa: PLW2901 (what is left of it)
            kept.append(item)
        return kept

    def _too_long(self, node: "Node", value: list[Any], most: int) -> list[Any]:
        """A list that is refused for its length, whatever is in it."""
        self._left -= 1
        if "items" not in node.value or "prefixItems" in node.value:
            return value[: most + 1]
        judge = self._of(node.child("items")).is_valid
        for item in (*_FILLERS, *value[:SMALL]):
            if judge(item):
                return [item] * (most + 1)
        if most < SMALL:
            return value[: most + 1]
        raise Unbounded

    def _object(self, node: "Node", value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Declared members first, as the document has them."""
        schema = node.value
        declared = schema.get("properties", {})
        names = [name for name in declared if name in value]
        names += [name for name in value if name not in declared]
        named = self._of(node.child("propertyNames")).is_valid if "propertyNames" in schema else None
        patterns = [self._pattern(node, pattern) for pattern in schema.get("patternProperties", ())]
        kept: dict[str, Any] = {}
        for name in names:
            if self.cut:
                # Its faults would come after those that count; it has to be there all the same.
                if name in schema.get("required", ()):
                    kept[name] = None
                continue
            if named is not None and not named(name):
                self._left -= 1
            member = value[name]
            if name in declared:
                member = self.thin(node.child("properties", name), member)
            matching = [below for matches, below in patterns if matches(name)]
            for below in matching:
                member = self.thin(below, member)
            if name not in declared and not matching and "additionalProperties" in schema:
                member = self.thin(node.child("additionalProperties"), member)
            kept[name] = member
        return kept

    def _pattern(self, node: "Node", pattern: str) -> "tuple[Callable[[str], bool], Node]":
        """Whether a name matches, by the engine that judges; and the schema of members that do."""
        below = node.child("patternProperties", pattern)
        return self._of(below, {"pattern": pattern}).is_valid, below


def thinned(schema: "Schema", value: Any, most: int) -> tuple[Any, bool]:
    """The value with about `most` of its faults, and whether it may have had more.

    Raises:
        Unbounded: it has more, and they cannot be cut down.
    """
    effort = Effort(schema)
    for count in (most, *_COUNTS):
        thinning = Thinning(schema, count, effort)
        try:
            less = thinning.thin(schema.node, value)
            # A union's member that had its faults further on may hold now.
            if less is value or not effort.is_valid(schema.node, less):
                effort.of(schema.node, less)
                return less, thinning.cut
        except (RecursionError, ValueError):
            # Too deep, or a part that cannot be compiled apart from what it stands in.
            break
        except Exceeded:
            if effort.spent:
                break
    raise Unbounded
