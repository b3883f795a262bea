"""Every edit counts: one row an edit of the published document, and what must then be seen over HTTP.

The service runs all the while, as `imtegrate dev`; nothing but the document is touched.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from editing import DOCUMENT, Edited, Operation
from running import running

POST = "/paths/~1v1~1api-keys/post"
CREATE = "/components/schemas/ApiKeyCreate"
CREATED = "/components/schemas/ApiKeyCreated"
INTEGER = {"type": "integer"}
CAT, DOG = (
    {
        "title": kind.title(),
        "type": "object",
        "properties": {"kind": {"const": kind}, "m": INTEGER},
        "required": ["kind", "m"],
    }
    for kind in ("cat", "dog")
)


@dataclass
class Seen:
    """One request, and what must be seen of its answer."""

    status: int
    body: Any = None
    errors: list[tuple[list[Any], str]] | None = None
    """`loc` and `type` of each error, in order."""
    holds: dict[str, Any] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    path: str = "/v1/api-keys"
    method: str = "POST"
    send: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the request."""

    def check(self, client: httpx.Client) -> None:
        """Send it, and look."""
        arguments = dict(self.send)
        if self.body is not None:
            arguments["json"] = self.body
        answer = client.request(self.method, self.path, **arguments)
        assert answer.status_code == self.status, answer.text
        if self.errors is not None:
            assert [(error["loc"], error["type"]) for error in answer.json()["detail"]] == self.errors
        for name, value in self.holds.items():
            assert answer.json()[name] == value, answer.text
        for name in self.lacks:
            assert name not in answer.json(), answer.text
        for name, value in self.headers.items():
            assert answer.headers[name] == value


def ok(body: Any = None, **more: Any) -> Seen:
    """A key is made."""
    return Seen(201, body if body is not None or "send" in more else {"name": "key"}, **more)


def refused(body: Any, *errors: tuple[list[Any], str], **more: Any) -> Seen:
    """The document refuses the request, for these reasons."""
    return Seen(422, body, list(errors), **more)


def prop(name: str, schema: Any) -> Operation:
    """A member added to `ApiKeyCreate`."""
    return ("add", f"{CREATE}/properties/{name}", schema)


def parameter(name: str, location: str, schema: Any, **more: Any) -> Operation:
    """A parameter added to the operation."""
    return ("add", f"{POST}/parameters/-", {"name": name, "in": location, "schema": schema, **more})


def query(text: str) -> dict[str, Any]:
    """A request with a query."""
    return {"path": f"/v1/api-keys?{text}"}


def typed(media_type: str, content: bytes = b"text") -> dict[str, Any]:
    """A request with a body of this media type."""
    return {"content": content, "headers": {"Content-Type": media_type}}


def at(*loc: Any) -> list[Any]:
    """Where in the body."""
    return ["body", *loc]


