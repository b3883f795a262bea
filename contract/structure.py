"""Where what stands in an OpenAPI document: one table of its objects, and one walk over them.

Everything that asks "which schemas, parameters, references … are there?" asks here (OpenAPI 3.1 §4.8, 3.0 §4.7).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""Fixed fields of a Path Item Object that hold operations."""


class Kind(Enum):
    """The objects of OpenAPI 3 that we look into."""

    DOCUMENT = "OpenAPI Object"
    COMPONENTS = "Components Object"
    PATH_ITEM = "Path Item Object"
    OPERATION = "Operation Object"
    PARAMETER = "Parameter Object"
    HEADER = "Header Object"
    REQUEST_BODY = "Request Body Object"
    MEDIA_TYPE = "Media Type Object"
    ENCODING = "Encoding Object"
    RESPONSE = "Response Object"
    CALLBACK = "Callback Object"
    EXAMPLE = "Example Object"
    LINK = "Link Object"
    SECURITY_SCHEME = "Security Scheme Object"
    SERVER = "Server Object"
    SCHEMA = "Schema Object"


class Holds(Enum):
    """How a field holds other objects."""

    ONE = "one"
    LIST = "list"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Place:
    """One object of a document: where it stands, what it is, and itself."""

    uri: str
    pointer: str
    kind: Kind
    value: Any

    def child(self, *steps: str | int) -> str:
        """The JSON Pointer of something below."""
        return self.pointer + "".join(f"/{escape(str(step))}" for step in steps)


_ONE, _LIST, _MAP = Holds.ONE, Holds.LIST, Holds.MAP

_FIELDS: Final[Mapping[Kind, Mapping[str, tuple[Holds, Kind]]]] = {
    Kind.DOCUMENT: {
        "servers": (_LIST, Kind.SERVER),
        "paths": (_MAP, Kind.PATH_ITEM),
        "webhooks": (_MAP, Kind.PATH_ITEM),
        "components": (_ONE, Kind.COMPONENTS),
    },
    Kind.COMPONENTS: {
        "schemas": (_MAP, Kind.SCHEMA),
        "responses": (_MAP, Kind.RESPONSE),
        "parameters": (_MAP, Kind.PARAMETER),
        "examples": (_MAP, Kind.EXAMPLE),
        "requestBodies": (_MAP, Kind.REQUEST_BODY),
        "headers": (_MAP, Kind.HEADER),
        "securitySchemes": (_MAP, Kind.SECURITY_SCHEME),
        "links": (_MAP, Kind.LINK),
        "callbacks": (_MAP, Kind.CALLBACK),
        "pathItems": (_MAP, Kind.PATH_ITEM),
    },
    Kind.PATH_ITEM: {
        **dict.fromkeys(METHODS, (_ONE, Kind.OPERATION)),
        "servers": (_LIST, Kind.SERVER),
        "parameters": (_LIST, Kind.PARAMETER),
    },
    Kind.OPERATION: {
        "parameters": (_LIST, Kind.PARAMETER),
        "requestBody": (_ONE, Kind.REQUEST_BODY),
        "responses": (_MAP, Kind.RESPONSE),
        "callbacks": (_MAP, Kind.CALLBACK),
        "servers": (_LIST, Kind.SERVER),
    },
    Kind.PARAMETER: {
        "schema": (_ONE, Kind.SCHEMA),
        "content": (_MAP, Kind.MEDIA_TYPE),
        "examples": (_MAP, Kind.EXAMPLE),
    },
    Kind.HEADER: {
        "schema": (_ONE, Kind.SCHEMA),
        "content": (_MAP, Kind.MEDIA_TYPE),
        "examples": (_MAP, Kind.EXAMPLE),
    },
    Kind.REQUEST_BODY: {"content": (_MAP, Kind.MEDIA_TYPE)},
    Kind.MEDIA_TYPE: {
        "schema": (_ONE, Kind.SCHEMA),
        "examples": (_MAP, Kind.EXAMPLE),
        "encoding": (_MAP, Kind.ENCODING),
    },
    Kind.ENCODING: {"headers": (_MAP, Kind.HEADER)},
    Kind.RESPONSE: {
        "headers": (_MAP, Kind.HEADER),
        "content": (_MAP, Kind.MEDIA_TYPE),
        "links": (_MAP, Kind.LINK),
    },
    Kind.LINK: {"server": (_ONE, Kind.SERVER)},
    Kind.SCHEMA: {
        # JSON Schema 2020-12 §10 and §11, and `$defs` of §8.2.4.
        **dict.fromkeys(
            (
                "items",
                "contains",
                "additionalProperties",
                "propertyNames",
                "not",
                "if",
                "then",
                "else",
                "unevaluatedItems",
                "unevaluatedProperties",
                "contentSchema",
            ),
            (_ONE, Kind.SCHEMA),
        ),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), (_LIST, Kind.SCHEMA)),
        **dict.fromkeys(
            ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions"), (_MAP, Kind.SCHEMA)
        ),
    },
}


def escape(step: str) -> str:
    """One step of a JSON Pointer (RFC 6901 §3)."""
    return step.replace("~", "~0").replace("/", "~1")


def unescape(step: str) -> str:
    """The reverse of `escape` (RFC 6901 §4)."""
    return step.replace("~1", "/").replace("~0", "~")


def walk(place: Place) -> Iterator[Place]:
    """`place` and every object below it, in the document's order; references are not followed."""
    pending = [place]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(list(_children(current))))


def _children(place: Place) -> Iterator[Place]:
    value = place.value
    if not isinstance(value, Mapping):
        return
    if place.kind is Kind.CALLBACK:
        for expression, item in value.items():
            if not str(expression).startswith("x-"):
                yield Place(place.uri, place.child(expression), Kind.PATH_ITEM, item)
        return
    if place.kind is not Kind.SCHEMA and "$ref" in value and place.kind is not Kind.PATH_ITEM:
        return
    fields = _FIELDS.get(place.kind, {})
    for field, held in value.items():
        if field not in fields:
            continue
        holds, kind = fields[field]
        if holds is Holds.ONE:
            yield Place(place.uri, place.child(field), kind, held)
        elif holds is Holds.LIST and isinstance(held, Sequence) and not isinstance(held, str):
            for index, item in enumerate(held):
                yield Place(place.uri, place.child(field, index), kind, item)
        elif holds is Holds.MAP and isinstance(held, Mapping):
            for name, item in held.items():
                if not (_takes_extensions(place.kind, kind) and str(name).startswith("x-")):
                    yield Place(place.uri, place.child(field, name), kind, item)


def _takes_extensions(holder: Kind, held: Kind) -> bool:
    """Whether a map is an object that `x-` fields may stand in: Paths and Responses Objects (§4.8.8, §4.8.16)."""
    return held is Kind.PATH_ITEM or (holder is Kind.OPERATION and held is Kind.RESPONSE)
