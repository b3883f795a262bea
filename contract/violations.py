"""Names what jsonschema-rs finds as FastAPI with Pydantic 2 names it: `loc`, `msg`, `type`, and the order.

Pydantic stops at the first fault of a value, and reports all faults of the values beside it; so does this. What JSON
Schema can say and Pydantic cannot (`not`, `if`, `dependentRequired` …) is named in the same manner.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from contract.parts import Loc, Whole, named, part_at
from contract.problem import ValidationError
from contract.wording import PYTHON_NAMES, label_of, tuple_of, words, words_of_type

if TYPE_CHECKING:
    from contract.schema import Node

MAX_FAULTS: Final = 10_000
"""Faults of one value that are named: that takes 45 µs each, and a megabyte can hold half a million."""

_Way = tuple["Node | None", Any, tuple[tuple[int, int], ...]]
"""A schema, the value that it judges, and where the document puts that among its siblings, level by level."""

Labels = tuple[tuple[int, str, int], ...]
"""Names of union members, the outer ones first: each with the depth in the instance at which it stands in `loc`, and
with its place in the union, as two may have one name."""

_CONSUMING: Final = frozenset(
    {
        "properties",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "items",
        "prefixItems",
        "contains",
        "unevaluatedItems",
    }
)
"""Keywords whose subschemas apply to children of the instance (JSON Schema 2020-12 §10.3, §11)."""

_NAMED: Final = frozenset({"properties", "patternProperties", "prefixItems"})
"""Of these, the ones that are followed by a name or an index in a schema's path."""

_UNIONS: Final = frozenset({"anyOf", "oneOf"})
"""Keywords whose members are reported one after another, each with all its faults."""

_COMPONENTS: Final = "#/components/schemas/"

_UNDECLARED: Final = 1 << 30
"""Sorts members that the document does not declare behind those that it does."""


def report(violations: Iterable[Any], value: Any, node: "Node", loc: Loc) -> list[ValidationError]:
    """The violations of one value that stands at `loc`, judged by the schema `node`."""
    whole = _Whole(value)
    found = [fault for violation in violations for fault in _faults(violation, whole, node, ())]
    found = _first_of_each_value(found)
    # What a value lacks or has too much, a member's name among it, comes before what is wrong with the member itself.
    found.sort(key=lambda fault: (fault.order, fault.path == fault.value_path))
    return list(dict.fromkeys(ValidationError(fault.loc(loc), fault.msg, fault.type) for fault in found))


class _Whole(Whole):
    """The value that is reported on."""

    __slots__ = ("ways",)

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.ways: dict[Any, tuple[_Way, _Way]] = {}
        """What a step leads to, by the way to it; the way is kept, so that no other one gets its identity."""


class _Fault:
    """One fault, before the choice between those of one value."""

    __slots__ = ("labels", "msg", "order", "path", "rank", "type", "value_path")

    def __init__(
        self,
        path: Loc,
        value_path: Loc,
        labels: Labels,
        order: tuple[tuple[int, int], ...],
        rank: int,
        msg: str,
        type_: str,
    ) -> None:
        self.path = path
        self.value_path = value_path
        """The value that is at fault: `path` less the member that is missing or too much."""
        self.labels = labels
        self.order = order
        self.rank = rank
        self.msg = msg
        self.type = type_

    def loc(self, prefix: Loc) -> Loc:
        """`path` with the names of union members where they belong."""
        parts = list(self.path)
        for depth, label, _ in reversed(self.labels):
            parts.insert(depth, label)
        return (*prefix, *parts)


_RANK_OF_TYPE: Final = 2
_RANKS: Final = {
    "const": 0,
    "enum": 1,
    "type": _RANK_OF_TYPE,
    "maxItems": 3,
    "maxLength": 4,
    "minLength": 5,
    "pattern": 6,
    "format": 7,
    "multipleOf": 8,
    "maximum": 9,
    "exclusiveMaximum": 10,
    "minimum": 11,
    "exclusiveMinimum": 12,
    "minItems": 90,
    "minProperties": 90,
    "maxProperties": 90,
}
"""The order in which Pydantic looks at a value; it reports the first that fails."""

_RANK_OF_MEMBERS: Final = 100
"""Faults of members, which never hide one another."""

_COUNTS_THE_VALID: Final = 90
"""From this rank on, faults of children hide those of the value: it is counted once all of it is valid."""

_ENDS_THE_LIST: Final = 3
"""Up to this rank, a fault of a value hides those of its children: a list too long is not looked into."""


