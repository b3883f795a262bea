"""`explain`: every field and keyword of a document has its verdict, and the verdicts are true."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from jsonschema_specifications import REGISTRY

from contract import Answer, Bound, Contract, DocumentError, bind, build_app, compile_contract, load
from contract.check import check
from contract.explain import Explained, asserts_format, explain
from contract.verdicts import FIELDS

ROOT: Final = Path(__file__).parents[2]
X: Final = {"x-extension": {"nothing": "of ours"}}
DOCS: Final = {"externalDocs": {"url": "https://example.com", "description": "Docs", **X}}
SERVER: Final = {
    "url": "/{base}",
    "description": "One",
    "variables": {"base": {"enum": ["api"], "default": "api", "description": "A base", **X}},
    **X,
}
EXAMPLES: Final = {"one": {"summary": "s", "description": "d", "value": "a", **X}, "two": {"externalValue": "/a"}}
LINK: Final = {
    "operationId": "get",
    "parameters": {"p": "$request.body"},
    "requestBody": "$request.body",
    "description": "d",
    "body": SERVER,
    **X,
}

SCHEMA: Final[dict[str, Any]] = {
    "$id": "https://example.com/schema",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/core": True},
    "$anchor": "here",
    "$dynamicAnchor": "there",
    "$comment": "c",
    "$defs": {"a": {"$ref": "#here"}, "b": {"$dynamicRef": "#there"}},
    "definitions": {"a": True},
    "dependencies": {"a": ["b"], "b": {"required": ["c"]}},
    "$recursiveRef": "#",
    "$recursiveAnchor": "a",
    "title": "t",
    "description": "d",
    "deprecated": False,
    "default": {},
    "examples": [{}],
    "example": {},
    "readOnly": False,
    "writeOnly": False,
    "type": ["object", "array", "string", "number", "null"],
    "enum": [{}, [], "", 0, None],
    "multipleOf": 1,
    "maximum": 1,
    "exclusiveMaximum": 1,
    "minimum": 0,
    "exclusiveMinimum": -1,
    "maxLength": 9,
    "minLength": 0,
    "pattern": "^",
    "maxItems": 9,
    "minItems": 0,
    "uniqueItems": True,
    "maxContains": 9,
    "minContains": 0,
    "maxProperties": 9,
    "minProperties": 0,
    "required": [],
    "dependentRequired": {"a": ["b"]},
    "format": "int32",
    "contentEncoding": "base64",
    "contentMediaType": "application/json",
    "contentSchema": {"type": "object"},
    "allOf": [True],
    "anyOf": [True],
    "oneOf": [True],
    "not": {"const": 7},
    "if": True,
    "then": True,
    "else": False,
    "dependentSchemas": {"a": True},
    "prefixItems": [True],
    "items": True,
    "contains": True,
    "properties": {"a": {"type": "string"}, "b": True},
    "patternProperties": {"^x": True},
    "additionalProperties": True,
    "propertyNames": True,
    "unevaluatedItems": True,
    "unevaluatedProperties": True,
    "discriminator": {"propertyName": "a", "mapping": {"x": "#/components/schemas/S"}},
    "xml": {"name": "n", "namespace": "https://n", "prefix": "p", "attribute": False, "wrapped": False, **X},
    "unheard-of": 1,
    **DOCS,
    **X,
}

TEXT: Final = {"type": "string"}
HEADER: Final = {
    "description": "d",
    "required": True,
    "deprecated": False,
    "schema": TEXT,
    "style": "simple",
    "explode": False,
    "example": "a",
    **X,
}
ENCODING: Final = {
    "contentType": "text/plain",
    "headers": {"X-Part": HEADER},
    "style": "form",
    "explode": True,
    "allowReserved": True,
    **X,
}
PARAMETER: Final = {
    "name": "p",
    "in": "query",
    "description": "d",
    "required": False,
    "deprecated": False,
    "allowEmptyValue": True,
    "style": "form",
    "explode": True,
    "allowReserved": False,
    "schema": TEXT,
    "examples": EXAMPLES,
    **X,
}
FLOW: Final = {
    "authorizationUrl": "https://a",
    "tokenUrl": "https://t",
    "refreshUrl": "https://r",
    "scopes": {"s": "S"},
}
OPERATION: Final[dict[str, Any]] = {
    "tags": ["t"],
    "summary": "s",
    "description": "d",
    **DOCS,
    "operationId": "op",
    "parameters": [
        PARAMETER,
        {"$ref": "#/components/parameters/P"},
        {"name": "c", "in": "query", "content": {"application/json": {"schema": TEXT, "example": "a"}}},
    ],
    "requestBody": {
        "description": "d",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/S"}, "example": {}, **X},
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {"a": TEXT}},
                "encoding": {"a": ENCODING},
            },
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"a": TEXT}},
                "encoding": {"a": ENCODING},
                "examples": {"e": {"value": {"a": "b"}}},
            },
        },
        "required": True,
        **X,
    },
    "responses": {
        "200": {
            "description": "d",
            "headers": {"X-H": HEADER, "X-C": {"content": {"text/plain": {"schema": TEXT}}}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/S"}}, "text/plain": {}},
            "links": {"l": LINK, "r": {"$ref": "#/components/links/L", "summary": "s", "description": "d"}},
            **X,
        },
        "default": {"$ref": "#/components/responses/R"},
        "4XX": {"description": "d"},
        **X,
    },
    "callbacks": {"c": {"{$request.body#/url}": {"post": {"responses": {"200": {"description": "d"}}}}}},
    "deprecated": True,
    "security": [{"key": [], "basic": []}, {}],
    "servers": [SERVER],
    **X,
}
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DOCUMENT: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {
        "title": "t",
        "summary": "s",
        "description": "d",
        "termsOfService": "https://t",
        "contact": {"name": "n", "url": "https://c", "email": "a@b.c", **X},
        "license": {"name": "MIT", "identifier": "MIT", **X},
        "version": "1",
        **X,
    },
    "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
    "servers": [SERVER, SERVER],
    "paths": {
        "/p": {
            "summary": "s",
            "description": "d",
            **{method: {**OPERATION, "operationId": method} for method in METHODS},
            "servers": [SERVER],
            "parameters": [{"name": "h", "in": "header", "schema": TEXT}],
            **X,
        },
        "/r": {"$ref": "#/components/pathItems/I"},
        **X,
    },
    "webhooks": {"w": {"post": {"responses": {"200": {"description": "d"}}}}},
    "components": {
        "schemas": {"S": SCHEMA, "Unused": {"type": "integer"}},
        "responses": {"R": {"description": "d"}},
        "parameters": {"P": {**PARAMETER, "name": "r"}},
        "examples": EXAMPLES,
        "requestBodies": {"B": {"content": {"text/plain": {}}}},
        "headers": {"H": HEADER},
        "securitySchemes": {
            "key": {"type": "apiKey", "name": "k", "in": "header", "description": "d", **X},
            "basic": {"type": "http", "scheme": "bearer", "bearerFormat": "f"},
            "unused": {"type": "http", "scheme": "bearer"},
            "tls": {"type": "mutualTLS"},
            "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://o"},
            "oauth": {
                "type": "oauth2",
                "flows": {
                    "implicit": {k: v for k, v in FLOW.items() if k != "tokenUrl"},
                    "password": {k: v for k, v in FLOW.items() if k != "authorizationUrl"},
                    "clientCredentials": {k: v for k, v in FLOW.items() if k != "authorizationUrl"},
                    "authorizationCode": FLOW,
                    **X,
                },
            },
        },
        "links": {"L": {"operationRef": "#/paths/~1p/get"}},
        "callbacks": {"C": {"{$url}": {"get": {"responses": {"200": {"description": "d"}}}}}},
        "pathItems": {"I": {"get": {"operationId": "i", "responses": {"200": {"description": "d"}}}}},
        **X,
    },
    "security": [{"basic": []}],
    "tags": [{"name": "t", "description": "d", **DOCS, **X}],
    **DOCS,
    **X,
}


def written(folder: Path, document: Any, name: str = "openapi.json") -> Path:
    """A document as a file."""
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def lines_of(folder: Path, document: Any) -> dict[str, Explained]:
    """What is said of a document, by pointer; that of fields goes before that of the names in them."""
    return {line.pointer: line for line in explain(load(written(folder, document)))}


def one_operation(schema: Any = None, version: str = "3.1.0", **fields: Any) -> dict[str, Any]:
    """A document of one operation that takes a JSON body."""
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "op", "responses": {"200": {"description": "d"}}, **fields}
    if schema is not None:
        operation["requestBody"] = body
    info = {"title": "t", "version": "1"}
    return {"openapi": version, "info": info, "paths": {"/op": {"post": operation}}}


BODY: Final = "/paths/~1op/post/requestBody/content/application~1json/schema"
OPERATION_AT: Final = "/paths/~1op/post"


# ---- nothing is left out ---------------------------------------------------------------------------------------------

OBJECTS: Final = {
    "info": "Info", "contact": "Contact", "license": "License", "server": "Server", "components": "Components",
    "server-variable": "Server Variable", "path-item": "Path Item", "operation": "Operation", "tag": "Tag",
    "external-documentation": "External Documentation", "parameter": "Parameter", "request-body": "Request Body",
    "media-type": "Media Type", "encoding": "Encoding", "response": "Response", "example": "Example", "link": "Link",
    "header": "Header", "reference": "Reference", "security-scheme": "Security Scheme", "oauth-flows": "OAuth Flows",
}  # fmt: skip
"""Names of the objects in the specification's own schema, and in its text."""

