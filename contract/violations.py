"""Names what jsonschema-rs finds as FastAPI with Pydantic 2 names it: `loc`, `msg`, `type`, and the order.

Pydantic stops at the first fault of a value, and reports all faults of the values beside it; so does this. What JSON
Schema can say and Pydantic cannot (`not`, `if`, `dependentRequired` …) is named in the same manner.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from contract.problem import ValidationError

if TYPE_CHECKING:
    from contract.schema import Node

Loc = tuple[str | int, ...]
MAX_FAULTS: Final = 10_000
"""Faults of one value that are named: that takes 45 µs each, and a megabyte can hold half a million."""

Labels = tuple[tuple[int, str], ...]
"""Names of union members, each with the depth in the instance at which it stands in `loc`."""

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
    unique: dict[tuple[Loc, str], ValidationError] = {}
    for fault in found:
        at = fault.loc(loc)
        unique.setdefault((at, fault.type), ValidationError(at, fault.msg, fault.type))
    return list(unique.values())


class _Whole:
    """The value that is reported on; where the members of its objects stand is found out once for each object."""

    __slots__ = ("_positions", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._positions: dict[int, dict[str, int]] = {}

    def position(self, members: Mapping[str, Any], name: str) -> int:
        """Where a member stands in an object that is part of the value."""
        if (positions := self._positions.get(id(members))) is None:
            positions = self._positions[id(members)] = {each: index for index, each in enumerate(members)}
        return positions.get(name, 0)


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
        for depth, label in sorted(self.labels, reverse=True):
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
    hidden = {key for key, fault in best.items() if fault.rank <= _ENDS_THE_LIST}
    hidden_by_children = {above for fault in faults for above in _above(fault)}
    hidden_by_children |= {(fault.value_path, fault.labels) for fault in faults if fault.rank >= _RANK_OF_MEMBERS}
    kept = []
    for fault in faults:
        own = best.get((fault.value_path, fault.labels))
        if fault.rank < _RANK_OF_MEMBERS and own is not fault:
            continue
        if fault.rank == _COUNTS_THE_VALID and (fault.value_path, fault.labels) in hidden_by_children:
            continue
        if not any(key in hidden for key in _above(fault)):
            kept.append(fault)
    return kept


def _above(fault: _Fault) -> Iterator[tuple[Loc, Labels]]:
    """The values that a fault's value is part of, in the same members of unions."""
    for depth in range(len(fault.value_path)):
        for named in range(len(fault.labels) + 1):
            yield fault.value_path[:depth], fault.labels[:named]


def _faults(violation: Any, whole: _Whole, node: "Node", labels: Labels) -> list[_Fault]:
    kind = violation.kind
    name: str = kind.name
    path: Loc = tuple(violation.instance_path)
    where, order = _follow(violation.evaluation_path, path, whole, node)
    at_fault = _value_at(whole.value, path)

    if name in _UNIONS and not _several_hold(kind):
        return _faults_of_union(violation, whole, node, labels, where, path, name)
    if name == "type" and len(types := [t for t in kind.types if t != "null"]) > 1:
        return [
            _scalar(path, (*labels, (len(path), _PYTHON_NAMES[one])), order, "type", _of_type(one, at_fault, None))
            for one in types
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
        msg, type_ = _words(kind.error, key, None)
        return [_Fault((*path, key, "[key]"), path, labels, order, _RANK_OF_MEMBERS, msg, type_)]
    if name == "minItems" and len(_tuple_of(where)) >= kind.limit:
        missing = range(len(at_fault), kind.limit)
        return [_member(path, index, labels, order, index, "Field required", "missing") for index in missing]
    if name in ("unevaluatedItems", "additionalItems"):
        return [_scalar(path, labels, order, "maxItems", ("Extra items are not permitted", "extra_forbidden"))]
    if name == "falseSchema":
        msg = "Extra inputs are not permitted"
        return [_Fault(path, path, labels, order, _RANK_OF_TYPE, msg, "extra_forbidden")]
    return [_scalar(path, labels, order, name, _words(violation, at_fault, where))]


def _faults_of_union(
    violation: Any, whole: _Whole, node: "Node", labels: Labels, where: "Node | None", path: Loc, keyword: str
) -> list[_Fault]:
    """Each member's faults under the member's name; a union with null is reported as if null were not in it."""
    branches = violation.kind.context
    schema = where.value if where is not None and isinstance(where.value, Mapping) else {}
    schemas = schema.get(keyword, [])
    if where is not None and isinstance(schema.get("discriminator"), Mapping):
        told = _branch_told(schema["discriminator"], schemas, _value_at(whole.value, path))
        if not isinstance(told, int):
            order = _follow(violation.evaluation_path, path, whole, node)[1]
            return [_scalar(path, labels, order, "type", told)]
        tag = _value_at(whole.value, path)[schema["discriminator"]["propertyName"]]
        return [fault for inner in branches[told] for fault in _faults(inner, whole, node, (*labels, (len(path), tag)))]
    numbered = [
        (index, context)
        for index, context in enumerate(branches)
        if not (index < len(schemas) and _is_null(schemas[index]))
    ] or list(enumerate(branches))
    found = []
    for index, context in numbered:
        named = labels
        if len(numbered) > 1:
            label = _label(where.child(keyword, index)) if where is not None and index < len(schemas) else str(index)
            named = (*labels, (len(path), label))
        for inner in context:
            found += _faults(inner, whole, node, named)
    return found


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


def _tuple_of(where: "Node | None") -> Sequence[Any]:
    """The schemas of a tuple's items; none where it is a list."""
    first = where.value.get("prefixItems") if where is not None and isinstance(where.value, Mapping) else None
    return first if isinstance(first, list) else ()


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
    current: Node | None = node
    value = whole.value
    order: list[tuple[int, int]] = []
    depth = 0
    steps = list(evaluation_path[:-1]) if evaluation_path else []
    index = 0
    while index < len(steps):
        step = steps[index]
        width = 2 if step in _NAMED and index + 1 < len(steps) else 1
        if step in _CONSUMING and depth < len(path):
            order.append((0, _rank_of_child(current, step, path[depth], value, whole)))
            value = _value_at(value, (path[depth],))
            depth += 1
        elif step in _UNIONS and index + 1 < len(steps) and isinstance(branch := steps[index + 1], int):
            order.append((1, branch))
        current = _step(current, steps[index : index + width])
        index += width
    return current, tuple(order)


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
        return node.child(*steps)
    except (KeyError, IndexError, TypeError):
        return None


def _rank_of_child(node: "Node | None", keyword: str | int, child: str | int, value: Any, whole: _Whole) -> int:
    if isinstance(child, int):
        return child
    if keyword == "properties":
        return _position(node, child)
    return _UNDECLARED + (whole.position(value, child) if isinstance(value, Mapping) else 0)


def _value_at(value: Any, path: Loc) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


# ---- words -----------------------------------------------------------------------------------------------------------

_PYTHON_NAMES: Final = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
    "null": "none",
}

