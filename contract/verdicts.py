"""What becomes of every field of OpenAPI 3 and every keyword of JSON Schema 2020-12: one table.

`contract.explain` reads it beside a document, where the surroundings may decide; `docs/openapi.md` shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["enforced", "annotation", "not followed"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one field."""

    verdict: Verdict
    note: str

    @property
    def outcome(self) -> str:
        """The verdict as the specification's reader asks for it."""
        if self.verdict == "enforced":
            return "followed"
        return "refused at start" if self.note.startswith("refused at start") else "ignored"


def enforced(note: str) -> Rule:
    """Requests, answers or the service itself are held to it."""
    return Rule("enforced", note)


def annotation(note: str) -> Rule:
    """By the specification it constrains nothing."""
    return Rule("annotation", note)


def not_followed(note: str) -> Rule:
    """The specification gives it a meaning that nothing here acts on, or it is unknown."""
    return Rule("not followed", note)


_PROSE: Final = annotation("for people and the docs page")
_EXAMPLE: Final = annotation("for people; where its schema refuses it, `check` says so")
_HOLDS: Final = annotation("holds what references lead to, and is in effect where they do (3.1 §4.8.7)")
_OUTGOING: Final = not_followed("describes requests to others; none is sent, so no caller sees a difference")
_FOR_CLIENTS: Final = annotation("tells clients where tokens come from; the verifier of the scheme judges them")
_OTHER_METHOD: Final = not_followed("OpenAPI 3.2; a request by such a method is answered 405, and `check` says so")
_STREAM: Final = not_followed("OpenAPI 3.2; bodies are judged whole, by `schema`, and `check` says so")
_METHOD: Final = enforced("an operation: routed, bound to its function, judged")
_JUDGED: Final = enforced("a value that breaks it is refused")
_OLD_NAME: Final = enforced("JSON Schema's older name, still judged")