ROWS: dict[str, tuple[list[Operation], list[Seen]]] = {
    "unedited": ([], [ok(), refused({}, (at("name"), "missing"))]),
    # ---- keywords of the body's schema
    "maxLength": (
        [("replace", f"{CREATE}/properties/name/maxLength", 3)],
        [ok({"name": "abc"}), refused({"name": "abcd"}, (at("name"), "string_too_long"))],
    ),
    "minLength": (
        [("replace", f"{CREATE}/properties/name/minLength", 5)],
        [refused({"name": "abcd"}, (at("name"), "string_too_short"))],
    ),
    "pattern": (
        [("replace", f"{CREATE}/properties/env/pattern", "^(test|live|staging)$")],
        [
            ok({"name": "ab", "env": "staging"}),
            refused({"name": "ab", "env": "x"}, (at("env"), "string_pattern_mismatch")),
        ],
    ),
    "enum": (
        [("add", f"{CREATE}/properties/env/enum", ["test"])],
        [ok(), refused({"name": "ab", "env": "live"}, (at("env"), "literal_error"))],
    ),
    "const": (
        [("add", f"{CREATE}/properties/name/const", "only")],
        [ok({"name": "only"}), refused({"name": "other"}, (at("name"), "literal_error"))],
    ),
    "required": (
        [("replace", f"{CREATE}/required", ["name", "scopes"])],
        [refused({}, (at("name"), "missing"), (at("scopes"), "missing"))],
    ),
    "not required": (
        [("remove", f"{CREATE}/required")],
        [ok({}, holds={"name": ""})],
    ),
    "default": (
        [("replace", f"{CREATE}/properties/env/default", "live")],
        [Seen(201, {"name": "ab"}, holds={"name": "ab"}), ok(holds={"scopes": []})],
    ),
    "default of scopes": (
        [("add", f"{CREATE}/properties/scopes/default", ["reports:read"])],
        [ok(holds={"scopes": ["reports:read"]}), ok({"name": "ab", "scopes": []}, holds={"scopes": []})],
    ),
    "deep default": (
        [
            prop(
                "limits", {"type": "object", "default": {}, "properties": {"rate": {"type": "integer", "default": 9}}}
            ),
            ("add", f"{CREATED}/properties/limits", {"type": "object"}),
        ],
        [ok(holds={"limits": {"rate": 9}}), ok({"name": "ab", "limits": {"rate": 1}}, holds={"limits": {"rate": 1}})],
    ),
    "default of the whole body": (
        [("replace", f"{POST}/requestBody/required", False), ("add", f"{CREATE}/default", {"name": "nobody"})],
        [Seen(201, holds={"name": "nobody", "scopes": []})],
    ),
    "additionalProperties": (
        [("add", f"{CREATE}/additionalProperties", False)],
        [refused({"name": "ab", "b": 1, "a": 2}, (at("b"), "extra_forbidden"), (at("a"), "extra_forbidden"))],
    ),
    "unevaluatedProperties": (
        [("add", f"{CREATE}/unevaluatedProperties", False)],
        [refused({"name": "ab", "more": 1}, (at("more"), "extra_forbidden")), ok()],
    ),
    "maxItems": (
        [("add", f"{CREATE}/properties/scopes/maxItems", 1)],
        [refused({"name": "ab", "scopes": ["a", "b"]}, (at("scopes"), "too_long"))],
    ),
    "uniqueItems": (
        [("add", f"{CREATE}/properties/scopes/uniqueItems", True)],
        [refused({"name": "ab", "scopes": ["a", "a"]}, (at("scopes"), "unique_items"))],
    ),
    "prefixItems": (
        [("add", f"{CREATE}/properties/scopes/prefixItems", [{"const": "first"}])],
        [
            ok({"name": "ab", "scopes": ["first", "b"]}),
            refused({"name": "ab", "scopes": ["b"]}, (at("scopes", 0), "literal_error")),
        ],
    ),
    "contains": (
        [("add", f"{CREATE}/properties/scopes/contains", {"const": "base"})],
        [refused({"name": "ab", "scopes": ["b"]}, (at("scopes"), "contains"))],
    ),
    "dependentRequired": (
        [("add", f"{CREATE}/dependentRequired", {"env": ["scopes"]})],
        [ok(), refused({"name": "ab", "env": "live"}, (at("scopes"), "missing"))],
    ),
    "if, then": (
        [
            ("add", f"{CREATE}/if", {"properties": {"env": {"const": "live"}}, "required": ["env"]}),
            ("add", f"{CREATE}/then", {"required": ["scopes"]}),
        ],
        [ok(), refused({"name": "ab", "env": "live"}, (at("scopes"), "missing"))],
    ),
    "not": (
        [("add", f"{CREATE}/properties/name/not", {"const": "root"})],
        [ok(), refused({"name": "root"}, (at("name"), "not"))],
    ),
    "minProperties": (
        [("add", f"{CREATE}/minProperties", 2)],
        [refused({"name": "ab"}, (at(), "too_short"))],
    ),
    "propertyNames": (
        [("add", f"{CREATE}/propertyNames", {"maxLength": 6})],
        [Seen(422, {"name": "ab", "toolongname": 1})],
    ),
    "propertyNames beside values": (
        [prop("n", {"type": "object", "propertyNames": {"minLength": 2}, "additionalProperties": {"type": "integer"}})],
        [
            refused(
                {"name": "ab", "n": {"a": "x", "bc": "y"}},
                (at("n", "a", "[key]"), "string_too_short"),
                (at("n", "a"), "int_parsing"),
                (at("n", "bc"), "int_parsing"),
            ),
        ],
    ),
    "type list": (
        [prop("limit", {"type": ["integer", "null"]}), ("add", f"{CREATED}/properties/limit", {})],
        [
            ok({"name": "ab", "limit": None}, holds={"limit": None}),
            ok({"name": "ab", "limit": 3}, holds={"limit": 3}),
            refused({"name": "ab", "limit": "x"}, (at("limit"), "int_parsing")),
        ],
    ),
    "$ref with siblings": (
        [
            ("add", "/components/schemas/Name", {"type": "string", "minLength": 2}),
            ("replace", f"{CREATE}/properties/name", {"$ref": "#/components/schemas/Name", "maxLength": 4}),
        ],
        [
            refused({"name": "abcde"}, (at("name"), "string_too_long")),
            refused({"name": "a"}, (at("name"), "string_too_short")),
        ],
    ),
    "$dynamicRef": (
        [
            (
                "add",
                "/components/schemas/Tree",
                {
                    "$id": "https://example.com/tree",
                    "$dynamicAnchor": "node",
                    "type": "object",
                    "properties": {"below": {"type": "array", "items": {"$dynamicRef": "#node"}}},
                },
            ),
            (
                "add",
                "/components/schemas/StrictTree",
                {
                    "$id": "https://example.com/strict-tree",
                    "$dynamicAnchor": "node",
                    "$ref": "tree",
                    "unevaluatedProperties": False,
                },
            ),
            prop("tree", {"$ref": "#/components/schemas/StrictTree"}),
        ],
        [
            ok({"name": "ab", "tree": {"below": [{"below": []}]}}),
            Seen(422, {"name": "ab", "tree": {"below": [{"belwo": []}]}}),
        ],
    ),
    "$id is a resource of its own": (
        [
            prop(
                "tree",
                {
                    "$id": "https://example.com/own",
                    "type": "object",
                    "properties": {"child": {"$ref": "#"}},
                    "additionalProperties": False,
                },
            )
        ],
        [
            ok({"name": "ab", "tree": {"child": {"child": {}}}}),
            refused({"name": "ab", "tree": {"child": {"x": 1}}}, (at("tree", "child", "x"), "extra_forbidden")),
        ],
    ),
    "$anchor": (
        [
            ("add", "/components/schemas/Small", {"$anchor": "small", "type": "integer", "maximum": 9}),
            prop("size", {"$ref": "#small"}),
        ],
        [ok({"name": "ab", "size": 9}), refused({"name": "ab", "size": 10}, (at("size"), "less_than_equal"))],
    ),
    "format date-time": (
        [prop("until", {"type": "string", "format": "date-time"})],
        [ok({"name": "ab", "until": "2030-01-01T00:00:00Z"}), Seen(422, {"name": "ab", "until": "tomorrow"})],
    ),
    "format uuid": (
        [prop("owner", {"type": "string", "format": "uuid"})],
        [
            ok({"name": "ab", "owner": "01a20a49-f97a-77d4-93e7-c57eae27c49a"}),
            refused({"name": "ab", "owner": "me"}, (at("owner"), "uuid_parsing")),
        ],
    ),
    "format email": (
        [prop("mail", {"type": "string", "format": "email"})],
        [ok({"name": "ab", "mail": "a@example.com"}), Seen(422, {"name": "ab", "mail": "a"})],
    ),
    "format uri": (
        [prop("home", {"type": "string", "format": "uri"})],
        [ok({"name": "ab", "home": "https://example.com"}), Seen(422, {"name": "ab", "home": "no uri"})],
    ),
    "format ipv4": (
        [prop("from", {"type": "string", "format": "ipv4"})],
        [ok({"name": "ab", "from": "192.0.2.1"}), Seen(422, {"name": "ab", "from": "192.0.2.256"})],
    ),
    "numbers": (
        [prop("rate", {"type": "number", "exclusiveMinimum": 0, "maximum": 10, "multipleOf": 0.5})],
        [
            ok({"name": "ab", "rate": 2.5}),
            refused({"name": "ab", "rate": 0}, (at("rate"), "greater_than")),
            refused({"name": "ab", "rate": 11}, (at("rate"), "less_than_equal")),
            refused({"name": "ab", "rate": 0.3}, (at("rate"), "multiple_of")),
        ],
    ),
    "anyOf": (
        [prop("who", {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 2}]})],
        [
            ok({"name": "ab", "who": 3}),
            refused(
                {"name": "ab", "who": "abc"},
                (at("who", "int"), "int_parsing"),
                (at("who", "constrained-str"), "string_too_long"),
            ),
        ],
    ),
    "oneOf": (
        [prop("n", {"oneOf": [{"type": "integer"}, {"minimum": 5}]})],
        [ok({"name": "ab", "n": 1}), refused({"name": "ab", "n": 7}, (at("n"), "one_of"))],
    ),
    "allOf": (
        [("add", f"{CREATE}/allOf", [{"required": ["env"]}])],
        [refused({"name": "ab"}, (at("env"), "missing"))],
    ),
    "boolean schema": ([prop("never", False)], [ok(), Seen(422, {"name": "ab", "never": 1})]),
    "big numbers are kept exactly": (
        [prop("n", {"type": "number"}), ("add", f"{CREATED}/properties/n", {"type": "number"})],
        [
            Seen(
                201,
                send={
                    "content": b'{"name": "ab", "n": 123456789012345678901234567890}',
                    "headers": {"Content-Type": "application/json"},
                },
                holds={"n": 123456789012345678901234567890},
            )
        ],
    ),
    # ---- members that come and go
    "a member that is kept and given back": (
        [
            prop("team", {"type": "string", "default": "core"}),
            ("add", f"{CREATED}/properties/team", {"type": "string"}),
        ],
        [ok(holds={"team": "core"}), ok({"name": "ab", "team": "ops"}, holds={"team": "ops"})],
    ),
    "a member that is only kept": (
        [prop("team", {"type": "string"})],
        [ok({"name": "ab", "team": "ops"}, lacks=("team",))],
    ),
    "a member that is no longer sent": (
        [("remove", f"{CREATED}/properties/token"), ("replace", f"{CREATED}/required", ["id"])],
        [ok(lacks=("token",))],
    ),
    "readOnly": (
        [prop("id", {"type": "string", "readOnly": True}), ("replace", f"{CREATE}/required", ["name", "id"])],
        [ok(), refused({"name": "ab", "id": "x"}, (at("id"), "extra_forbidden"))],
    ),
    "writeOnly": (
        [
            prop("hint", {"type": "string", "writeOnly": True}),
            ("add", f"{CREATED}/properties/hint", {"type": "string", "writeOnly": True}),
        ],
        [ok({"name": "ab", "hint": "x"}, lacks=("hint",))],
    ),
    # ---- paths, methods, servers
    "path": (
        [
            ("add", "/paths/~1keys", json.loads(DOCUMENT.read_text())["paths"]["/v1/api-keys"]),
            ("remove", "/paths/~1v1~1api-keys"),
        ],
        [ok(path="/keys"), Seen(404, {"name": "ab"}, [(["path"], "not_found")])],
    ),
    "method": (
        [
            ("add", "/paths/~1v1~1api-keys/put", json.loads(DOCUMENT.read_text())["paths"]["/v1/api-keys"]["post"]),
            ("remove", POST),
        ],
        [ok(method="PUT"), Seen(405, {"name": "ab"}, headers={"Allow": "PUT"})],
    ),
    "server": (
        [("add", "/servers/-", {"url": "https://example.com/base/"})],
        [ok(path="/base/v1/api-keys"), Seen(404, {})],
    ),
    "server with variables": (
        [("add", "/servers/-", {"url": "/{stage}/api", "variables": {"stage": {"default": "blue"}}})],
        [ok(path="/blue/api/v1/api-keys")],
    ),
    "path item by $ref": (
        [
            ("add", "/components/pathItems", {"Keys": json.loads(DOCUMENT.read_text())["paths"]["/v1/api-keys"]}),
            ("replace", "/paths/~1v1~1api-keys", {"$ref": "#/components/pathItems/Keys"}),
        ],
        [ok(), refused({}, (at("name"), "missing"))],
    ),
    "parameter by $ref": (
        [
            (
                "add",
                "/components/parameters",
                {"Page": {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}}},
            ),
            ("add", f"{POST}/parameters/-", {"$ref": "#/components/parameters/Page"}),
        ],
        [ok(**query("page=1")), refused({"name": "ab"}, (["query", "page"], "missing"))],
    ),
    "parameter of the path item": (
        [
            (
                "add",
                "/paths/~1v1~1api-keys/parameters",
                [{"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}}],
            )
        ],
        [refused({"name": "ab"}, (["query", "page"], "missing")), ok(**query("page=1"))],
    ),
    "path parameter": (
        [
            (
                "add",
                "/paths/~1orgs~1{org}~1keys",
                {
                    "post": {
                        **json.loads(DOCUMENT.read_text())["paths"]["/v1/api-keys"]["post"],
                        "parameters": [
                            {"name": "org", "in": "path", "required": True, "schema": {"type": ["integer", "null"]}}
                        ],
                    }
                },
            ),
            ("remove", "/paths/~1v1~1api-keys"),
        ],
        [
            ok(path="/orgs/7/keys"),
            refused({"name": "ab"}, (["path", "org"], "int_parsing"), path="/orgs/x/keys"),
            Seen(404, {"name": "ab"}, path="/orgs/7/8/keys"),
        ],
    ),
    # ---- parameters
    "required query parameter": (
        [parameter("page", "query", {"type": "integer", "minimum": 1}, required=True)],
        [
            ok(**query("page=2")),
            refused({"name": "ab"}, (["query", "page"], "missing")),
            refused({"name": "ab"}, (["query", "page"], "int_parsing"), **query("page=x")),
            refused({"name": "ab"}, (["query", "page"], "greater_than_equal"), **query("page=0")),
            refused({}, (["query", "page"], "missing"), (at("name"), "missing")),
        ],
    ),
    "query array": (
        [parameter("ids", "query", {"type": "array", "items": {"type": "integer"}, "maxItems": 2})],
        [
            ok(**query("ids=1&ids=2")),
            refused({"name": "ab"}, (["query", "ids", 1], "int_parsing"), **query("ids=1&ids=x")),
            refused({"name": "ab"}, (["query", "ids"], "too_long"), **query("ids=1&ids=2&ids=3")),
        ],
    ),
    "query array, explode false": (
        [parameter("ids", "query", {"type": "array", "items": {"type": "integer"}, "minItems": 2}, explode=False)],
        [ok(**query("ids=1,2")), refused({"name": "ab"}, (["query", "ids"], "too_short"), **query("ids=1"))],
    ),
    "spaceDelimited": (
        [
            parameter(
                "ids",
                "query",
                {"type": "array", "items": {"type": "integer"}, "minItems": 2},
                style="spaceDelimited",
                explode=False,
            )
        ],
        [ok(**query("ids=1%202"))],
    ),
    "pipeDelimited": (
        [
            parameter(
                "ids",
                "query",
                {"type": "array", "items": {"type": "integer"}, "minItems": 2},
                style="pipeDelimited",
                explode=False,
            )
        ],
        [ok(**query("ids=1|2")), ok(**query("ids=1%7C2"))],
    ),
    "deepObject": (
        [
            parameter(
                "filter",
                "query",
                {
                    "type": "object",
                    "properties": {"n": {"type": "integer"}},
                    "required": ["n"],
                    "additionalProperties": False,
                },
                style="deepObject",
            )
        ],
        [
            ok(**query("filter[n]=1")),
            ok(**query("filter%5Bn%5D=1")),
            refused({"name": "ab"}, (["query", "filter", "n"], "int_parsing"), **query("filter[n]=x")),
            refused({"name": "ab"}, (["query", "filter"], "parameter_malformed"), **query("filter[n=1")),
        ],
    ),
    "query object, explode": (
        [
            parameter(
                "at",
                "query",
                {
                    "type": "object",
                    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
                    "required": ["y"],
                },
            )
        ],
        [
            ok(**query("x=1&y=2")),
            refused({"name": "ab"}, (["query", "at", "y"], "missing"), **query("x=1")),
        ],
    ),
    "query object, explode false": (
        [parameter("at", "query", {"type": "object", "properties": {"x": {"type": "integer"}}}, explode=False)],
        [
            ok(**query("at=x,1")),
            refused({"name": "ab"}, (["query", "at"], "parameter_malformed"), **query("at=x,1,y")),
        ],
    ),
    "parameter with content": (
        [
            (
                "add",
                f"{POST}/parameters/-",
                {
                    "name": "q",
                    "in": "query",
                    "content": {"application/json": {"schema": {"type": "object", "required": ["a"]}}},
                },
            )
        ],
        [
            ok(**query("q=%7B%22a%22%3A1%7D")),
            refused({"name": "ab"}, (["query", "q", "a"], "missing"), **query("q=%7B%7D")),
            refused({"name": "ab"}, (["query", "q"], "parameter_malformed"), **query("q=%7B")),
        ],
    ),
    "header parameter": (
        [parameter("X-Trace", "header", {"type": "integer"}, required=True)],
        [
            ok({"name": "ab"}, send={"headers": {"x-trace": "7"}}),
            refused({"name": "ab"}, (["header", "X-Trace"], "missing")),
            refused({"name": "ab"}, (["header", "X-Trace"], "int_parsing"), send={"headers": {"x-trace": "a"}}),
        ],
    ),
    "header array": (
        [parameter("X-Ids", "header", {"type": "array", "items": {"type": "integer"}, "minItems": 2})],
        [
            ok({"name": "ab"}, send={"headers": {"x-ids": "1, 2"}}),
            Seen(422, {"name": "ab"}, send={"headers": {"x-ids": "1"}}),
        ],
    ),
    "cookie parameter": (
        [parameter("session", "cookie", {"type": "string", "minLength": 3}, required=True)],
        [
            ok({"name": "ab"}, send={"headers": {"cookie": "session=abc"}}),
            refused({"name": "ab"}, (["cookie", "session"], "missing")),
            refused(
                {"name": "ab"}, (["cookie", "session"], "string_too_short"), send={"headers": {"cookie": "session=a"}}
            ),
        ],
    ),
    "cookie object": (
        [
            parameter("at", "cookie", {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}),
            parameter("by", "query", {"type": "object", "properties": {"x": {"type": "boolean"}}}),
        ],
        [
            ok({"name": "ab"}, send={"headers": {"cookie": "x=1"}}),
            ok({"name": "ab"}, send={"headers": {"cookie": "x=1"}}, **query("x=true")),
            refused({"name": "ab"}, (["query", "by", "x"], "bool_parsing"), **query("x=1")),
        ],
    ),
    "boolean parameter": (
        [parameter("dry", "query", {"type": "boolean"})],
        [ok(**query("dry=true")), refused({"name": "ab"}, (["query", "dry"], "bool_parsing"), **query("dry=perhaps"))],
    ),
    # ---- media types
    "a body in vendor JSON": (
        [
            (
                "add",
                f"{POST}/requestBody/content/application~1vnd.key+json",
                {"schema": {"$ref": "#/components/schemas/ApiKeyCreate"}},
            )
        ],
        [
            ok(send={"content": b'{"name": "ab"}', "headers": {"Content-Type": "application/vnd.key+json"}}),
            Seen(415, send={"content": b"ab", "headers": {"Content-Type": "text/plain"}}),
        ],
    ),
    "a form": (
        [
            (
                "add",
                f"{POST}/requestBody/content/application~1x-www-form-urlencoded",
                {"schema": {"$ref": "#/components/schemas/ApiKeyCreate"}},
            )
        ],
        [
            ok(send={"data": {"name": "a form", "scopes": ["a", "b"]}}, holds={"name": "a form", "scopes": ["a", "b"]}),
            refused(None, (at("name"), "string_too_short"), send={"data": {"name": "a"}}),
        ],
    ),
    "form of branches": (
        [
            (
                "add",
                f"{POST}/requestBody/content/application~1x-www-form-urlencoded",
                {
                    "schema": {
                        "type": "object",
                        "oneOf": [
                            {"required": ["a"], "properties": {"a": {"type": "integer"}}},
                            {"required": ["b"], "properties": {"b": {"type": "boolean"}}},
                        ],
                        "properties": {"name": {"type": "string"}, "scopes": {"default": []}},
                        "additionalProperties": True,
                    }
                },
            )
        ],
        [
            ok(send={"data": {"name": "key", "b": "true"}}),
            ok(send={"data": {"name": "key", "a": "1"}}),
            Seen(422, send={"data": {"name": "key", "a": "x"}}),
        ],
    ),
    "form with further members": (
        [
            (
                "add",
                f"{POST}/requestBody/content/application~1x-www-form-urlencoded",
                {
                    "schema": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "env": {"type": "string"}},
                        "additionalProperties": {"type": "integer"},
                    }
                },
            )
        ],
        [
            ok(send={"data": {"name": "key", "env": "test", "more": "5"}}),
            refused(None, (at("more"), "int_parsing"), send={"data": {"name": "key", "more": "x"}}),
        ],
    ),
    "a multipart form": (
        [
            (
                "add",
                f"{POST}/requestBody/content/multipart~1form-data",
                {"schema": {"$ref": "#/components/schemas/ApiKeyCreate"}},
            )
        ],
        [
            ok(
                send={"files": [("name", (None, "parts")), ("scopes", (None, "a")), ("scopes", (None, "b"))]},
                holds={"name": "parts", "scopes": ["a", "b"]},
            ),
            Seen(422, send={"content": b"junk", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
        ],
    ),
    "text in a charset": (
        [
            ("replace", f"{POST}/requestBody/content", {"text/plain": {"schema": {"type": "string", "minLength": 9}}}),
        ],
        [
            refused(None, (at(), "string_unicode"), send=typed("text/plain; charset=undefined")),
            refused(None, (at(), "string_unicode"), send=typed("text/plain; charset=idna", b"xn--a.b")),
            refused(None, (at(), "string_unicode"), send=typed("text/plain; charset=unicode_escape", b"\\ud800")),
            refused(None, (at(), "string_too_short"), send=typed("text/plain; charset*=utf-8''utf-8")),
            Seen(201, send=typed("text/plain", b"no object at all"), holds={"name": ""}),
        ],
    ),
    "a boundary in extended notation": (
        [("replace", f"{POST}/requestBody/content", {"multipart/form-data": {"schema": {"type": "object"}}})],
        [
            Seen(201, send=typed("multipart/form-data; boundary*=utf-8''B", b"--B--\r\n")),
            Seen(422, send=typed("multipart/form-data; boundary*=utf-8''%E2%82%AC", b"--B--\r\n")),
        ],
    ),
    "a media-type range": (
        [
            (
                "add",
                f"{POST}/requestBody/content",
                {"*/*": {}, "application/json": {"schema": {"$ref": "#/components/schemas/ApiKeyCreate"}}},
            )
        ],
        [ok(), refused({}, (at("name"), "missing"))],
    ),
    "JSON under a range": (
        [
            (
                "replace",
                f"{POST}/requestBody/content",
                {"*/*": {"schema": {"$ref": "#/components/schemas/ApiKeyCreate", "default": {"name": "nobody"}}}},
            ),
            ("replace", f"{POST}/requestBody/required", False),
        ],
        [
            ok(),
            ok(send=typed("application/vnd.key+json", b'{"name": "ab"}'), holds={"name": "ab"}),
            refused({"name": "a"}, (at("name"), "string_too_short")),
            refused(None, (["body", 1], "json_invalid"), send=typed("application/json; charset=utf-8", b"{")),
            Seen(422, send=typed("application/octet-stream", b"{}")),
            Seen(201, holds={"name": "nobody"}),
        ],
    ),
    "text that stands for a number": (
        [
            (
                "add",
                "/paths/~1level",
                {
                    "put": {
                        "operationId": "put_level",
                        "requestBody": {"content": {"text/plain": {"schema": {"type": "integer", "minimum": 3}}}},
                        "responses": {"204": {"description": "Set"}},
                    }
                },
            )
        ],
        [
            Seen(501, method="PUT", path="/level", send=typed("text/plain", b"7")),
            Seen(
                422, method="PUT", path="/level", send=typed("text/plain", b"2"), errors=[(at(), "greater_than_equal")]
            ),
            Seen(422, method="PUT", path="/level", send=typed("text/plain", b"x"), errors=[(at(), "int_parsing")]),
        ],
    ),
    "an optional body": (
        [("replace", f"{POST}/requestBody/required", False)],
        [Seen(201, holds={"name": ""}), refused({}, (at("name"), "missing"))],
    ),
    # ---- answers
    "another success status": (
        [
            (
                "add",
                f"{POST}/responses/200",
                {
                    "description": "Made",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ApiKeyCreated"}}},
                },
            ),
            ("remove", f"{POST}/responses/201"),
        ],
        [Seen(200, {"name": "ab"}, holds={"name": "ab"})],
    ),
    "an answer without content": (
        [("add", f"{POST}/responses/204", {"description": "Made"}), ("remove", f"{POST}/responses/201")],
        [Seen(204, {"name": "ab"})],
    ),
    "a response header": (
        [("add", f"{POST}/responses/201/headers", {"X-Edition": {"required": True, "schema": {"const": "two"}}})],
        [ok(headers={"X-Edition": "two"})],
    ),
    "a response header of several values": (
        [("add", f"{POST}/responses/201/headers", {"X-Editions": {"schema": {"const": [1, "two"]}}})],
        [ok(headers={"X-Editions": "1,two"})],
    ),
    "an answer that breaks the document": (
        [("replace", f"{CREATED}/properties/name", {"type": "integer"})],
        [Seen(500, {"name": "ab"}, [([], "internal_server_error")])],
    ),
    "an operation nobody wrote": (
        [
            (
                "add",
                "/paths/~1pets",
                {
                    "get": {
                        "operationId": "list_pets",
                        "parameters": [{"name": "n", "in": "query", "schema": {"type": "integer"}}],
                        "responses": {"200": {"description": "Pets"}},
                    }
                },
            )
        ],
        [
            ok(),
            Seen(501, method="GET", path="/pets", errors=[(["operation", "list_pets"], "not_implemented")]),
            Seen(422, method="GET", path="/pets?n=x", errors=[(["query", "n"], "int_parsing")]),
        ],
    ),
    # ---- security
    "security": (
        [
            ("add", "/components/securitySchemes", {"bearerAuth": {"type": "http", "scheme": "bearer"}}),
            ("replace", "/security", [{"bearerAuth": []}]),
        ],
        [
            Seen(
                401,
                {"name": "ab"},
                [(["header", "Authorization"], "unauthorized")],
                headers={"WWW-Authenticate": "Bearer"},
            )
        ],
    ),
    "security of the operation wins": (
        [
            ("add", "/components/securitySchemes", {"bearerAuth": {"type": "http", "scheme": "bearer"}}),
            ("replace", "/security", [{"bearerAuth": []}]),
            ("add", f"{POST}/security", []),
        ],
        [ok()],
    ),
    "security that may be absent": (
        [
            ("add", "/components/securitySchemes", {"bearerAuth": {"type": "http", "scheme": "bearer"}}),
            ("replace", "/security", [{"bearerAuth": []}, {}]),
        ],
        [ok()],
    ),
    "a pattern that looks around has the classes of ECMA-262": (
        [("add", f"{CREATE}/properties/name/pattern", r"^(?!admin)[\w\s]+\d\b")],
        [
            ok({"name": "key\ufeff1"}),
            refused({"name": "admin1"}, (["body", "name"], "string_pattern_mismatch")),
            refused({"name": "n\u00e91"}, (["body", "name"], "string_pattern_mismatch")),
            refused({"name": "key\u0663"}, (["body", "name"], "string_pattern_mismatch")),
            refused({"name": "key\u00851"}, (["body", "name"], "string_pattern_mismatch")),
        ],
    ),
    "opposites of classes in a pattern that refers back": (
        [("add", f"{CREATE}/properties/name/pattern", r"^([^\W_])\1[\D\S]\S\B[&~[]$")],
        [
            ok({"name": "aa \u0085["}),
            refused({"name": "ab \u0085["}, (["body", "name"], "string_pattern_mismatch")),
            refused({"name": "__ \u0085["}, (["body", "name"], "string_pattern_mismatch")),
            refused({"name": "aa \ufeff["}, (["body", "name"], "string_pattern_mismatch")),
            refused({"name": "aa a["}, (["body", "name"], "string_pattern_mismatch")),
        ],
    ),
    "a discriminator of schemas in place is no hint": (
        [("add", f"{CREATE}/properties/pet", {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "kind"}})],
        [
            ok({"name": "key", "pet": {"kind": "cat", "m": 1}}),
            Seen(
                422,
                {"name": "key", "pet": {"kind": "cat"}},
                [
                    (["body", "pet", "Cat", "m"], "missing"),
                    (["body", "pet", "Dog", "kind"], "literal_error"),
                    (["body", "pet", "Dog", "m"], "missing"),
                ],
            ),
        ],
    ),
    "members of a union that have one name": (
        [("add", f"{CREATE}/properties/n", {"anyOf": [{**INTEGER, "multipleOf": 3}, {**INTEGER, "multipleOf": 5}]})],
        [
            ok({"name": "key", "n": 10}),
            Seen(422, {"name": "key", "n": 1}, [(["body", "n", "constrained-int"], "multiple_of")] * 2),
        ],
    ),
    "a member that is demanded and not described is sent": (
        [
            ("remove", f"{CREATED}/properties/last_used_at"),
            ("remove", f"{CREATED}/properties/revoked_at"),
            ("remove", f"{CREATED}/required/6"),
        ],
        [ok(holds={"last_used_at": None}, lacks=("revoked_at",))],
    ),
    "a member that another demands is declared": (
        [
            ("remove", f"{CREATED}/properties/last_used_at"),
            ("remove", f"{CREATED}/required/5"),
            ("add", f"{CREATED}/dependentRequired", {"name": ["last_used_at"]}),
        ],
        [ok(holds={"last_used_at": None})],
    ),
    "no body": (
        [("remove", f"{POST}/requestBody")],
        [Seen(201, {"name": "ignored"}, holds={"name": "", "scopes": []}), Seen(201, holds={"name": ""})],
    ),
}


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """`imtegrate dev`, following a copy of the document."""
    folder: Path = tmp_path_factory.mktemp("edits")
    path = folder / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    with running("dev", "--spec", path, cwd=folder) as service:
        yield Edited(service, path)


@pytest.mark.parametrize("row", ROWS, ids=[name.replace(" ", "-") for name in ROWS])
def test_edit(edited: Edited, row: str) -> None:
    """With only the document edited, the running service does what the document now says."""
    operations, seen = ROWS[row]
    edited.edit(operations)
    with edited.service.client() as client:
        for one in seen:
            one.check(client)
