"""The words for what is wrong with a value, keyword by keyword, as Pydantic 2 has them: `msg` and `type`."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from contract.dialect import AS_WRITTEN

if TYPE_CHECKING:
    from contract.schema import Node


def tuple_of(where: "Node | None") -> Sequence[Any]:
    """The schemas of a tuple's items; none where it is a list."""
    first = where.value.get("prefixItems") if where is not None and isinstance(where.value, Mapping) else None
    return first if isinstance(first, list) else ()


PYTHON_NAMES: Final = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
    "null": "none",
}
"""JSON types as Pydantic calls them in `loc`."""

FORMATS: Final = {
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


def words(violation: Any, value: Any, where: "Node | None") -> tuple[str, str]:
    """`msg` and `type` for one keyword."""
    kind = violation.kind
    name: str = kind.name
    if name == "type":
        types = [one for one in kind.types if one != "null"] or ["null"]
        return words_of_type(types[0], value, where)
    if (describe := _DESCRIBED.get(name)) is not None:
        return describe(kind, value, where)
    return _UNSEEN_BY_PYDANTIC.get(name, (f"Input should satisfy {name}", _snake(name)))


def words_of_type(expected: str, value: Any, where: "Node | None") -> tuple[str, str]:
    """`msg` and `type` for a value that is not of the JSON type that is expected."""
    schema: Mapping[str, Any] = where.value if where is not None and isinstance(where.value, Mapping) else {}
    if expected == "string":
        if (format_ := FORMATS.get(str(schema.get("format")))) is not None and schema["format"] != "email":
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
        if tuple_of(where):
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
    noun = "Dictionary" if isinstance(value, Mapping) else "Tuple" if tuple_of(where) else "List"
    actual = "more" if kind.name == "maxProperties" else len(value)
    return f"{noun} should have {verb} {_plural(kind.limit, 'item')} after validation, not {actual}"


def _expected(options: Sequence[Any]) -> str:
    shown = [f"'{option}'" if isinstance(option, str) else str(option) for option in options]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _of_pattern(kind: Any, _value: Any, where: "Node | None") -> tuple[str, str]:
    """A text that the engine gave up for taking too many steps is refused too, by an error without its pattern."""
    schema = where.value if where is not None and isinstance(where.value, Mapping) else {}
    pattern = schema.get(AS_WRITTEN) or getattr(kind, "pattern", None) or schema.get("pattern", "")
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
    if (format_ := FORMATS.get(kind.format)) is not None:
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


def label_of(node: "Node") -> str:
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
        if "format" in schema and schema["format"] in FORMATS:
            return FORMATS[schema["format"]][0]
        return "constrained-str" if schema.keys() & {"minLength", "maxLength", "pattern"} else "str"
    if kind in ("integer", "number"):
        bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
        python_name = PYTHON_NAMES[kind]
        return f"constrained-{python_name}" if schema.keys() & bounds else python_name
    if kind == "array":
        return f"list[{label_of(target.child('items'))}]" if "items" in schema else "list[any]"
    if kind == "object" and "properties" not in schema:
        below = target.child("additionalProperties") if "additionalProperties" in schema else None
        return f"dict[str,{label_of(below) if below else 'any'}]"
    return str(schema.get("title") or PYTHON_NAMES.get(str(kind), "any"))