FIELDS: Final[Mapping[str, Mapping[str, Rule]]] = {
    "OpenAPI Object": {
        "openapi": enforced("3.0, 3.1 or 3.2; any other version is refused at start"),
        "$self": not_followed("OpenAPI 3.2; references are relative to the file all the same, and `check` says so"),
        "info": _PROSE,
        "jsonSchemaDialect": enforced("the dialect that all schemas are judged by"),
        "servers": enforced("the path of the first is the base path"),
        "paths": enforced("routed; what is not in it is answered 404 or 405"),
        "webhooks": _OUTGOING,
        "components": _HOLDS,
        "security": enforced("demanded of each operation that has no `security` of its own"),
        "tags": _PROSE,
        "externalDocs": _PROSE,
    },
    "Info Object": dict.fromkeys(
        ("title", "summary", "description", "termsOfService", "contact", "license", "version"), _PROSE
    ),
    "Contact Object": dict.fromkeys(("name", "url", "email"), _PROSE),
    "License Object": dict.fromkeys(("name", "identifier", "url"), _PROSE),
    "Server Object": {
        "url": enforced("its path is the base path; scheme and host are the deployment's matter"),
        "description": _PROSE,
        "name": _PROSE,
        "variables": enforced("each stands at its default"),
    },
    "Server Variable Object": {
        "enum": not_followed("only the default is served; another value is another server's path"),
        "default": enforced("stands in the first server's url"),
        "description": _PROSE,
    },
    "Components Object": dict.fromkeys(
        (
            "schemas", "responses", "parameters", "examples", "requestBodies", "headers", "securitySchemes", "links",
            "callbacks", "pathItems",
        ),
        _HOLDS,
    )
    | {"mediaTypes": not_followed("OpenAPI 3.2; a reference to one is refused at start")},
    "Paths Object": {"{path}": enforced("routed under the base path; concrete paths before templated ones")},
    "Path Item Object": {
        "$ref": enforced("what it points to stands here; fields beside it are refused at start"),
        "summary": _PROSE,
        "description": _PROSE,
        **dict.fromkeys(("get", "put", "post", "delete", "options", "head", "patch", "trace"), _METHOD),
        "query": _OTHER_METHOD,
        "additionalOperations": _OTHER_METHOD,
        "servers": not_followed("the base path is that of the document's first server, for every path"),
        "parameters": enforced("those of each operation below, unless it has its own of that name"),
    },
    "Operation Object": {
        "tags": enforced("the first names the module of the function"),
        "summary": _PROSE,
        "description": _PROSE,
        "externalDocs": _PROSE,
        "operationId": enforced("names the function; one used twice is refused at start"),
        "parameters": enforced("read, judged, and given to the function"),
        "requestBody": enforced("read, judged, and given to the function"),
        "responses": enforced("what the function answers is judged before it is sent"),
        "callbacks": _OUTGOING,
        "deprecated": _PROSE,
        "security": enforced("demanded: 401 or 403 before anything else is looked at"),
        "servers": not_followed("the base path is that of the document's first server, for every operation"),
    },
    "External Documentation Object": dict.fromkeys(("description", "url"), _PROSE),
    "Parameter Object": {
        "name": enforced("what the request calls it"),
        "in": enforced("path, query, header or cookie; `querystring` of 3.2 is refused at start"),
        "description": _PROSE,
        "required": enforced("422 where it is missing"),
        "deprecated": _PROSE,
        "allowEmptyValue": not_followed("an empty value is judged by the schema like any other; deprecated in 3.1"),
        "style": enforced("how the text is read; a style that its location does not have is refused at start"),
        "explode": enforced("how the text is read"),
        "allowReserved": annotation("asks clients to leave characters unencoded; both ways of writing are read"),
        "schema": enforced("judges the value"),
        "example": _EXAMPLE,
        "examples": _EXAMPLE,
        "content": enforced("the first media type is read: JSON as JSON, any other as the default style"),
    },
    "Request Body Object": {
        "description": _PROSE,
        "content": enforced("a body of a media type that is not in it is answered 415"),
        "required": enforced("422 where there is none"),
    },
    "Media Type Object": {
        "{media type}": enforced("decides how a body is read; JSON under a range of media types is read as JSON"),
        "schema": enforced("judges the body"),
        "itemSchema": _STREAM,
        "example": _EXAMPLE,
        "examples": _EXAMPLE,
        "encoding": enforced("how the members of forms and multipart bodies are read"),
        "prefixEncoding": _STREAM,
        "itemEncoding": _STREAM,
        "description": _PROSE,
    },
    "Encoding Object": {
        "contentType": enforced("JSON: the part is read as JSON"),
        "headers": not_followed("headers of parts are not looked at, and not given to the function"),
        "style": enforced("how the member of a form is read"),
        "explode": enforced("how the member of a form is read"),
        "allowReserved": enforced("has the member read by style rather than as JSON; both ways of writing are read"),
        **dict.fromkeys(("encoding", "prefixEncoding", "itemEncoding"), _STREAM),
    },
    "Responses Object": {
        "{status}": enforced("a status, a range or `default`: any other that the function answers is a 500"),
    },
    "Response Object": {
        "summary": _PROSE,
        "description": _PROSE,
        "headers": enforced("required ones have to be there; what the schema fixes is sent"),
        "content": enforced("the first JSON entry, else the first, is what is answered"),
        "links": annotation("tells clients what they may ask next; constrains nothing"),
    },
    "Callback Object": {"{expression}": _OUTGOING},
    "Example Object": dict.fromkeys(("summary", "description", "externalValue", "dataValue", "serializedValue"), _PROSE)
    | {"value": _EXAMPLE},
    "Link Object": dict.fromkeys(
        ("operationRef", "operationId", "parameters", "requestBody", "description", "server", "body"),
        annotation("tells clients what they may ask next; constrains nothing"),
    ),
    "Header Object": {
        "description": _PROSE,
        "required": enforced("an answer without it is a 500"),
        "deprecated": _PROSE,
        "allowEmptyValue": not_followed("the values of an answer's headers are the function's matter"),
        "style": not_followed("the function writes the text of its headers itself"),
        "explode": not_followed("the function writes the text of its headers itself"),
        "allowReserved": annotation("means nothing for headers"),
        "schema": enforced("a value that it fixes (`const`, an `enum` of one, `default`) is sent with the answer"),
        "example": _EXAMPLE,
        "examples": _EXAMPLE,
        "content": not_followed("the function writes the text of its headers itself"),
    },
    "Tag Object": dict.fromkeys(("name", "summary", "description", "externalDocs", "parent", "kind"), _PROSE),
    "Reference Object": {
        "$ref": enforced("what it points to stands here; files only, the network is never asked"),
        "summary": _PROSE,
        "description": _PROSE,
    },
    "Security Scheme Object": {
        "type": enforced("which credentials a request has to bring"),
        "description": _PROSE,
        "name": enforced("the header, query parameter or cookie that holds the key"),
        "in": enforced("where the key is"),
        "scheme": enforced("the scheme of `Authorization`"),
        "bearerFormat": annotation("a hint to clients; the verifier judges the token"),
        "flows": _FOR_CLIENTS,
        "openIdConnectUrl": _FOR_CLIENTS,
        "oauth2MetadataUrl": _FOR_CLIENTS,
        "deprecated": _PROSE,
    },
    "OAuth Flows Object": dict.fromkeys(
        ("implicit", "password", "clientCredentials", "authorizationCode", "deviceAuthorization"), _FOR_CLIENTS
    ),
    "OAuth Flow Object": dict.fromkeys(
        ("authorizationUrl", "deviceAuthorizationUrl", "tokenUrl", "refreshUrl", "scopes"), _FOR_CLIENTS
    ),
    "Security Requirement Object": {
        "{name}": enforced("the credentials of the scheme are verified; its scopes are handed to the verifier"),
    },
    "Discriminator Object": dict.fromkeys(
        ("propertyName", "mapping", "defaultMapping"),
        annotation("a hint for tools; `anyOf` and `oneOf` judge without it (3.1 §4.8.25)"),
    ),
    "XML Object": dict.fromkeys(
        ("name", "namespace", "prefix", "attribute", "wrapped", "nodeType"),
        not_followed("XML is not read: the schema sees a text, the function gets it as it came"),
    ),
    "Schema Object": {
        **dict.fromkeys(
            (
                "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
                "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains",
                "minContains", "maxProperties", "minProperties", "required", "dependentRequired", "allOf", "anyOf",
                "oneOf", "not", "if", "then", "else", "dependentSchemas", "prefixItems", "items", "contains",
                "properties", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedItems",
                "unevaluatedProperties",
            ),
            _JUDGED,
        ),
        "$ref": enforced("what it points to judges too, beside its siblings; files only, never the network"),
        "$dynamicRef": enforced("what it points to judges too"),
        "$id": enforced("the schema is a resource of its own: references below are relative to it"),
        "$anchor": enforced("a name that references may use"),
        "$dynamicAnchor": enforced("a name that references may use"),
        "$schema": enforced("2020-12 and OpenAPI's dialect; any other is refused at start"),
        "$vocabulary": annotation("means something in metaschemas only"),
        "$defs": _HOLDS,
        "definitions": _HOLDS,
        "dependencies": _OLD_NAME,
        "format": enforced("asserted for the formats of JSON Schema; any other name is an annotation"),
        "default": enforced("filled in where a request leaves it out; one that its schema refuses is refused at start"),
        "readOnly": enforced("a member of an object that is true: a request may not send it, and need not"),
        "writeOnly": enforced("a member of an object that is true: an answer may not hold it, and need not"),
        **dict.fromkeys(("title", "description", "$comment", "deprecated", "externalDocs"), _PROSE),
        **dict.fromkeys(("example", "examples"), _EXAMPLE),
        **dict.fromkeys(
            ("contentEncoding", "contentMediaType", "contentSchema"),
            annotation("says what a text holds; the text is not decoded (2020-12, Validation §8.1)"),
        ),
        "discriminator": annotation("a hint for tools; `anyOf` and `oneOf` judge without it (3.1 §4.8.25)"),
        "xml": not_followed("XML is not read: the schema sees a text, the function gets it as it came"),
        "nullable": not_followed('a keyword of OpenAPI 3.0, enforced there; in 3.1 say `"type": [..., "null"]`'),
        **dict.fromkeys(
            ("additionalItems", "$recursiveRef", "$recursiveAnchor", "id", "disallow", "extends", "divisibleBy"),
            not_followed("a keyword of an older JSON Schema, which 2020-12 does not have"),
        ),
    },
}  # fmt: skip
"""By object and field (a name in braces stands for the names that the document gives)."""

EXTENSION: Final = annotation("an extension: nothing here reads it")
UNKNOWN_FIELD: Final = not_followed("refused at start: the specification has no such field here")
UNKNOWN_KEYWORD: Final = annotation("no keyword of JSON Schema 2020-12: it constrains nothing (2020-12 §4.3.1)")