OBJECTS_OF_3_0: Final = {
    "Info": "Info", "Contact": "Contact", "License": "License", "Server": "Server", "ServerVariable": "Server Variable",
    "Components": "Components", "Schema": "Schema", "Discriminator": "Discriminator", "XML": "XML", "Link": "Link",
    "Response": "Response", "MediaType": "Media Type", "Example": "Example", "Header": "Header", "Tag": "Tag",
    "PathItem": "Path Item", "Operation": "Operation", "ExternalDocumentation": "External Documentation",
    "Parameter": "Parameter", "RequestBody": "Request Body", "APIKeySecurityScheme": "Security Scheme",
    "HTTPSecurityScheme": "Security Scheme", "OAuth2SecurityScheme": "Security Scheme", "OAuthFlows": "OAuth Flows",
    "OpenIdConnectSecurityScheme": "Security Scheme", "ImplicitOAuthFlow": "OAuth Flow", "Encoding": "Encoding",
    "PasswordOAuthFlow": "OAuth Flow", "ClientCredentialsFlow": "OAuth Flow",
    "AuthorizationCodeOAuthFlow": "OAuth Flow",
}  # fmt: skip


def fields_of_specification(version: str) -> Iterator[tuple[str, str]]:
    """Every object and field that a version of OpenAPI has, by its own schema."""
    package = find_spec("openapi_spec_validator")
    assert package is not None
    assert package.submodule_search_locations is not None
    path = Path(package.submodule_search_locations[0]) / "resources" / "schemas" / f"v{version}" / "schema.json"
    schema = json.loads(path.read_text())
    yield from (("OpenAPI Object", field) for field in schema["properties"])
    definitions = schema.get("$defs") or schema["definitions"]
    names = OBJECTS_OF_3_0 if version == "3.0" else OBJECTS
    for name, described in definitions.items():
        if name in names:
            yield from ((f"{names[name]} Object", field) for field in fields_in(described))


