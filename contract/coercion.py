"""Text to typed values: which JSON value a piece of a URL, header, cookie or form means under its schema."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from contract import json_text

if TYPE_CHECKING:
    from contract.schema import Node, Schema

ALL_TYPES: Final = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
"""The types of JSON Schema (2020-12, §6.1.1 of Validation)."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.0+)?", re.ASCII)

Coerce = Callable[[str], Any]


def types_of(node: "Node", _seen: frozenset[int] = frozenset()) -> frozenset[str]:
    """The JSON types that a schema may admit; an over-estimate where it does not say."""
    schema = node.value
    if not isinstance(schema, Mapping) or id(schema) in _seen:
        return ALL_TYPES
    seen = _seen | {id(schema)}
    types = ALL_TYPES
    declared = schema.get("type")
    if isinstance(declared, str):
        types = frozenset({declared})
    elif isinstance(declared, list):
        types = frozenset(declared)
    elif "const" in schema:
        types = frozenset({type_of(schema["const"])})
    elif isinstance(schema.get("enum"), list):
        types = frozenset(type_of(option) for option in schema["enum"])
    for keyword in ("anyOf", "oneOf"):
        branches = schema.get(keyword)
        if isinstance(branches, list) and branches:
            types &= frozenset().union(*(types_of(node.child(keyword, i), seen) for i in range(len(branches))))
    for index in range(len(schema.get("allOf", ()))):
        types &= types_of(node.child("allOf", index), seen)
    if (target := node.reference()) is not None:
        types &= types_of(target, seen)
    return types


def type_of(value: Any) -> str:
    """The JSON type of a value; `integer` for whole numbers."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float | Decimal):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def compile_coercion(schema: "Schema") -> Coerce:
    """What reads a text as the value that `schema` means by it.

    A text that none of its types can be read from stays text, for the schema to refuse.
    """
    types = types_of(schema.node)
    readers = [reader for type_, reader in _READERS if type_ in types]
    if "string" in types and len(readers) == 0:
        return str
    if "string" not in types and len(readers) == 1:
        (only,) = readers
        return lambda text: text if (value := only(text)) is _UNREADABLE else value
    is_valid = schema.is_valid
    keeps_text = "string" in types

    def coerce(text: str) -> Any:
        if keeps_text and is_valid(text):
            return text
        read = [value for reader in readers if (value := reader(text)) is not _UNREADABLE]
        return next((value for value in read if is_valid(value)), read[0] if read and not keeps_text else text)

    return coerce


_UNREADABLE: Final = object()


def _number(text: str) -> Any:
    return _loaded(text) if _NUMBER.fullmatch(text) else _UNREADABLE


def _integer(text: str) -> Any:
    """Whole numbers, written as such: a text that is another number stays text, and is no integer for that."""
    return _loaded(text.partition(".")[0]) if _INTEGER.fullmatch(text) else _UNREADABLE


def _loaded(text: str) -> Any:
    try:
        return json_text.loads(text.encode())
    except json_text.InvalidJSON:
        # A longer number than we take.
        return _UNREADABLE


def _boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text, _UNREADABLE)


def _null(text: str) -> Any:
    return None if text in ("", "null") else _UNREADABLE


_READERS: Final[tuple[tuple[str, Coerce], ...]] = (
    ("integer", _integer),
    ("number", _number),
    ("boolean", _boolean),
    ("null", _null),
)