def _first_of_each_value(faults: Sequence[_Fault]) -> list[_Fault]:
    best: dict[tuple[Loc, Labels], _Fault] = {}
    for fault in faults:
        key = (fault.value_path, fault.labels)
        if fault.rank < _RANK_OF_MEMBERS and (key not in best or fault.rank < best[key].rank):
            best[key] = fault
    hidden: dict[int, set[int]] = {}
    counted: dict[int, set[int]] = {}
    ways = _Ways()
    for fault in best.values():
        places = hidden if fault.rank <= _ENDS_THE_LIST else counted if fault.rank == _COUNTS_THE_VALID else None
        if places is not None:
            places.setdefault(ways.of(fault.value_path)[-1], set()).add(ways.of(fault.labels)[-1])
    disregarded: set[tuple[int, int]] = set()
    if counted:
        for fault in faults:
            *above, own = ways.of(fault.value_path)
            labels = ways.of(fault.labels)
            for place in above:
                if place in counted:
                    disregarded.update((place, each) for each in counted[place].intersection(labels))
            if fault.rank >= _RANK_OF_MEMBERS:
                disregarded.add((own, labels[-1]))
    kept = []
    for fault in faults:
        if fault.rank < _RANK_OF_MEMBERS and best[(fault.value_path, fault.labels)] is not fault:
            continue
        *above, own = ways.of(fault.value_path)
        labels = ways.of(fault.labels)
        if fault.rank == _COUNTS_THE_VALID and (own, labels[-1]) in disregarded:
            continue
        # The values that it is part of, in the same members of unions.
        if not any(place in hidden and not hidden[place].isdisjoint(labels) for place in above):
            kept.append(fault)
    return kept


class _Ways:
    """Numbers the beginnings of paths and labels, so that two of any length are compared at once."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, Any], int] = {}

    def of(self, steps: Sequence[Any]) -> list[int]:
        """The numbers of all beginnings, the empty one and the whole among them."""
        number = 0
        found = [number]
        for step in steps:
            number = self._numbers.setdefault((number, step), len(self._numbers) + 1)
            found.append(number)
        return found


def _faults(violation: Any, whole: _Whole, node: "Node", labels: Labels) -> list[_Fault]:
    kind = violation.kind
    name: str = kind.name
    path = whole.path_of(violation.instance_path)
    where, order = _follow(violation.evaluation_path, path, whole, node)
    at_fault = part_at(whole.value, path)

    if name in _UNIONS and not _several_hold(kind):
        return _faults_of_union(violation, whole, node, labels, where, path, name)
    if name == "type" and len(types := [t for t in kind.types if t != "null"]) > 1:
        return [
            _scalar(path, (*labels, (len(path), PYTHON_NAMES[t], i)), order, "type", words_of_type(t, at_fault, None))
            for i, t in enumerate(types)
        ]
    if name == "required":
        member = kind.property
        position = _position(where, member)
        return [_member(path, member, labels, order, position, "Field required", "missing")]
    if name in ("additionalProperties", "unevaluatedProperties"):
        unexpected = set(kind.unexpected)
        members = [member for member in at_fault if member in unexpected] if isinstance(at_fault, Mapping) else []
        return [
            _member(path, m, labels, order, _UNDECLARED + i, "Extra inputs are not permitted", "extra_forbidden")
            for i, m in enumerate(members[: MAX_FAULTS + 1])
        ]
    if name == "propertyNames":
        key = str(kind.error.instance)
        order = (*order, (0, _UNDECLARED + whole.position(at_fault, key)))
        msg, type_ = words(kind.error, key, None)
        return [_Fault((*path, key, "[key]"), path, labels, order, _RANK_OF_MEMBERS, msg, type_)]
    if name == "minItems" and len(tuple_of(where)) >= kind.limit:
        missing = range(len(at_fault), kind.limit)
        return [_member(path, index, labels, order, index, "Field required", "missing") for index in missing]
    if name in ("unevaluatedItems", "additionalItems"):
        return [_scalar(path, labels, order, "maxItems", ("Extra items are not permitted", "extra_forbidden"))]
    if name == "falseSchema":
        msg = "Extra inputs are not permitted"
        return [_Fault(path, path, labels, order, _RANK_OF_TYPE, msg, "extra_forbidden")]
    return [_scalar(path, labels, order, name, words(violation, at_fault, where))]


def _faults_of_union(
    violation: Any, whole: _Whole, node: "Node", labels: Labels, where: "Node | None", path: Loc, keyword: str
) -> list[_Fault]:
    """Each member's faults under the member's name; a union with null is reported as if null were not in it."""
    branches = violation.kind.context
    schema = where.value if where is not None and isinstance(where.value, Mapping) else {}
    schemas = schema.get(keyword, [])
    if where is not None and isinstance(schema.get("discriminator"), Mapping) and _are_referred_to(schemas):
        told = _branch_told(schema["discriminator"], schemas, part_at(whole.value, path))
        if not isinstance(told, int):
            order = _follow(violation.evaluation_path, path, whole, node)[1]
            return [_scalar(path, labels, order, "type", told)]
        tag = part_at(whole.value, path)[schema["discriminator"]["propertyName"]]
        named = (*labels, (len(path), tag, told))
        return [fault for inner in branches[told] for fault in _faults(inner, whole, node, named)]
    numbered = [
        (index, context)
        for index, context in enumerate(branches)
        if not (index < len(schemas) and _is_null(schemas[index]))
    ] or list(enumerate(branches))
    found = []
    for index, context in numbered:
        named = labels
        if len(numbered) > 1:
            label = label_of(where.child(keyword, index)) if where is not None and index < len(schemas) else str(index)
            named = (*labels, (len(path), label, index))
        for inner in context:
            found += _faults(inner, whole, node, named)
    return found


def _are_referred_to(schemas: Sequence[Any]) -> bool:
    """Whether all members of a union are references: a discriminator tells of no others (OpenAPI 3.1 §4.8.25.1)."""
    return all(isinstance(schema, Mapping) and "$ref" in schema for schema in schemas)


def _branch_told(discriminator: Mapping[str, Any], schemas: Sequence[Any], value: Any) -> int | tuple[str, str]:
    """Which member of a union a value's tag tells (OpenAPI 3.1 §4.8.25), or what is wrong with the tag."""
    name = discriminator["propertyName"]
    if not isinstance(value, Mapping):
        return "Input should be a valid dictionary or object to extract fields from", "model_attributes_type"
    if name not in value:
        return f"Unable to extract tag using discriminator '{name}'", "union_tag_not_found"
    references = [str(schema.get("$ref")) if isinstance(schema, Mapping) else "" for schema in schemas]
    mapping = discriminator.get("mapping") or {}
    told = mapping.get(value[name], value[name]) if isinstance(value[name], str) else None
    for reference in (told, f"{_COMPONENTS}{told}"):
        if reference in references:
            return references.index(reference)
    # Pydantic also says what the tag is; input is not echoed.
    tags = ", ".join(f"'{tag}'" for tag in mapping or [each.rpartition("/")[2] for each in references])
    return f"Input tag found using '{name}' does not match any of the expected tags: {tags}", "union_tag_invalid"