def fields_in(schema: Any) -> Iterator[str]:
    """The names of properties, wherever a schema of the specification speaks of the same object."""
    if isinstance(schema, dict):
        yield from (name for name in schema.get("properties", ()) if isinstance(schema["properties"], dict))
        for keyword in ("$defs", "dependentSchemas"):
            for below in (schema.get(keyword) or {}).values():
                yield from fields_in(below)
        for keyword in ("then", "else"):
            yield from fields_in(schema.get(keyword))
        for keyword in ("allOf", "anyOf", "oneOf"):
            for below in schema.get(keyword) or ():
                yield from fields_in(below)


def keywords_of_json_schema() -> set[str]:
    """Every keyword of JSON Schema 2020-12, by its own vocabularies, and those that OpenAPI adds."""
    base = "https://json-schema.org/draft/2020-12/"
    metaschemas = [REGISTRY.contents(f"{base}schema")]
    names = ("core", "applicator", "unevaluated", "validation", "format-annotation", "content", "meta-data")
    metaschemas += [REGISTRY.contents(f"{base}meta/{name}") for name in names]
    found: set[str] = set().union(*(metaschema["properties"] for metaschema in metaschemas))
    return found | {"discriminator", "xml", "externalDocs", "example"}


def test_the_table_has_no_gap() -> None:
    """Each field of OpenAPI 3.0, 3.1 and 3.2 and each keyword of JSON Schema 2020-12 has its rule."""
    wanted = [pair for version in ("3.0", "3.1", "3.2") for pair in fields_of_specification(version)]
    assert len(set(wanted)) > 150
    flow_names = FIELDS["OAuth Flow Object"].keys() | FIELDS["OAuth Flows Object"].keys()
    missing = {
        (thing, field)
        for thing, field in wanted
        if field not in FIELDS[thing] and not (thing == "OAuth Flows Object" and field in flow_names)
    }
    assert not missing
    assert keywords_of_json_schema() <= FIELDS["Schema Object"].keys()


def test_a_document_with_everything_is_explained_wholly(tmp_path: Path) -> None:
    """A document that uses every field and keyword of 3.1 is valid, and each of them has a line."""
    assert not check(load(written(tmp_path, DOCUMENT)))
    said = {line.what for line in explain(load(written(tmp_path, DOCUMENT)))}
    flow_names = FIELDS["OAuth Flow Object"].keys()
    for thing, field in fields_of_specification("3.1"):
        holder = "OAuth Flow Object" if thing == "OAuth Flows Object" and field in flow_names else thing
        # `url` stands in for `identifier` in one license, `content` for `schema`.
        assert f"{holder}: {field}" in said or (holder, field) == ("License Object", "url"), (holder, field)
    for keyword in keywords_of_json_schema() - {"$ref", "$dynamicRef"}:
        assert f"Schema Object: {keyword}" in said
    for thing in FIELDS:
        assert any(what.startswith(f"{thing}: ") for what in said) or thing == "Responses Object"


NAMED: Final = {
    "schemas", "responses", "parameters", "examples", "requestBodies", "headers", "links", "callbacks", "pathItems",
    "webhooks", "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies",
}  # fmt: skip
"""Fields whose members' names are the document's own: the objects behind them are explained."""

VALUES: Final = {
    "default", "example", "value", "enum", "const", "scopes", "mapping", "$vocabulary", "dependentRequired", "body",
}  # fmt: skip
"""Fields that hold values, not objects of the specification."""