_FORMATS: Final = {
    "uuid": ("uuid", "UUID", "UUID input should be a string, bytes or UUID object"),
    "date-time": ("datetime", "datetime", "Input should be a valid datetime"),
    "date": ("date", "date", "Input should be a valid date"),
    "time": ("time", "time", "Input should be a valid time"),
    "duration": ("time_delta", "duration", "Input should be a valid timedelta"),
    "uri": ("url", "URL", "URL input should be a string or URL"),
    "email": ("email", "email address", "Input should be a valid string"),
    "ipv4": ("ip_v4_address", "IPv4 address", "Input is not a valid IPv4 address"),
    "ipv6": ("ip_v6_address", "IPv6 address", "Input is not a valid IPv6 address"),
}
"""JSON Schema's formats: Pydantic's name in `type`, ours in `msg`, and its `msg` for a value that is no text."""


def _words(violation: Any, value: Any, where: "Node | None") -> tuple[str, str]:
    """`msg` and `type` for one keyword."""
    kind = violation.kind
    name: str = kind.name
    if name == "type":
        types = [one for one in kind.types if one != "null"] or ["null"]
        return _of_type(types[0], value, where)
    if (describe := _DESCRIBED.get(name)) is not None:
        return describe(kind, value, where)
    return _UNSEEN_BY_PYDANTIC.get(name, (f"Input should satisfy {name}", _snake(name)))


def _of_type(expected: str, value: Any, where: "Node | None") -> tuple[str, str]:
    schema: Mapping[str, Any] = where.value if where is not None and isinstance(where.value, Mapping) else {}
    if expected == "string":
        if (format_ := _FORMATS.get(str(schema.get("format")))) is not None and schema["format"] != "email":
            return format_[2], f"{format_[0]}_type"
        return "Input should be a valid string", "string_type"
    if expected == "integer":
        if isinstance(value, str) and not _reads_as(int, value):
            return "Input should be a valid integer, unable to parse string as an integer", "int_parsing"
        if isinstance(value, float | Decimal):
            return "Input should be a valid integer, got a number with a fractional part", "int_from_float"
        return "Input should be a valid integer", "int_type"
    if expected == "number":
        if isinstance(value, str) and not _reads_as(float, value):
            return "Input should be a valid number, unable to parse string as a number", "float_parsing"
        return "Input should be a valid number", "float_type"
    if expected == "boolean":
        if isinstance(value, str | int) or (isinstance(value, float) and value.is_integer()):
            return "Input should be a valid boolean, unable to interpret input", "bool_parsing"
        return "Input should be a valid boolean", "bool_type"
    if expected == "array":
        if _tuple_of(where):
            return "Input should be a valid tuple", "tuple_type"
        return "Input should be a valid list", "list_type"
    if expected == "object":
        if "properties" in schema:
            return "Input should be a valid dictionary or object to extract fields from", "model_attributes_type"
        return "Input should be a valid dictionary", "dict_type"
    return "Input should be None", "none_required"