def _several_hold(kind: Any) -> bool:
    return type(kind).__name__ == "OneOfMultipleValid"


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (
        schema.get("type") == "null" or ("const" in schema and schema["const"] is None)
    )


def _scalar(path: Loc, labels: Labels, order: Any, keyword: str, words: tuple[str, str]) -> _Fault:
    return _Fault(path, path, labels, order, _RANKS.get(keyword, 50), *words)


def _member(
    path: Loc,
    member: str | int,
    labels: Labels,
    order: tuple[tuple[int, int], ...],
    position: int,
    msg: str,
    type_: str,
) -> _Fault:
    return _Fault((*path, member), path, labels, (*order, (0, position)), _RANK_OF_MEMBERS, msg, type_)


def _position(where: "Node | None", member: str) -> int:
    """Where a schema declares a member."""
    properties = where.value.get("properties") if where is not None and isinstance(where.value, Mapping) else None
    names = list(properties) if isinstance(properties, Mapping) else []
    return names.index(member) if member in names else _UNDECLARED - 1


def _follow(
    evaluation_path: Sequence[str | int], path: Loc, whole: _Whole, node: "Node"
) -> "tuple[Node | None, tuple[tuple[int, int], ...]]":
    """The schema whose keyword failed, and where the document puts the value among its siblings, level by level."""
    way: _Way = node, whole.value, ()
    depth = 0
    steps = list(evaluation_path[:-1]) if evaluation_path else []
    index = 0
    while index < len(steps):
        step = steps[index]
        width = 2 if step in _NAMED and index + 1 < len(steps) else 1
        consumed = path[depth : depth + 1] if step in _CONSUMING else ()
        taken = tuple(steps[index : index + 2])
        depth += len(consumed)
        key = (id(way) if index else 0, taken, consumed)
        if (known := whole.ways.get(key)) is None:
            known = whole.ways[key] = way, _further(way, taken, width, consumed, whole)
        way = known[1]
        index += width
    return way[0], way[2]


def _further(way: "_Way", steps: Sequence[str | int], width: int, consumed: Loc, whole: _Whole) -> "_Way":
    """Where one step of a way leads."""
    current, value, order = way
    step = steps[0]
    if consumed:
        order = (*order, (0, _rank_of_child(current, step, consumed[0], value, whole)))
        value = part_at(value, consumed)
    elif step in _UNIONS and len(steps) > 1 and isinstance(branch := steps[1], int):
        order = (*order, (1, branch))
    return _step(current, steps[:width]), value, order


def _step(node: "Node | None", steps: Sequence[str | int]) -> "Node | None":
    if node is None:
        return None
    if steps[0] in ("$ref", "$dynamicRef"):
        found = node.reference(str(steps[0]))
        if found is not None:
            # Every schema is compiled by a reference to its place; only a component is one that others refer to.
            found.is_target = _COMPONENTS in str(node.value[steps[0]])
        return found
    try:
        if len(steps) > 1:
            return node.child(steps[0], named(node.value[steps[0]], steps[1]))
        return node.child(*steps)
    except (KeyError, IndexError, TypeError):
        return None


def _rank_of_child(node: "Node | None", keyword: str | int, child: str | int, value: Any, whole: _Whole) -> int:
    if isinstance(child, int):
        return child
    if keyword == "properties":
        return _position(node, child)
    return _UNDECLARED + (whole.position(value, child) if isinstance(value, Mapping) else 0)