def unsaid(value: Any, said: set[str], pointer: str = "", holder: str = "") -> Iterator[str]:
    """Every member of a document, by its pointer, that has no line though it is a field."""
    if isinstance(value, dict):
        for name, item in value.items():
            here = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if here not in said and holder not in NAMED:
                yield here
            is_link = holder == "links" or "/links/" in pointer
            if name not in VALUES and not name.startswith("x-") and not (is_link and name == "parameters"):
                yield from unsaid(item, said, here, name if holder not in NAMED else "")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unsaid(item, said, f"{pointer}/{index}")


def test_every_member_has_a_line(tmp_path: Path) -> None:
    """Whatever stands in the document by its JSON Pointer, extensions and unknown keywords too, is in the list."""
    document = {**DOCUMENT, "unknown": 1}
    lines = explain(load(written(tmp_path, document)))
    assert not list(unsaid(document, {line.pointer for line in lines}))
    assert all(line.note for line in lines)
    assert {line.verdict for line in lines} == {"enforced", "annotation", "not followed"}


def test_no_place_is_explained_twice(tmp_path: Path) -> None:
    """A pointer has one verdict."""
    lines = explain(load(written(tmp_path, DOCUMENT)))
    verdicts: dict[str, set[str]] = {}
    for line in lines:
        verdicts.setdefault(line.pointer, set()).add(line.what)
    assert {pointer: whats for pointer, whats in verdicts.items() if len(whats) > 1} == {}
    assert len(lines) == len(verdicts)


# ---- the verdicts are true -------------------------------------------------------------------------------------------

