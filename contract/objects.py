"""The objects of an OpenAPI document, and what objects each of their fields holds: those that are not served too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contract.structure import METHODS, Holds, escape

Key = tuple[str, str]
"""URI of the file, and JSON Pointer in it."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a document."""

    uri: str
    pointer: str
    kind: str
    value: Any
    base_uri: str
    """What the references of a schema are relative to."""
    meant: str
    """The kind of its place: what a Reference Object leads to."""

    @property
    def key(self) -> Key:
        """Where it stands."""
        return self.uri, self.pointer

    def child(self, *steps: str | int) -> str:
        """The JSON Pointer of something below."""
        return self.pointer + "".join(f"/{escape(str(step))}" for step in steps)


_ONE, _LIST, _MAP = Holds.ONE, Holds.LIST, Holds.MAP
SCHEMA: Final = "Schema Object"

APPLIES_ONE: Final = (
    "items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
APPLIES_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
APPLIES_MAP: Final = ("properties", "patternProperties", "dependentSchemas", "dependencies")
"""Keywords whose schemas judge (JSON Schema 2020-12 §10, §11): they hold one, a list, or a map of them."""

_PARAMETER: Final = {
    "schema": (_ONE, SCHEMA),
    "content": (_MAP, "Media Type Object"),
    "examples": (_MAP, "Example Object"),
}

BELOW: Final[Mapping[str, Mapping[str, tuple[Holds, str]]]] = {
    "OpenAPI Object": {
        "info": (_ONE, "Info Object"),
        "servers": (_LIST, "Server Object"),
        "paths": (_ONE, "Paths Object"),
        "webhooks": (_MAP, "Path Item Object"),
        "components": (_ONE, "Components Object"),
        "security": (_LIST, "Security Requirement Object"),
        "tags": (_LIST, "Tag Object"),
        "externalDocs": (_ONE, "External Documentation Object"),
    },
    "Info Object": {"contact": (_ONE, "Contact Object"), "license": (_ONE, "License Object")},
    "Server Object": {"variables": (_MAP, "Server Variable Object")},
    "Components Object": {
        "schemas": (_MAP, SCHEMA),
        "responses": (_MAP, "Response Object"),
        "parameters": (_MAP, "Parameter Object"),
        "examples": (_MAP, "Example Object"),
        "requestBodies": (_MAP, "Request Body Object"),
        "headers": (_MAP, "Header Object"),
        "securitySchemes": (_MAP, "Security Scheme Object"),
        "links": (_MAP, "Link Object"),
        "callbacks": (_MAP, "Callback Object"),
        "pathItems": (_MAP, "Path Item Object"),
        "mediaTypes": (_MAP, "Media Type Object"),
    },
    "Path Item Object": {
        **dict.fromkeys((*METHODS, "query"), (_ONE, "Operation Object")),
        "additionalOperations": (_MAP, "Operation Object"),
        "servers": (_LIST, "Server Object"),
        "parameters": (_LIST, "Parameter Object"),
    },
    "Operation Object": {
        "externalDocs": (_ONE, "External Documentation Object"),
        "parameters": (_LIST, "Parameter Object"),
        "requestBody": (_ONE, "Request Body Object"),
        "responses": (_ONE, "Responses Object"),
        "callbacks": (_MAP, "Callback Object"),
        "security": (_LIST, "Security Requirement Object"),
        "servers": (_LIST, "Server Object"),
    },
    "Parameter Object": _PARAMETER,
    "Header Object": _PARAMETER,
    "Request Body Object": {"content": (_MAP, "Media Type Object")},
    "Media Type Object": {
        "schema": (_ONE, SCHEMA),
        "itemSchema": (_ONE, SCHEMA),
        "examples": (_MAP, "Example Object"),
        "encoding": (_MAP, "Encoding Object"),
        "prefixEncoding": (_LIST, "Encoding Object"),
        "itemEncoding": (_ONE, "Encoding Object"),
    },
    "Encoding Object": {
        "headers": (_MAP, "Header Object"),
        "encoding": (_MAP, "Encoding Object"),
        "prefixEncoding": (_LIST, "Encoding Object"),
        "itemEncoding": (_ONE, "Encoding Object"),
    },
    "Response Object": {
        "headers": (_MAP, "Header Object"),
        "content": (_MAP, "Media Type Object"),
        "links": (_MAP, "Link Object"),
    },
    "Link Object": {"server": (_ONE, "Server Object")},
    "Tag Object": {"externalDocs": (_ONE, "External Documentation Object")},
    "Security Scheme Object": {"flows": (_ONE, "OAuth Flows Object")},
    "OAuth Flows Object": dict.fromkeys(
        ("implicit", "password", "clientCredentials", "authorizationCode", "deviceAuthorization"),
        (_ONE, "OAuth Flow Object"),
    ),
    SCHEMA: {
        **dict.fromkeys((*APPLIES_ONE, "contentSchema"), (_ONE, SCHEMA)),
        **dict.fromkeys(APPLIES_LIST, (_LIST, SCHEMA)),
        **dict.fromkeys((*APPLIES_MAP, "$defs", "definitions"), (_MAP, SCHEMA)),
        "discriminator": (_ONE, "Discriminator Object"),
        "xml": (_ONE, "XML Object"),
        "externalDocs": (_ONE, "External Documentation Object"),
    },
}
"""What objects the fields of objects hold."""

PATTERNED: Final[Mapping[str, tuple[str, str | None]]] = {
    "Paths Object": ("{path}", "Path Item Object"),
    "Responses Object": ("{status}", "Response Object"),
    "Callback Object": ("{expression}", "Path Item Object"),
    "Security Requirement Object": ("{name}", None),
}
"""Objects whose fields the document names, and what these hold."""