def _reads_as(number: type[int] | type[float], text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _limit(limit: Any) -> str:
    if isinstance(limit, float | Decimal) and limit == int(limit):
        return str(int(limit))
    return str(limit)


def _length(verb: str, kind: Any, value: Any, where: "Node | None") -> str:
    noun = "Dictionary" if isinstance(value, Mapping) else "Tuple" if _tuple_of(where) else "List"
    actual = "more" if kind.name == "maxProperties" else len(value)
    return f"{noun} should have {verb} {_plural(kind.limit, 'item')} after validation, not {actual}"


def _expected(options: Sequence[Any]) -> str:
    shown = [f"'{option}'" if isinstance(option, str) else str(option) for option in options]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _of_pattern(kind: Any, _value: Any, where: "Node | None") -> tuple[str, str]:
    """A text that the engine gave up for taking too many steps is refused too, by an error without its pattern."""
    schema = where.value if where is not None and isinstance(where.value, Mapping) else {}
    pattern = getattr(kind, "pattern", None) or schema.get("pattern", "")
    return f"String should match pattern '{pattern}'", "string_pattern_mismatch"


def _of_enum(kind: Any, _value: Any, where: "Node | None") -> tuple[str, str]:
    """FastAPI writes an `Enum` as a component, a `Literal` in place: that tells them apart."""
    schema = where.value if where is not None and isinstance(where.value, Mapping) else {}
    options = schema.get("enum", kind.options)
    is_component = where is not None and where.is_target and "title" in schema
    return f"Input should be {_expected(options)}", "enum" if is_component else "literal_error"


def _of_format(kind: Any, _value: Any, _where: "Node | None") -> tuple[str, str]:
    if kind.format == "email":
        return "value is not a valid email address", "value_error"
    if (format_ := _FORMATS.get(kind.format)) is not None:
        suffix = "" if format_[0].startswith("ip_") else "_parsing"
        return f"Input should be a valid {format_[1]}", f"{format_[0]}{suffix}"
    return f"Input should be a valid {kind.format}", f"{_snake(kind.format)}_parsing"


_DESCRIBED: Final[Mapping[str, Callable[[Any, Any, "Node | None"], tuple[str, str]]]] = {
    "minLength": lambda kind, _, __: (
        f"String should have at least {_plural(kind.limit, 'character')}",
        "string_too_short",
    ),
    "maxLength": lambda kind, _, __: (
        f"String should have at most {_plural(kind.limit, 'character')}",
        "string_too_long",
    ),
    "pattern": _of_pattern,
    "minimum": lambda kind, _, __: (
        f"Input should be greater than or equal to {_limit(kind.limit)}",
        "greater_than_equal",
    ),
    "maximum": lambda kind, _, __: (f"Input should be less than or equal to {_limit(kind.limit)}", "less_than_equal"),
    "exclusiveMinimum": lambda kind, _, __: (f"Input should be greater than {_limit(kind.limit)}", "greater_than"),
    "exclusiveMaximum": lambda kind, _, __: (f"Input should be less than {_limit(kind.limit)}", "less_than"),
    "multipleOf": lambda kind, _, __: (f"Input should be a multiple of {_limit(kind.multiple_of)}", "multiple_of"),
    "minItems": lambda kind, value, where: (_length("at least", kind, value, where), "too_short"),
    "maxItems": lambda kind, value, where: (_length("at most", kind, value, where), "too_long"),
    "minProperties": lambda kind, value, where: (_length("at least", kind, value, where), "too_short"),
    "maxProperties": lambda kind, value, where: (_length("at most", kind, value, where), "too_long"),
    "const": lambda kind, _, __: (f"Input should be {_expected([kind.expected_value])}", "literal_error"),
    "enum": _of_enum,
    "format": _of_format,
}

_UNSEEN_BY_PYDANTIC: Final = {
    "oneOf": ("Input should match exactly one of the allowed forms, not several", "one_of"),
    "not": ("Input should not match the excluded form", "not"),
    "contains": ("List should contain the required items", "contains"),
    "uniqueItems": ("List should have no item twice", "unique_items"),
    "dependentRequired": ("Field required", "missing"),
}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).replace("-", "_")


def _label(node: "Node") -> str:
    """What Pydantic calls a member of a union in `loc`."""
    target = node.target()
    schema = target.value
    if not isinstance(schema, Mapping):
        return "any"
    if "enum" in schema or "const" in schema:
        options = schema.get("enum", [schema.get("const")])
        return f"literal[{','.join(repr(option) for option in options)}]"
    kind = schema.get("type")
    if kind == "string":
        if "format" in schema and schema["format"] in _FORMATS:
            return _FORMATS[schema["format"]][0]
        return "constrained-str" if schema.keys() & {"minLength", "maxLength", "pattern"} else "str"
    if kind in ("integer", "number"):
        bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
        python_name = _PYTHON_NAMES[kind]
        return f"constrained-{python_name}" if schema.keys() & bounds else python_name
    if kind == "array":
        return f"list[{_label(target.child('items'))}]" if "items" in schema else "list[any]"
    if kind == "object" and "properties" not in schema:
        below = target.child("additionalProperties") if "additionalProperties" in schema else None
        return f"dict[str,{_label(below) if below else 'any'}]"
    return str(schema.get("title") or _PYTHON_NAMES.get(str(kind), "any"))