ENFORCED: Final[list[tuple[str, Any, Any, Any]]] = [
    ("type", {"type": "string"}, "a", 1),
    ("enum", {"enum": [1]}, 1, 2),
    ("const", {"const": 1}, 1, 2),
    ("multipleOf", {"multipleOf": 2}, 2, 3),
    ("maximum", {"maximum": 2}, 2, 3),
    ("exclusiveMaximum", {"exclusiveMaximum": 2}, 1, 2),
    ("minimum", {"minimum": 2}, 2, 1),
    ("exclusiveMinimum", {"exclusiveMinimum": 2}, 3, 2),
    ("maxLength", {"maxLength": 1}, "a", "ab"),
    ("minLength", {"minLength": 1}, "a", ""),
    ("pattern", {"pattern": "^a"}, "a", "b"),
    ("maxItems", {"maxItems": 1}, [1], [1, 2]),
    ("minItems", {"minItems": 1}, [1], []),
    ("uniqueItems", {"uniqueItems": True}, [1], [1, 1]),
    ("maxContains", {"contains": True, "maxContains": 1}, [1], [1, 2]),
    ("minContains", {"contains": True, "minContains": 2}, [1, 2], [1]),
    ("maxProperties", {"maxProperties": 0}, {}, {"a": 1}),
    ("minProperties", {"minProperties": 1}, {"a": 1}, {}),
    ("required", {"required": ["a"]}, {"a": 1}, {}),
    ("dependentRequired", {"dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
    ("dependencies", {"dependencies": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
    ("dependencies", {"dependencies": {"a": {"required": ["b"]}}}, {"a": 1, "b": 1}, {"a": 1}),
    ("allOf", {"allOf": [False]}, None, 1),
    ("anyOf", {"anyOf": [{"const": 1}]}, 1, 2),
    ("oneOf", {"oneOf": [{"const": 1}]}, 1, 2),
    ("not", {"not": {"const": 1}}, 2, 1),
    ("if", {"if": {"const": 1}, "then": False}, 2, 1),
    ("then", {"if": {"const": 1}, "then": False}, 2, 1),
    ("else", {"if": {"const": 1}, "else": False}, 1, 2),
    ("dependentSchemas", {"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1, "b": 1}, {"a": 1}),
    ("prefixItems", {"prefixItems": [{"const": 1}]}, [1], [2]),
    ("items", {"items": {"const": 1}}, [1], [2]),
    ("contains", {"contains": {"const": 1}}, [1], [2]),
    ("properties", {"properties": {"a": {"const": 1}}}, {"a": 1}, {"a": 2}),
    ("patternProperties", {"patternProperties": {"^a": {"const": 1}}}, {"a": 1}, {"a": 2}),
    ("additionalProperties", {"additionalProperties": False}, {}, {"a": 2}),
    ("propertyNames", {"propertyNames": {"const": "a"}}, {"a": 1}, {"b": 2}),
    ("unevaluatedItems", {"unevaluatedItems": False}, [], [2]),
    ("unevaluatedProperties", {"unevaluatedProperties": False}, {}, {"b": 2}),
    ("$ref", {"$ref": "#/components/schemas/One"}, 1, 2),
    ("$id", {"$id": "https://e.org/", "$defs": {"a": {"const": 1}}, "$ref": "#/$defs/a"}, 1, 2),
    ("$anchor", {"$ref": "#one", "$anchor": "unused"}, 1, 2),
    ("$dynamicRef", {"$dynamicRef": "#one"}, 1, 2),
    ("format", {"format": "uuid"}, "00000000-0000-0000-0000-000000000000", "a"),
    ("properties", {"properties": {"a": {"readOnly": True}}}, {}, {"a": 1}),
]

ANNOTATIONS: Final[list[tuple[str, Any, Any]]] = [
    ("title", {"title": "t"}, 1),
    ("description", {"description": "d"}, 1),
    ("$comment", {"$comment": "d"}, 1),
    ("deprecated", {"deprecated": True}, 1),
    ("examples", {"examples": [2]}, 1),
    ("example", {"example": 2}, 1),
    ("default", {"default": 2}, 1),
    ("contentEncoding", {"contentEncoding": "base64"}, "!"),
    ("contentMediaType", {"contentMediaType": "application/json"}, "{"),
    ("contentSchema", {"contentMediaType": "application/json", "contentSchema": {"type": "object"}}, "[]"),
    ("contentSchema/type", {"contentSchema": {"type": "object"}}, "[]"),
    ("discriminator", {"discriminator": {"propertyName": "a", "mapping": {"x": "y"}}}, {"a": 1}),
    ("discriminator/propertyName", {"discriminator": {"propertyName": "a"}}, {}),
    ("$defs", {"$defs": {"a": False}}, 1),
    ("$defs/a/type", {"$defs": {"a": {"type": "string"}}}, 1),
    ("$vocabulary", {"$vocabulary": {"https://e.org/unknown": False}}, 1),
    ("format", {"format": "int32"}, 2**40),
    ("format", {"format": "password"}, "a"),
    ("if", {"if": False}, 1),
    ("then", {"then": False}, 1),
    ("else", {"else": False}, 1),
    ("then/type", {"then": {"type": "string"}}, 1),
    ("minContains", {"minContains": 9}, [1]),
    ("maxContains", {"maxContains": 0}, [1]),
    ("readOnly", {"readOnly": True}, 1),
    ("writeOnly", {"writeOnly": True}, 1),
    ("properties/a/writeOnly", {"properties": {"a": {"writeOnly": True}}}, {"a": 1}),
    ("properties/a/readOnly", {"properties": {"a": {"readOnly": False}}}, {"a": 1}),
    ("unknown", {"unknown": 1}, 1),
    ("x-y", {"x-y": 1}, 1),
]

NOT_FOLLOWED: Final[list[tuple[str, Any, Any]]] = [
    ("xml", {"xml": {"name": "a"}}, 1),
    ("xml/name", {"xml": {"name": "a"}}, 1),
    ("nullable", {"type": "integer", "nullable": False}, 1),
    ("additionalItems", {"prefixItems": [True], "additionalItems": False}, [1, 2]),
    ("$recursiveRef", {"$recursiveRef": "#/properties/a", "properties": {"a": {"type": "string"}}}, 1),
    ("disallow", {"disallow": "integer"}, 1),
    ("divisibleBy", {"divisibleBy": 2}, 1),
    ("extends", {"extends": {"type": "string"}}, 1),
]

COMPONENTS: Final = {"schemas": {"One": {"const": 1, "$anchor": "one", "$dynamicAnchor": "one"}}}


def judged(folder: Path, schema: Any, keyword: str, version: str = "3.1.0") -> tuple[Any, Explained]:
    """The compiled schema of a body, and what is said of a keyword in it."""
    document = one_operation(schema, version)
    if version != "3.0.3":
        document["components"] = COMPONENTS
    path = written(folder, document)
    compiled = compile_contract(load(path)).operations["op"].body
    assert compiled is not None
    return compiled.content.entries[0].schema, lines_of(folder, document)[f"{BODY}/{keyword}"]


@pytest.mark.parametrize(("keyword", "schema", "good", "bad"), ENFORCED, ids=str)
def test_enforced_refuses(tmp_path: Path, keyword: str, schema: Any, good: Any, bad: Any) -> None:
    """What is called enforced really refuses a value, and only the one that breaks it."""
    compiled, line = judged(tmp_path, schema, keyword)
    assert line.verdict == "enforced"
    assert not compiled.is_valid(bad)
    assert compiled.is_valid(good) or keyword == "allOf"


@pytest.mark.parametrize(("keyword", "schema", "value"), ANNOTATIONS, ids=str)
def test_annotation_refuses_nothing(tmp_path: Path, keyword: str, schema: Any, value: Any) -> None:
    """What is called an annotation refuses no value."""
    compiled, line = judged(tmp_path, schema, keyword)
    assert line.verdict == "annotation"
    assert compiled.is_valid(value)


@pytest.mark.parametrize(("keyword", "schema", "value"), NOT_FOLLOWED, ids=str)
def test_not_followed_does_nothing(tmp_path: Path, keyword: str, schema: Any, value: Any) -> None:
    """What is called not followed does nothing, though its author may think that it does."""
    compiled, line = judged(tmp_path, schema, keyword)
    assert line.verdict == "not followed"
    assert compiled.is_valid(value)


def test_every_format_of_json_schema_is_asserted() -> None:
    """The formats of JSON Schema 2020-12 are asserted; those of OpenAPI's registry are annotations."""
    formats = (
        "date", "time", "date-time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6",
        "uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer",
        "relative-json-pointer", "regex",
    )  # fmt: skip
    assert all(map(asserts_format, formats))
    assert not any(map(asserts_format, ("int32", "int64", "float", "double", "byte", "binary", "password", "color")))


def test_keywords_of_3_0(tmp_path: Path) -> None:
    """Under 3.0 its own keywords count, and those of JSON Schema that it does not have do not."""
    schema = {"type": "integer", "nullable": True, "minimum": 1, "exclusiveMinimum": True}
    compiled, line = judged(tmp_path, schema, "nullable", "3.0.3")
    assert line.verdict == "enforced"
    assert compiled.is_valid(None)
    compiled, line = judged(tmp_path, schema, "exclusiveMinimum", "3.0.3")
    assert line.verdict == "enforced"
    assert not compiled.is_valid(1)
    compiled, line = judged(tmp_path, {"const": 1}, "const", "3.0.3")
    assert (line.verdict, line.note) == ("not followed", "refused at start: no keyword of OpenAPI 3.0")
    assert check(load(written(tmp_path, one_operation({"const": 1}, "3.0.3"))))
    beside = {"allOf": [{"$ref": f"#{BODY}/not", "maximum": 1}], "not": {"type": "string"}}
    compiled, line = judged(tmp_path, beside, "allOf/0/maximum", "3.0.3")
    assert line.verdict == "annotation"


def test_a_default_is_filled_in_where_that_is_said(tmp_path: Path) -> None:
    """`default` is enforced exactly where a request that leaves it out gets it, and refused where its schema does."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"default": 1, "type": "integer"}, "b": {"items": {"default": 2}}},
        "additionalProperties": {"properties": {"c": {"default": 3}}},
    }
    compiled, line = judged(tmp_path, schema, "properties/a/default")
    assert line.verdict == "enforced"
    assert compiled.complete({"d": {}}) == {"a": 1, "d": {}}
    assert judged(tmp_path, schema, "properties/b/items/default")[1].verdict == "annotation"
    assert judged(tmp_path, schema, "additionalProperties/properties/c/default")[1].verdict == "annotation"
    schema["properties"]["a"]["default"] = "no integer"
    assert check(load(written(tmp_path, one_operation(schema))))


# ---- what stands around schemas --------------------------------------------------------------------------------------


def called(folder: Path, document: Any, *, returns: Any = None, **request: Any) -> httpx.Response:
    """What the service of a document answers, whose one function gives back what it got."""

    async def op(**arguments: Any) -> Any:
        arguments.pop("request")
        return returns if returns is not None else Answer(arguments)

    contract: Contract = compile_contract(load(written(folder, document)))
    bound = {
        name: Bound(
            each.operation,
            op,
            None,
            takes_body=each.operation.body is not None,
            takes_request=True,
            arguments=each.arguments,
        )
        for name, each in bind(contract, None).items()
    }
    app = build_app(contract, bound)

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(request.pop("method", "POST"), request.pop("path", "/op"), **request)

    return asyncio.run(call())


def parameters(*described: Any, **fields: Any) -> dict[str, Any]:
    """A document whose operation takes parameters, and answers any JSON."""
    answer = {"200": {"description": "d", "content": {"application/json": {}}}}
    return one_operation(parameters=list(described), **{"responses": answer, **fields})


@pytest.mark.parametrize("name", ["Accept", "Content-Type", "Authorization"])
def test_a_header_that_the_specification_has_ignored_is_read(tmp_path: Path, name: str) -> None:
    """Parameters named Accept, Content-Type and Authorization are enforced, as is said."""
    document = parameters({"name": name, "in": "header", "required": True, "schema": {"const": "right"}})
    line = lines_of(tmp_path, document)[f"{OPERATION_AT}/parameters/0/name"]
    assert line.verdict == "enforced"
    assert "ignored" in line.note
    assert called(tmp_path, document, headers={name: "wrong"}).status_code == 422
    assert called(tmp_path, document, headers={name: "right"}).status_code == 200


def test_parameters(tmp_path: Path) -> None:
    """`style` is enforced; `allowEmptyValue` is not followed; `allowReserved` is an annotation."""
    document = parameters(
        {"name": "a", "in": "query", "schema": {"type": "array"}, "style": "pipeDelimited", "explode": False},
        {"name": "b", "in": "query", "schema": {"type": "integer"}, "allowEmptyValue": True, "allowReserved": False},
        {"name": "c", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        {"name": "d", "in": "query", "content": {"application/json": {}}, "required": True},
    )
    lines = lines_of(tmp_path, document)
    at = f"{OPERATION_AT}/parameters"
    assert lines[f"{at}/0/style"].verdict == lines[f"{at}/0/explode"].verdict == "enforced"
    assert called(tmp_path, document, params={"a": "x|y", "d": "1"}).json()["a"] == ["x", "y"]
    assert lines[f"{at}/1/allowEmptyValue"].verdict == "not followed"
    assert called(tmp_path, document, params={"b": ""}).status_code == 422
    assert lines[f"{at}/1/allowReserved"].verdict == "annotation"
    assert lines[f"{at}/2/content/application~1json"].verdict == "enforced"
    assert lines[f"{at}/2/content/application~1json/schema/type"].verdict == "enforced"
    assert called(tmp_path, document, params={"c": "[]", "d": "1"}).status_code == 422
    assert lines[f"{at}/3/content/application~1json"].verdict == "enforced"
    assert called(tmp_path, document, params={"d": "{"}).status_code == 422
    assert called(tmp_path, document).status_code == 422


def test_media_types_of_requests(tmp_path: Path) -> None:
    """JSON, forms and text are read; XML is not followed: its schema sees a text."""
    names = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "image/png")
    content: dict[str, Any] = {name: {} for name in names}
    content["application/xml"] = {"schema": {"type": "object"}}
    document = one_operation(requestBody={"content": content})
    lines = lines_of(tmp_path, document)
    at = f"{OPERATION_AT}/requestBody/content"
    assert {lines[f"{at}/{name.replace('/', '~1')}"].verdict for name in names} == {"enforced"}
    assert lines[f"{at}/application~1xml"].verdict == "not followed"
    sent = {"content": b"<a/>", "headers": {"Content-Type": "application/xml"}}
    assert called(tmp_path, document, **sent).status_code == 422
    assert called(tmp_path, document, content=b"x", headers={"Content-Type": "image/gif"}).status_code == 415


def test_encodings(tmp_path: Path) -> None:
    """`style` counts in forms, `contentType` in multipart bodies and there for JSON only, `headers` nowhere."""
    schema = {"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "string"}}}
    styled = {"a": {"style": "pipeDelimited", "explode": False, "contentType": "text/plain"}}
    typed = {"a": {"style": "form"}, "b": {"contentType": "application/json", "headers": {"X": {"schema": TEXT}}}}
    typed["c"] = {"contentType": "image/png"}
    content = {
        "application/x-www-form-urlencoded": {"schema": schema, "encoding": styled},
        "multipart/form-data": {"schema": schema, "encoding": typed},
        "application/json": {"schema": schema, "encoding": styled},
    }
    document = parameters(requestBody={"content": content})
    lines = lines_of(tmp_path, document)
    form, parts, other = (f"{OPERATION_AT}/requestBody/content/{name.replace('/', '~1')}/encoding" for name in content)
    assert lines[f"{form}/a/style"].verdict == "enforced"
    assert called(tmp_path, document, data={"a": "x|y"}).json()["body"] == {"a": ["x", "y"]}
    assert lines[f"{form}/a/contentType"].verdict == "not followed"
    assert lines[f"{parts}/a/style"].verdict == "not followed"
    assert lines[f"{parts}/b/contentType"].verdict == "enforced"
    assert called(tmp_path, document, files={"b": (None, '"text"')}).json()["body"] == {"b": "text"}
    assert lines[f"{parts}/b/headers"].verdict == lines[f"{parts}/b/headers/X/schema/type"].verdict == "not followed"
    assert lines[f"{parts}/c/contentType"].verdict == "not followed"
    assert called(tmp_path, document, files={"c": (None, "no image")}).status_code == 200
    assert lines[other].verdict == lines[f"{other}/a/style"].verdict == "annotation"


def test_the_default_of_a_body(tmp_path: Path) -> None:
    """A body's own default is filled in where the body may be absent, and only there."""
    for required in (True, False):
        body = {"required": required, "content": {"application/json": {"schema": {"default": [1]}}}}
        document = parameters(requestBody=body)
        assert lines_of(tmp_path, document)[f"{BODY}/default"].verdict == ("annotation" if required else "enforced")
        assert called(tmp_path, document).status_code == (422 if required else 200)
    assert called(tmp_path, document).json()["body"] == [1]


def test_answers(tmp_path: Path) -> None:
    """The answer's one media type is judged; other media types and the values of headers are not."""
    described = {
        "description": "d",
        "headers": {"X-A": {"schema": {"type": "integer"}, "required": True}, "X-B": {"schema": {"const": "b"}}},
        "content": {"text/plain": {"schema": {"const": "no"}}, "application/json": {"schema": {"const": 1}}},
    }
    document = one_operation(responses={"200": described})
    lines = lines_of(tmp_path, document)
    at = f"{OPERATION_AT}/responses/200"
    assert lines[f"{at}/content/application~1json/schema/const"].verdict == "enforced"
    assert lines[f"{at}/content/text~1plain"].verdict == "not followed"
    assert lines[f"{at}/content/text~1plain/schema/const"].verdict == "not followed"
    assert lines[f"{at}/headers/X-A/required"].verdict == "enforced"
    assert lines[f"{at}/headers/X-A/schema/type"].verdict == "not followed"
    assert lines[f"{at}/headers/X-B/schema/const"].verdict == "enforced"
    fine = called(tmp_path, document, returns=Answer(1, headers={"X-A": "no integer"}))
    assert (fine.status_code, fine.headers["X-B"]) == (200, "b")
    assert called(tmp_path, document, returns=Answer(2, headers={"X-A": "1"})).status_code == 500
    assert called(tmp_path, document, returns=Answer(1)).status_code == 500


def test_servers(tmp_path: Path) -> None:
    """The first server's path is the base path; no other server changes anything."""
    document = {**one_operation(servers=[{"url": "/other"}]), "servers": [{"url": "/base"}, {"url": "/second"}]}
    lines = lines_of(tmp_path, document)
    assert lines["/servers/0/url"].verdict == "enforced"
    assert lines["/servers/1/url"].verdict == "not followed"
    assert lines[f"{OPERATION_AT}/servers"].verdict == lines[f"{OPERATION_AT}/servers/0/url"].verdict == "not followed"
    found = [called(tmp_path, document, path=path).status_code for path in ("/base/op", "/second/op", "/other/op")]
    assert found == [200, 404, 404]


def test_what_is_not_served_is_not_called_enforced(tmp_path: Path) -> None:
    """Below webhooks and callbacks nothing is followed; a component that nothing refers to constrains nothing."""
    lines = lines_of(tmp_path, DOCUMENT)
    assert not [
        line
        for pointer, line in lines.items()
        if line.verdict == "enforced" and ("/callbacks/" in pointer or pointer.startswith("/webhooks/"))
    ]
    assert lines["/components/schemas/Unused/type"].verdict == "annotation"
    assert lines["/components/securitySchemes/unused/scheme"].verdict == "annotation"
    assert lines["/components/securitySchemes/key"].verdict == "enforced"
    assert lines["/components/securitySchemes/tls/type"].verdict == "not followed"


@pytest.mark.parametrize("scheme", [{"type": "mutualTLS"}, {"type": "http", "scheme": "digest"}], ids=str)
def test_a_scheme_that_is_not_followed_is_refused(tmp_path: Path, scheme: Any) -> None:
    """A security scheme that is not followed lets nobody in: demanded, it stops the start."""
    document = {**one_operation(security=[{"s": []}]), "components": {"securitySchemes": {"s": scheme}}}
    line = lines_of(tmp_path, document)["/components/securitySchemes/s/type"]
    assert line.verdict == "not followed"
    assert line.note.startswith("refused at start")
    with pytest.raises(DocumentError):
        called(tmp_path, document)


def test_references_are_followed_wherever_they_lead(tmp_path: Path) -> None:
    """What other files, anchors and `$id`s lead to is explained as what it is used for."""
    other = {"S": {"type": "string", "default": "a"}, "P": {"name": "p", "in": "query", "schema": {"$ref": "#/S"}}}
    written(tmp_path, other, "other.json")
    document = parameters({"$ref": "other.json#/P"}, requestBody={"$ref": "#/components/requestBodies/B"})
    schemas = {
        "A": {"$anchor": "a", "type": "string"},
        "I": {"$id": "https://e.org/i", "$defs": {"x": {"type": "string"}}, "properties": {"m": {"$ref": "#/$defs/x"}}},
        "Both": {"anyOf": [{"$ref": "#a"}, {"$ref": "https://e.org/i"}]},
    }
    bodies = {"B": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Both"}}}}}
    document["components"] = {"schemas": schemas, "requestBodies": bodies}
    lines = lines_of(tmp_path, document)
    assert lines["other.json#/P/name"].verdict == "enforced"
    assert lines["other.json#/S/default"].verdict == "enforced"
    assert lines["/components/schemas/A/type"].verdict == "enforced"
    assert lines["/components/schemas/I/$defs/x/type"].verdict == "enforced"


def test_another_dialect_is_not_followed(tmp_path: Path) -> None:
    """`jsonSchemaDialect` is followed where it says what is done anyway."""
    document = {**one_operation(), "jsonSchemaDialect": "https://json-schema.org/draft/2019-09/schema"}
    assert lines_of(tmp_path, document)["/jsonSchemaDialect"].verdict == "not followed"
    assert lines_of(tmp_path, DOCUMENT)["/jsonSchemaDialect"].verdict == "enforced"


@pytest.mark.parametrize(
    "broken", [{"paths": []}, {"paths": {"/a": None}}, {"components": {"schemas": {"a": 1}}}], ids=str
)
def test_a_document_out_of_shape_is_explained_too(tmp_path: Path, broken: Any) -> None:
    """What is no object where one belongs is named, not stumbled over."""
    lines = explain(load(written(tmp_path, {**one_operation(), **broken})))
    assert any(line.note.startswith("refused at start") for line in lines)


# ---- the documentation -----------------------------------------------------------------------------------------------


def rows_of(text: str) -> dict[tuple[str, str], tuple[str, str]]:
    """The rows of the documentation's tables: by object and field, the outcome and the words."""
    rows = {}
    for section in text.split("\n## ")[1:]:
        thing, *lines = section.splitlines()
        for line in lines:
            if line.startswith("| `"):
                field, outcome, note = (cell.strip() for cell in line.strip("|").split(" | "))
                rows[thing, field.strip("`")] = outcome, note
    return rows


def test_the_documentation_is_in_step() -> None:
    """`docs/openapi.md` says of each field exactly what `imtegrate check --explain` goes by."""
    expected: Mapping[tuple[str, str], tuple[str, str]] = {
        (thing, field): (rule.outcome, rule.note.removeprefix("refused at start: "))
        for thing, fields in FIELDS.items()
        for field, rule in fields.items()
    }
    assert rows_of((ROOT / "docs" / "openapi.md").read_text()) == expected
