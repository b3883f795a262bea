"""Counts beforehand what it takes to name the faults of a value: in steps, never in time, so that answers do not vary.

jsonschema-rs goes through each member of a union that fails, and within it through each member of the next: two that
recurse make two to the power of the depth. It cannot be stopped meanwhile, and holds the interpreter. What it will find
is therefore counted first, each pair of a schema and a value once, which takes no longer than the limit allows.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from contract.schema import Node, Schema

MAX_EFFORT: Final = 20_000
"""Violations of one value that are named, each 50 to 100 µs; more than `MAX_FAULTS`, as several may be one fault."""

QUICK: Final = 200
"""Violations that are named while others wait."""

MAX_STEPS: Final = 10_000_000
"""Values looked at, at about 0.1 µs each, before the faults of one value are named."""

STEP: Final = 50
"""Values that could be looked at in the time of one step of Python."""

GLANCE: Final = 10
"""Values that could be looked at while a text or a number is looked at by itself."""

_COPIED: Final = 32
"""Values that are copied into a violation, at 200 bytes each, for which it counts once more: all that are found take up
to 130 MB so."""

_CHARACTERS: Final = 128
"""Characters of a text that take as much as a value."""

_LEVELS: Final = 32
"""Levels of a value over which the way to a violation takes as long as naming it."""

_NULLS: Final = ({"type": "null"}, {"const": None})


_LEADING_ON: Final = frozenset({"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf"})


class Exceeded(Exception):
    """Naming the faults of a value takes more than it may."""


class Effort:
    """What has been looked at on behalf of one value, and what naming its faults takes."""

    def __init__(self, schema: "Schema", most: int = MAX_EFFORT) -> None:
        self._most = most
        self._part = schema.part
        self._breadth = schema.breadth
        self._steps = MAX_STEPS
        self._violations: dict[tuple[int, str, int], tuple[Any, int]] = {}
        """By schema and value; the value is kept, so that no other one gets its identity."""
        self._verdicts: dict[tuple[int, str, int], tuple[Any, bool]] = {}
        self._sizes: dict[int, tuple[Any, int, int]] = {}
        self._references: dict[tuple[int, str, str], Node | None] = {}

    @property
    def spent(self) -> bool:
        """Whether nothing more may be looked at."""
        return self._steps <= 0

    def is_valid(self, node: "Node", value: Any) -> bool:
        """Whether a value satisfies a schema.

        Raises:
            Exceeded: nothing more may be looked at.
        """
        key = (id(node.value), node.base_uri, id(value))
        if (known := self._verdicts.get(key)) is not None:
            return known[1]
        if self._steps <= 0:
            raise Exceeded
        if not isinstance(value, list | Mapping):
            self._steps -= GLANCE
            return self._verdict(node, value)
        # Each member of a union may look at all of the value.
        breadth = self._breadth if _leads_on(node.value) else 1
        self._steps -= STEP + self._measured(value)[0] * breadth
        verdict = self._verdict(node, value)
        self._verdicts[key] = value, verdict
        return verdict

    def _verdict(self, node: "Node", value: Any) -> bool:
        try:
            return self._part(node).is_valid(value)
        except ValueError:
            # It cannot be compiled apart from what it stands in: the worst is assumed.
            return False

    def reference(self, node: "Node", keyword: str) -> "Node | None":
        """As `Node.reference`, looked up once."""
        if not isinstance(node.value, Mapping) or keyword not in node.value:
            return None
        key = (id(node.value), node.base_uri, keyword)
        if key not in self._references:
            self._references[key] = node.reference(keyword)
        return self._references[key]

    def beside(self, node: "Node", value: Any) -> "Iterator[Node]":
        """The schemas that judge the same value."""
        schema = node.value
        if not isinstance(schema, Mapping):
            return
        for keyword in ("$ref", "$dynamicRef"):
            if (found := self.reference(node, keyword)) is not None:
                yield found
        for keyword in ("allOf", "anyOf", "oneOf"):
            for index, each in enumerate(schema.get(keyword, ())):
                if each not in _NULLS:
                    yield node.child(keyword, index)
        if "if" in schema:
            branch = "then" if self.is_valid(node.child("if"), value) else "else"
            if branch in schema:
                yield node.child(branch)
        for name in schema.get("dependentSchemas", ()):
            if isinstance(value, Mapping) and name in value:
                yield node.child("dependentSchemas", name)

    def of(self, node: "Node", value: Any) -> int:
        """What naming the faults of a value takes.

        Raises:
            Exceeded: more than `most`.
        """
        deep = 1 + self._measured(value)[1] // _LEVELS
        found = self._count(node, value) * deep
        if found > self._most:
            raise Exceeded
        return found

    def _count(self, node: "Node", value: Any) -> int:
        """The violations of a value, members of unions and all."""
        key = (id(node.value), node.base_uri, id(value))
        if (known := self._violations.get(key)) is not None:
            if known[1] > self._most:
                raise Exceeded
            return known[1]
        # Also what leads back to itself, and all above what exceeds the limit.
        self._violations[key] = value, self._most + 1
        count = 0
        if not self.is_valid(node, value):
            copied = 1 + self._measured(value)[0] // _COPIED
            count = copied
            if isinstance(node.value, Mapping) and isinstance(value, Mapping):
                count += copied * _lacking(node.value, value)
                if "propertyNames" in node.value:
                    names = node.child("propertyNames")
                    for name in value:
                        count += copied * self._count(names, name)
                        if count > self._most:
                            raise Exceeded
            for below, each in self._below(node, value):
                count += self._count(below, each)
                if count > self._most:
                    raise Exceeded
        self._violations[key] = value, count
        return count

    def _below(self, node: "Node", value: Any) -> "Iterator[tuple[Node, Any]]":
        """The schemas that judge a value or its children, each with what it judges."""
        for below in self.beside(node, value):
            yield below, value
        schema = node.value
        if not isinstance(schema, Mapping):
            return
        if isinstance(value, list):
            first = len(schema.get("prefixItems", ()))
            for index, item in enumerate(value[:first]):
                yield node.child("prefixItems", index), item
            for keyword in ("items", "unevaluatedItems"):
                if keyword in schema:
                    rest = node.child(keyword)
                    for item in value[first:]:
                        yield rest, item
        elif isinstance(value, Mapping):
            yield from _members(node, value)

    def _measured(self, value: Any) -> tuple[int, int]:
        """How many values a value consists of, long texts counted as several, and how many levels."""
        if not isinstance(value, list | Mapping):
            return (1 + len(value) // _CHARACTERS if isinstance(value, str) else 1), 0
        if (known := self._sizes.get(id(value))) is not None:
            return known[1:]
        size, depth = 1, 0
        for each in value.values() if isinstance(value, Mapping) else value:
            if isinstance(each, str | list | Mapping):
                below, levels = self._measured(each)
                size += below
                depth = max(depth, levels)
            else:
                size += 1
        if isinstance(value, Mapping):
            size += sum(map(len, value)) // _CHARACTERS
        self._sizes[id(value)] = value, size, depth + 1
        return size, depth + 1


def _members(node: "Node", value: Mapping[str, Any]) -> "Iterator[tuple[Node, Any]]":
    schema = node.value
    declared = schema.get("properties", {})
    for name in declared:
        if name in value:
            yield node.child("properties", name), value[name]
    patterns = [node.child("patternProperties", pattern) for pattern in schema.get("patternProperties", ())]
    others = [node.child(each) for each in ("additionalProperties", "unevaluatedProperties") if each in schema]
    for name, member in value.items():
        # Whether a pattern matches is not asked: that all of them do is the worst.
        for below in patterns:
            yield below, member
        if name not in declared:
            for below in others:
                yield below, member


def _lacking(schema: Mapping[str, Any], value: Mapping[str, Any]) -> int:
    """How many members an object lacks, each of which is a violation."""
    lacking = sum(name not in value for name in schema.get("required", ()))
    for name, others in schema.get("dependentRequired", {}).items():
        if name in value:
            lacking += sum(other not in value for other in others)
    return lacking


def _leads_on(schema: Any) -> bool:
    """Whether a schema holds unions, or refers to what may."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            if not each.keys().isdisjoint(_LEADING_ON):
                return True
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return False


def breadth_of(node: "Node") -> int:
    """Members of the widest union, or `allOf`, in a schema and all that it refers to; at least one."""
    widest, seen, waiting = 1, set(), [node]
    while waiting:
        each = waiting.pop()
        if id(each.value) in seen:
            continue
        seen.add(id(each.value))
        if isinstance(each.value, Mapping):
            members = [each.value.get(keyword) for keyword in ("allOf", "anyOf", "oneOf")]
            # In a default or an example these may be anything.
            widest = max(widest, *(len(one) if isinstance(one, list) else 0 for one in members))
            waiting += [found for keyword in ("$ref", "$dynamicRef") if (found := each.reference(keyword)) is not None]
            names: Any = each.value
        else:
            names = range(len(each.value)) if isinstance(each.value, list) else ()
        waiting += [each.child(name) for name in names if isinstance(each.value[name], list | Mapping)]
    return widest
