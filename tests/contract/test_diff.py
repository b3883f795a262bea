"""What callers are told of an edit: never that it is safe when it is not, and of what breaks, a value that shows it."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import Contract, Document, compile_contract
from contract.diff import Change, compare
from contract.raw import NotText, Raw, pairs_of
from contract.styles import MISSING, Malformed
from contract.wire import write_body, write_parameter
from editing import DOCUMENT, Operation, patched

PUBLISHED = json.loads(DOCUMENT.read_text())
POST = "/paths/~1v1~1api-keys/post"
BODY = f"{POST}/requestBody/content/application~1json/schema"
ANSWER = f"{POST}/responses/201/content/application~1json/schema"
CREATE = "/components/schemas/ApiKeyCreate"
CREATED = "/components/schemas/ApiKeyCreated"
LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
BEARER = {"b": {"type": "http", "scheme": "bearer"}}
BEARERS = {**BEARER, "c": {"type": "http", "scheme": "Bearer"}}

FLOW = "/components/securitySchemes/o/flows/clientCredentials"
AUTHORITIES = {
    name: {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": url, "scopes": {"r": "Read"}}}}
    for name, url in (("o", "https://example.com/token"), ("other", "https://example.org/token"))
}

JSON_ANSWER = PUBLISHED["paths"]["/v1/api-keys"]["post"]["responses"]["201"]
CONTENT = JSON_ANSWER["content"]["application/json"]


def contract_of(root: Any) -> Contract:
    """A document, compiled; it need not be on disk."""
    path = Path("/document.json")
    return compile_contract(Document(path, json.dumps(root).encode(), root, {path.as_uri(): root}))


def changes(old: Any, new: Any) -> list[Change]:
    """What callers notice between two documents."""
    return compare(contract_of(old), contract_of(new))


def only(contract: Contract) -> Any:
    """The one operation of a document."""
    (operation,) = contract.operations.values()
    return operation


# ---- the table -------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """An edit of the published document, and what has to be said of it."""

    name: str
    edit: list[Operation]
    severities: list[str]
    says: str = ""
    pointer: str = ""
    before: tuple[Operation, ...] = ()
    """What the old document has beside what is published."""
    shows: str = ""
    """Whose witness it is: of the body or of the answer."""


def with_parameter(**said: Any) -> Operation:
    """A parameter beside those that are published."""
    return "add", f"{POST}/parameters/-", {**LIMIT, **said}


ROWS = [
    Row("nothing", [], []),
    Row("a description", [("add", f"{POST}/description", "more words")], []),
    Row("a title", [("replace", f"{CREATE}/title", "Another")], []),
    Row("deprecation", [("add", f"{POST}/deprecated", True)], []),
    Row("an example", [("add", f"{CREATE}/examples", [{"name": "key"}])], []),
    Row(
        "a schema written where it was referred to",
        [("replace", BODY, copy.deepcopy(PUBLISHED["components"]["schemas"]["ApiKeyCreate"]))],
        [],
    ),
    Row(
        "a component renamed",
        [
            ("add", "/components/schemas/Renamed", copy.deepcopy(PUBLISHED["components"]["schemas"]["ApiKeyCreate"])),
            ("replace", f"{BODY}/$ref", "#/components/schemas/Renamed"),
        ],
        [],
    ),
    Row(
        "maxLength lowered",
        [("replace", f"{CREATE}/properties/name/maxLength", 64)],
        ["breaks"],
        "name of 65 characters was accepted and is refused",
        BODY,
        shows="body",
    ),
    Row("maxLength raised", [("replace", f"{CREATE}/properties/name/maxLength", 200)], ["safe"], "accepts all"),
    Row(
        "minLength raised", [("replace", f"{CREATE}/properties/name/minLength", 3)], ["breaks"], "name of", shows="body"
    ),
    Row(
        "a pattern narrowed",
        [
            ("replace", f"{CREATE}/properties/env/pattern", "^(live)$"),
            ("replace", f"{CREATE}/properties/env/default", "live"),
        ],
        ["breaks", "maybe"],
        'env "test" was accepted',
        BODY,
        shows="body",
    ),
    Row("a pattern widened", [("replace", f"{CREATE}/properties/env/pattern", "^(test|live|dev)$")], ["safe"]),
    Row(
        "a pattern of another kind",
        [("replace", f"{CREATE}/properties/env/pattern", "^(?=test|live)[a-z]+$")],
        ["safe"],
    ),
    Row(
        "a pattern added",
        [("add", f"{CREATE}/properties/name/pattern", "^[a-z-]+$")],
        ["breaks"],
        "name",
        shows="body",
    ),
    Row(
        "an enum added",
        [("add", f"{CREATE}/properties/scopes/items/enum", ["a", "b"])],
        ["breaks"],
        "scopes",
        shows="body",
    ),
    Row("a list bounded", [("add", f"{CREATE}/properties/scopes/maxItems", 3)], ["breaks"], "of 4 items", shows="body"),
    Row(
        "a list of distinct items",
        [("add", f"{CREATE}/properties/scopes/uniqueItems", True)],
        ["breaks"],
        "scopes",
        shows="body",
    ),
    Row(
        "a list of one text fewer, all distinct",
        [("replace", f"{CREATE}/properties/scopes/maxItems", 99)],
        ["breaks"],
        "of 100 items",
        shows="body",
        before=(
            ("add", f"{CREATE}/properties/scopes/uniqueItems", True),
            ("add", f"{CREATE}/properties/scopes/maxItems", 100),
        ),
    ),
    Row(
        "a list that may hold fewer of a kind",
        [("add", f"{CREATE}/properties/scopes/maxContains", 2)],
        ["breaks"],
        "scopes",
        shows="body",
        before=(("add", f"{CREATE}/properties/scopes/contains", {"type": "string"}),),
    ),
    Row(
        "the bound of a column",
        [("replace", f"{CREATE}/properties/name/maxLength", 65_535)],
        ["breaks"],
        "name of 65536 characters",
        shows="body",
        before=(("replace", f"{CREATE}/properties/name/maxLength", 100_000),),
    ),
    Row(
        "members of a kind of name judged",
        [("add", f"{CREATE}/patternProperties", {"^x-": {"type": "string"}})],
        ["breaks"],
        "x-",
        shows="body",
    ),
    Row(
        "addresses in ASCII only",
        [("replace", f"{CREATE}/properties/name/format", "email")],
        ["breaks"],
        "name",
        shows="body",
        before=(("add", f"{CREATE}/properties/name/format", "idn-email"),),
    ),
    Row("another type", [("replace", f"{CREATE}/properties/name/type", "integer")], ["breaks"], "name", shows="body"),
    Row("null allowed", [("replace", f"{CREATE}/properties/name/type", ["string", "null"])], ["safe"]),
    Row("a format added", [("add", f"{CREATE}/properties/name/format", "uuid")], ["breaks"], "name", shows="body"),
    Row(
        "a member required",
        [("add", f"{CREATE}/required/-", "scopes")],
        ["breaks"],
        "scopes could be left out and is required",
        shows="body",
    ),
    Row("a member no longer required", [("remove", f"{CREATE}/required/0")], ["safe"]),
    Row(
        "undeclared members refused",
        [("add", f"{CREATE}/additionalProperties", False)],
        ["breaks"],
        "undeclared",
        shows="body",
    ),
    Row(
        "a member added, that those who sent it undeclared may notice",
        [("add", f"{CREATE}/properties/note", {"type": "string"})],
        ["maybe"],
        "note",
        shows="body",
    ),
    Row(
        "a member added that takes anything", [("add", f"{CREATE}/properties/note", {})], ["safe"], "note may be there"
    ),
    Row("a member gone", [("remove", f"{CREATE}/properties/scopes")], ["safe"], "scopes is no longer declared"),
    Row(
        "a member gone where no others are taken",
        [("remove", f"{CREATE}/properties/scopes")],
        ["breaks"],
        "scopes",
        before=(("add", f"{CREATE}/additionalProperties", False),),
        shows="body",
    ),
    Row(
        "a member only for answers",
        [("add", f"{CREATE}/properties/scopes/readOnly", True)],
        ["breaks"],
        "scopes",
        shows="body",
    ),
    Row(
        "a default", [("replace", f"{CREATE}/properties/env/default", "live")], ["maybe"], 'env: the default was "test"'
    ),
    Row("a default gone", [("remove", f"{CREATE}/properties/env/default")], ["maybe"], "and is none"),
    Row(
        "a body that may be left out", [("replace", f"{POST}/requestBody/required", False)], ["safe"], "may be left out"
    ),
    Row(
        "a body that is required",
        [("replace", f"{POST}/requestBody/required", True)],
        ["breaks"],
        "body: could be left out",
        f"{POST}/requestBody",
        before=(("replace", f"{POST}/requestBody/required", False),),
    ),
    Row("no body", [("remove", f"{POST}/requestBody")], ["safe"], "no longer looked at", f"{POST}/requestBody"),
    Row(
        "a new body",
        [("add", f"{POST}/requestBody", PUBLISHED["paths"]["/v1/api-keys"]["post"]["requestBody"])],
        ["breaks"],
        "body: is new and required",
        before=(("remove", f"{POST}/requestBody"),),
    ),
    Row(
        "a media type added",
        [("add", f"{POST}/requestBody/content/text~1plain", {"schema": {"type": "string"}})],
        ["safe"],
        "may now be text/plain",
    ),
    Row(
        "a media type gone",
        [("remove", f"{POST}/requestBody/content/text~1plain")],
        ["breaks"],
        "text/plain was accepted and is refused",
        f"{POST}/requestBody/content/text~1plain",
        before=(("add", f"{POST}/requestBody/content/text~1plain", {"schema": {"type": "string"}}),),
    ),
    Row(
        "all media types",
        [("add", f"{POST}/requestBody/content/*~1*", {})],
        ["safe"],
        "may now be */*",
    ),
    # Parameters.
    Row(
        "a required parameter",
        [with_parameter(required=True)],
        ["breaks"],
        "limit: is new and required",
        f"{POST}/parameters/1",
    ),
    Row(
        "a required parameter with a default",
        [with_parameter(required=True, schema={"type": "integer", "default": 1})],
        ["maybe"],
    ),
    Row("an optional parameter", [with_parameter()], ["maybe"], "was ignored there and is refused"),
    Row("an optional parameter that takes any text", [with_parameter(schema={"type": "string"})], ["safe"], "optional"),
    Row("a parameter gone", [("remove", f"{POST}/parameters/0")], ["safe"], "ignored where it is still sent"),
    Row("a parameter required", [("replace", f"{POST}/parameters/0/required", True)], ["breaks"], "could be left out"),
    Row("a header in other letters", [("replace", f"{POST}/parameters/0/name", "AUTHORIZATION")], []),
    Row(
        "a parameter's schema narrowed",
        [("replace", f"{POST}/parameters/1/schema", {"type": "integer", "maximum": 100})],
        ["breaks"],
        "101",
        f"{POST}/parameters/1/schema",
        before=(with_parameter(),),
    ),
    Row(
        "a parameter's schema widened",
        [("replace", f"{POST}/parameters/1/schema", {"type": "number"})],
        ["safe"],
        before=(with_parameter(),),
    ),
    Row(
        "a number that may be any text",
        [("replace", f"{POST}/parameters/1/schema", {"type": ["string", "integer"]})],
        ["safe"],
        before=(with_parameter(),),
    ),
    Row(
        "a number that is any text",
        [("replace", f"{POST}/parameters/1/schema", {"type": "string"})],
        ["safe"],
        "takes any text now",
        before=(with_parameter(),),
    ),
    Row(
        "a number that is a text with an end",
        [("replace", f"{POST}/parameters/1/schema", {"type": "string", "maxLength": 2})],
        ["breaks"],
        "query parameter limit",
        before=(with_parameter(),),
    ),
    Row(
        "a parameter in other letters",
        [("replace", f"{POST}/parameters/1/name", "Limit")],
        ["maybe", "safe"],
        "query parameter limit: is gone",
        before=(with_parameter(),),
    ),
    Row(
        "a parameter in JSON that needs less",
        [("remove", f"{POST}/parameters/1/content/application~1json/schema/required")],
        ["safe"],
        "accepts all that it accepted",
        before=(
            (
                "add",
                f"{POST}/parameters/-",
                {
                    "name": "q",
                    "in": "query",
                    "content": {"application/json": {"schema": {"type": "object", "required": ["a"]}}},
                },
            ),
        ),
    ),
    Row(
        "a parameter's default",
        [("add", f"{POST}/parameters/1/schema/default", 10)],
        ["maybe"],
        "the default was none and is 10",
        before=(with_parameter(),),
    ),
    Row(
        "a parameter elsewhere",
        [("replace", f"{POST}/parameters/1/in", "header")],
        ["breaks"],
        "was a query parameter",
        before=(with_parameter(required=True),),
    ),
    Row(
        "an optional parameter elsewhere",
        [("replace", f"{POST}/parameters/1/in", "cookie")],
        ["maybe"],
        "was a query parameter",
        before=(with_parameter(),),
    ),
    Row(
        "another style",
        [("replace", f"{POST}/parameters/1/style", "pipeDelimited")],
        ["breaks"],
        "was written as",
        before=(
            with_parameter(
                style="spaceDelimited", explode=False, schema={"type": "array", "items": {"type": "integer"}}
            ),
        ),
    ),
    Row(
        "not exploded",
        [("add", f"{POST}/parameters/1/explode", False)],
        ["maybe"],
        "was written as",
        before=(with_parameter(schema={"type": "array", "items": {"type": "string"}}),),
    ),
    Row(
        "not exploded, and no list",
        [("add", f"{POST}/parameters/1/explode", False)],
        [],
        "",
        before=(with_parameter(),),
    ),
    # Answers.
    Row(
        "a member no longer guaranteed",
        [("remove", f"{CREATED}/required/8")],
        ["breaks"],
        "token is no longer guaranteed",
        ANSWER,
        shows="answer",
    ),
    Row(
        "a member no longer sent",
        [("remove", f"{CREATED}/properties/token"), ("remove", f"{CREATED}/required/8")],
        ["breaks"],
        "token is no longer guaranteed",
        shows="answer",
    ),
    Row(
        "an optional member no longer sent",
        [("remove", f"{CREATED}/properties/token")],
        ["maybe"],
        "token is no longer declared",
        before=(("remove", f"{CREATED}/required/8"),),
    ),
    Row(
        "a member sent", [("add", f"{CREATED}/properties/note", {"type": "string"})], ["safe"], "note may be there now"
    ),
    Row(
        "a member sent that was ruled out",
        [("add", f"{CREATED}/properties/note", {"type": "string"})],
        ["breaks"],
        "note",
        before=(("add", f"{CREATED}/additionalProperties", False),),
        shows="answer",
    ),
    Row(
        "null sent",
        [("replace", f"{CREATED}/properties/prefix/type", ["string", "null"])],
        ["breaks"],
        "prefix null may now be sent",
        shows="answer",
    ),
    Row(
        "an answer narrowed",
        [("add", f"{CREATED}/properties/prefix/maxLength", 20)],
        ["safe"],
        "nothing that it did not",
    ),
    Row("a format no longer kept", [("remove", f"{CREATED}/properties/id/format")], ["breaks"], "id", shows="answer"),
    Row(
        "a member only for requests",
        [("add", f"{CREATED}/properties/token/writeOnly", True)],
        ["breaks"],
        "token is no longer guaranteed",
        shows="answer",
    ),
    Row(
        "a status added",
        [("add", f"{POST}/responses/202", {"description": ""})],
        ["breaks"],
        "answer 202: may now be given",
    ),
    Row(
        "a fault added",
        [("add", f"{POST}/responses/409", {"description": ""})],
        ["maybe"],
        "answer 409: may now be given",
    ),
    Row("a success gone", [("remove", f"{POST}/responses/201")], ["breaks"], "answer 201: is no longer given"),
    Row(
        "a range of successes narrowed to one",
        [("add", f"{POST}/responses/201", JSON_ANSWER), ("remove", f"{POST}/responses/2XX")],
        ["safe"],
        "answer 2XX: is now 201 only",
        before=(("add", f"{POST}/responses/2XX", JSON_ANSWER), ("remove", f"{POST}/responses/201")),
    ),
    Row("a fault gone", [("remove", f"{POST}/responses/422")], ["safe"], "answer 422: is no longer given"),
    Row(
        "a media type of an answer gone",
        [
            ("remove", f"{POST}/responses/201/content/application~1json"),
            ("add", f"{POST}/responses/201/content/text~1plain", {}),
        ],
        ["maybe", "breaks"],
        "is no longer application/json",
    ),
    Row(
        "a media type of an answer with a charset",
        [
            ("remove", f"{POST}/responses/201/content/application~1json"),
            ("add", f"{POST}/responses/201/content/application~1json;charset=utf-8", CONTENT),
        ],
        ["maybe"],
        "may now be application/json;charset=utf-8",
    ),
    Row(
        "a range of media types of an answer narrowed to one, and what it holds widened",
        [
            ("remove", f"{POST}/responses/201/content/application~1*"),
            ("add", f"{POST}/responses/201/content/application~1json", CONTENT),
            ("remove", f"{CREATED}/required/8"),
        ],
        ["maybe", "breaks"],
        "token is no longer guaranteed",
        before=(
            ("add", f"{POST}/responses/201/content/application~1*", CONTENT),
            ("remove", f"{POST}/responses/201/content/application~1json"),
        ),
    ),
    Row(
        "any media type of an answer, that holds something else",
        [
            ("remove", f"{POST}/responses/201/content/application~1json"),
            ("add", f"{POST}/responses/201/content/*~1*", {"schema": {"type": "integer"}}),
        ],
        ["maybe", "breaks"],
        "may now be sent",
        f"{POST}/responses/201/content/*~1*/schema",
    ),
    Row(
        "a header gone",
        [("remove", f"{POST}/responses/201/headers/Location")],
        ["breaks"],
        "header Location is no longer declared",
        before=(
            ("add", f"{POST}/responses/201/headers", {"Location": {"required": True, "schema": {"type": "string"}}}),
        ),
    ),
    Row(
        "a header no longer required",
        [("replace", f"{POST}/responses/201/headers/Location/required", False)],
        ["breaks"],
        "header Location is no longer guaranteed",
        before=(
            ("add", f"{POST}/responses/201/headers", {"Location": {"required": True, "schema": {"type": "string"}}}),
        ),
    ),
    Row(
        "a header of text that is a number",
        [("replace", f"{POST}/responses/201/headers/X-Count/schema/type", "integer")],
        ["maybe"],
        "header X-Count",
        before=(("add", f"{POST}/responses/201/headers", {"X-Count": {"schema": {"type": "string"}}}),),
    ),
    Row(
        "a header of a number that is a text",
        [("replace", f"{POST}/responses/201/headers/X-Count/schema/type", "string")],
        ["breaks"],
        "header X-Count",
        before=(("add", f"{POST}/responses/201/headers", {"X-Count": {"schema": {"type": "integer"}}}),),
    ),
    # Security.
    Row(
        "an alternative gone that asked for more",
        [("replace", f"{POST}/security", [{"b": []}])],
        [],
        before=(
            ("add", f"{POST}/security", [{"b": []}, {"b": [], "c": []}]),
            ("add", "/components/securitySchemes", BEARERS),
        ),
    ),
    Row(
        "credentials demanded",
        [("add", f"{POST}/security", [{"b": []}]), ("add", "/components/securitySchemes", BEARER)],
        ["breaks", "safe"],
        "no credentials sufficed and does no longer",
        f"{POST}/security",
    ),
    Row(
        "credentials no longer demanded",
        [("remove", f"{POST}/security")],
        ["safe"],
        "no credentials suffices now",
        before=(("add", f"{POST}/security", [{"b": []}]), ("add", "/components/securitySchemes", BEARER)),
    ),
    Row(
        "a scope demanded",
        [("replace", f"{POST}/security", [{"b": ["write"]}])],
        ["breaks", "safe"],
        "b sufficed and does no longer; it takes b (write)",
        before=(("add", f"{POST}/security", [{"b": []}]), ("add", "/components/securitySchemes", BEARER)),
    ),
    Row(
        "an alternative gone",
        [("replace", f"{POST}/security", [{"b": []}])],
        ["breaks"],
        "no credentials sufficed",
        before=(("add", f"{POST}/security", [{"b": []}, {}]), ("add", "/components/securitySchemes", BEARER)),
    ),
    Row(
        "another scheme of the same name",
        [("replace", "/components/securitySchemes", {"b": {"type": "apiKey", "in": "header", "name": "X-Key"}})],
        ["breaks", "safe"],
        before=(("add", f"{POST}/security", [{"b": []}]), ("add", "/components/securitySchemes", BEARER)),
    ),
    Row(
        "a scheme of another name",
        [("replace", f"{POST}/security", [{"c": []}])],
        ["maybe"],
        "c is sent alike",
        before=(
            ("add", f"{POST}/security", [{"b": []}]),
            ("add", "/components/securitySchemes", BEARERS),
        ),
    ),
    Row(
        "another authority",
        [("replace", f"{POST}/security", [{"other": ["r"]}])],
        ["breaks", "safe"],
        "o (r) sufficed and does no longer",
        before=(("add", f"{POST}/security", [{"o": ["r"]}]), ("add", "/components/securitySchemes", AUTHORITIES)),
    ),
    Row(
        "a scope in other words",
        [("replace", f"{FLOW}/scopes/r", "To read keys"), ("add", f"{FLOW}/scopes/w", "To write them")],
        [],
        before=(("add", f"{POST}/security", [{"o": ["r"]}]), ("add", "/components/securitySchemes", AUTHORITIES)),
    ),
    Row(
        "tokens from elsewhere",
        [("replace", f"{FLOW}/tokenUrl", "https://example.net/token")],
        ["maybe"],
        "o is obtained in another way",
        before=(("add", f"{POST}/security", [{"o": ["r"]}]), ("add", "/components/securitySchemes", AUTHORITIES)),
    ),
    # Operations.
    Row("an operation gone", [("remove", "/paths/~1v1~1api-keys/post")], ["breaks"], "is gone", POST),
    Row(
        "an operation added",
        [("add", "/paths/~1new", {"get": {"responses": {"200": {"description": ""}}}})],
        ["safe"],
        "is new",
    ),
    Row("another name for it", [("replace", f"{POST}/operationId", "create")], ["safe"], "operationId was"),
    Row(
        "a base path",
        [("add", "/servers/-", {"url": "https://example.com/api"})],
        ["breaks"],
        "begins with /api",
        "/servers",
    ),
    Row(
        "a path moved",
        [("add", "/paths/~1v2~1keys", PUBLISHED["paths"]["/v1/api-keys"]), ("remove", "/paths/~1v1~1api-keys")],
        ["breaks", "safe"],
        "it is POST /v2/keys now",
    ),
    Row(
        "a prefix moved from the paths to the server",
        [
            ("add", "/servers/-", {"url": "/v1"}),
            ("add", "/paths/~1api-keys", PUBLISHED["paths"]["/v1/api-keys"]),
            ("remove", "/paths/~1v1~1api-keys"),
        ],
        [],
    ),
    Row("webhooks", [("add", "/webhooks", {})], ["maybe"], "not compared"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_edit_is_told(row: Row) -> None:
    """Each edit is told as what it is, and its witness is accepted by the one document and refused by the other."""
    old = patched(PUBLISHED, list(row.before))
    new = patched(old, row.edit)
    found = changes(old, new)
    assert {change.severity for change in found} == set(row.severities), found
    assert any(row.says in str(change) for change in found) or not row.severities, found
    assert not row.pointer or row.pointer in {change.pointer for change in found}
    for change in found:
        check_pointer(old, new, change)
        if row.shows and change.witness is not None:
            check_witness(old, new, row.shows, change.witness)
    assert not row.shows or any(change.witness is not None for change in found)


def check_pointer(old: Any, new: Any, change: Change) -> None:
    """What a change points to is there, in one document at least."""
    contracts = [contract_of(old).document, contract_of(new).document]
    for document in contracts:
        try:
            document.resolve("#" + quote(change.pointer, safe="/~"), document.uri)
        except LookupError:
            continue
        return
    raise AssertionError(change.pointer)


def check_witness(old: Any, new: Any, what: str, witness: Any) -> None:
    """A witness is what it is said to be, by schemas compiled for this alone."""
    if what == "body":
        takes, refuses = (only(contract_of(root)).body.content.entries[0].schema for root in (old, new))
    else:
        refuses, takes = (only(contract_of(r)).responses["201"].content.entries[0].schema for r in (old, new))
        assert takes.project is None or takes.project(witness) == witness
    assert takes.is_valid(witness)
    assert not refuses.is_valid(witness)


def test_a_document_and_itself_differ_in_nothing() -> None:
    """Of identical documents nothing is said."""
    assert changes(PUBLISHED, copy.deepcopy(PUBLISHED)) == []


def test_lines_are_short_and_json_is_whole() -> None:
    """A line shortens its witness; as JSON it is whole, so that it can be sent."""
    new = patched(PUBLISHED, [("replace", f"{CREATE}/properties/name/maxLength", 64)])
    (change,) = changes(PUBLISHED, new)
    assert len(str(change).splitlines()) == 1
    assert str(change).startswith(f"breaks {BODY}: POST /v1/api-keys: body: name of 65 characters")
    assert "…" in str(change)
    said = json.loads(json.dumps(change.as_json()))
    assert said == {
        "severity": "breaks",
        "pointer": BODY,
        "operation": "POST /v1/api-keys",
        "message": "body: name of 65 characters was accepted and is refused: String should have at most 64 characters",
        "witness": {"name": "a" * 65},
    }


def test_a_witness_that_is_null_is_shown() -> None:
    """Null shows a break like any other value: the line has it."""
    (change,) = changes(document({"type": ["string", "null"]}), document({"type": "string"}))
    assert str(change).endswith("— witness: null")


def test_each_fault_of_one_schema_is_told() -> None:
    """Two members narrowed are two lines, each with a witness of its own."""
    new = patched(
        PUBLISHED,
        [("replace", f"{CREATE}/properties/name/maxLength", 64), ("add", f"{CREATE}/properties/scopes/maxItems", 3)],
    )
    found = changes(PUBLISHED, new)
    assert [change.severity for change in found] == ["breaks", "breaks"]
    assert {"name" in str(change.message).split(" of ")[0] for change in found} == {True, False}


# ---- documents of their own ------------------------------------------------------------------------------------------


def document(body: Any = None, answer: Any = None, parameters: Any = (), path: str = "/x", **more: Any) -> Any:
    """A small document."""
    content = {"200": {"description": "", "content": {"application/json": {"schema": answer}}}}
    operation = {
        "responses": {"200": {"description": ""}} if answer is None else content,
        "parameters": list(parameters),
        **(
            {}
            if body is None
            else {"requestBody": {"content": {more.pop("type", "application/json"): {"schema": body}}}}
        ),
    }
    return {"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {path: {"post": operation}}, **more}


def test_names_in_a_template_do_not_matter() -> None:
    """Callers do not see how the document calls a part of a path."""
    first = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    old = document(parameters=[first], path="/keys/{id}")
    assert changes(old, document(parameters=[{**first, "name": "key"}], path="/keys/{key}")) == []
    narrowed = {**first, "name": "key", "schema": {"type": "string", "maxLength": 5}}
    (change,) = changes(old, document(parameters=[narrowed], path="/keys/{key}"))
    assert change.severity == "breaks"
    assert len(change.witness) > 5


def test_parameters_of_a_path_swapped() -> None:
    """By their order, not by their names, are the parameters of a path compared."""
    text = {"in": "path", "required": True, "schema": {"type": "string"}}
    number = {"in": "path", "required": True, "schema": {"type": "integer"}}
    old = document(parameters=[{**text, "name": "a"}, {**number, "name": "b"}], path="/{a}/{b}")
    assert changes(old, document(parameters=[{**text, "name": "b"}, {**number, "name": "a"}], path="/{b}/{a}")) == []
    found = changes(old, document(parameters=[{**number, "name": "a"}, {**text, "name": "b"}], path="/{a}/{b}"))
    assert "breaks" in {change.severity for change in found}


def test_an_operation_that_takes_anothers_requests() -> None:
    """A new path that an old template covered, and a template that covers a path that is gone, are told as `maybe`."""
    operation = {"get": {"responses": {"200": {"description": ""}}}}
    of_any = {"get": {**operation["get"], "parameters": [{"name": "id", "in": "path", "required": True, "schema": {}}]}}
    one = {"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {"/keys/{id}": of_any}}
    both = {**one, "paths": {"/keys/me": operation, "/keys/{id}": of_any}}
    assert [change.severity for change in changes(one, both)] == ["maybe"]
    assert [change.severity for change in changes(both, one)] == ["maybe"]


def test_a_schema_that_contains_itself() -> None:
    """A tree is compared as far down as it is told apart, and its widening is proven."""
    tree: Any = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/T"}}},
    }
    tree["properties"]["name"] = {"type": "string", "maxLength": 9}
    ref = {"$ref": "#/components/schemas/T"}
    old = document(ref, components={"schemas": {"T": tree}})
    wider = patched(old, [("remove", "/components/schemas/T/properties/name/maxLength")])
    assert [change.severity for change in changes(old, wider)] == ["safe"]
    (change, *_) = changes(wider, old)
    assert change.severity == "breaks"


def test_a_long_chain_of_schemas() -> None:
    """However many schemas lead to the one that changed, the change is found, and soon."""
    count = 500
    chain: Any = {
        f"C{i}": {"type": "object", "properties": {"next": {"$ref": f"#/components/schemas/C{(i + 1) % count}"}}}
        for i in range(count)
    }
    old = document({"$ref": "#/components/schemas/C0"}, components={"schemas": chain})
    new = patched(old, [("add", "/components/schemas/C3/properties/name", {"type": "string"})])
    newer = patched(new, [("add", "/components/schemas/C3/properties/name/maxLength", 5)])
    (change,) = changes(new, newer)
    assert change.severity == "breaks"
    assert change.witness == {"next": {"next": {"next": {"name": "aaaaaa"}}}}
    (back,) = changes(newer, new)
    assert back.severity == "safe"


def test_a_reference_that_cannot_be_followed_is_never_safe() -> None:
    """A dynamic reference leads where its caller says: of it nothing is said but `maybe`."""
    dynamic = {"$id": "https://example.com/a", "$dynamicAnchor": "n", "type": "array", "items": {"$dynamicRef": "#n"}}
    found = changes(document(dynamic), document({**dynamic, "minItems": 1}))
    assert [change.severity for change in found] == ["maybe"]


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_a_body_that_is_not_json(media_type: str) -> None:
    """The witness of a form or a text is one when it is written and read as such."""
    text = media_type == "text/plain"
    old_schema = {"type": "string"} if text else {"type": "object", "properties": {"n": {"type": "integer"}}}
    new_schema = (
        {"type": "string", "maxLength": 4}
        if text
        else {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}
    )
    old, new = document(old_schema, type=media_type), document(new_schema, type=media_type)
    found = changes(old, new)
    assert found[0].severity == "breaks"
    written = write_body(media_type, found[0].witness)
    assert written is not None
    takes, refuses = (only(contract_of(root)).body.content.entries[0] for root in (old, new))
    assert takes.schema.is_valid(takes.decode(*written))
    assert not refuses.schema.is_valid(refuses.decode(*written))
    assert "breaks" not in {change.severity for change in changes(new, old)}


# ---- soundness -------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
SMALL = st.integers(0, 4)


def optional(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Keywords, each of which may be there."""
    return st.fixed_dictionaries({}, optional=keywords)


STRINGS = st.one_of(
    optional(minLength=SMALL, maxLength=SMALL),
    st.fixed_dictionaries({"pattern": st.sampled_from(["^a+$", "^(a|b)$", "^(a|b|c)$", "b", "^[a-c]{2,3}$", "^a"])}),
    st.fixed_dictionaries({"format": st.sampled_from(["date", "uuid", "ipv4"])}),
).map(lambda said: {"type": "string", **said})
NUMBERS = st.tuples(
    st.sampled_from(["integer", "number"]),
    optional(minimum=st.integers(-3, 3), maximum=st.integers(-3, 5), multipleOf=st.sampled_from([1, 2, 3, 0.5])),
).map(lambda pair: {"type": pair[0], **pair[1]})
VALUES = st.sampled_from([None, True, False, 0, 1, 2, "a", "b", "", [], {}, ["a"], {"a": 1}])
PLAIN = st.one_of(
    STRINGS,
    NUMBERS,
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}, {"type": ["integer", "string"]}]
    ),
    st.lists(VALUES, min_size=1, max_size=3, unique_by=repr).map(lambda values: {"enum": values}),
    VALUES.map(lambda value: {"const": value}),
)


def composed(schemas: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of schemas."""
    several = st.lists(schemas, min_size=1, max_size=3)
    arrays = optional(items=schemas, minItems=SMALL, maxItems=SMALL, uniqueItems=st.booleans(), prefixItems=several)
    objects = optional(
        properties=st.dictionaries(NAMES, schemas, max_size=3),
        required=st.lists(NAMES, unique=True, max_size=2),
        additionalProperties=st.one_of(st.booleans(), schemas),
        minProperties=SMALL,
        maxProperties=SMALL,
        patternProperties=st.dictionaries(st.sampled_from(["^a", "b$"]), schemas, max_size=1),
        dependentRequired=st.fixed_dictionaries({"a": st.lists(NAMES, max_size=1)}),
    )
    return st.one_of(
        arrays.map(lambda said: {"type": "array", **said}),
        objects.map(lambda said: {"type": "object", **said}),
        several.map(lambda parts: {"anyOf": parts}),
        several.map(lambda parts: {"oneOf": parts}),
        several.map(lambda parts: {"allOf": parts}),
        schemas.map(lambda part: {"not": part}),
        st.tuples(schemas, schemas, schemas).map(lambda three: dict(zip(("if", "then", "else"), three, strict=True))),
    )


SCHEMAS = st.recursive(PLAIN, composed, max_leaves=6)


@st.composite
def pairs(draw: st.DrawFn, schemas: st.SearchStrategy[Any] = SCHEMAS) -> tuple[Any, Any]:
    """Two schemas: of one another's making often, so that they have to do with each other."""
    one, other = draw(schemas), draw(schemas)
    related = draw(st.sampled_from(["no", "any of", "all of", "member", "edited", "edited"]))
    if related == "any of":
        other = {"anyOf": [other, one]}
    elif related == "all of":
        other = {"allOf": [one, other]}
    elif related == "member":
        one, other = ({"type": "object", "properties": {"a": part}} for part in (one, other))
    elif related == "edited":
        other = edited(draw, one)
    return (one, other) if draw(st.booleans()) else (other, one)


def edited(draw: st.DrawFn, schema: Any) -> Any:
    """A schema with one keyword less, or one number in it changed."""
    schema = copy.deepcopy(schema)
    keyword = draw(st.sampled_from(sorted(schema))) if schema else None
    if keyword is None:
        return draw(SCHEMAS)
    if type(schema[keyword]) in (int, float):
        schema[keyword] = max(schema[keyword] + draw(st.sampled_from([-1, 1])), 0 if keyword != "multipleOf" else 1)
    elif isinstance(schema[keyword], dict) and keyword in ("items", "additionalProperties", "not", "if"):
        schema[keyword] = edited(draw, schema[keyword])
    elif keyword not in ("type", "anyOf", "allOf", "oneOf", "enum") or draw(st.booleans()):
        del schema[keyword]
    elif isinstance(schema[keyword], list) and len(schema[keyword]) > 1:
        del schema[keyword][0]
    return schema


ANYTHING = st.recursive(
    st.one_of(VALUES, st.integers(-6, 8), st.text("abc", max_size=5), st.sampled_from([0.5, 1.5, 2.0])),
    lambda values: st.one_of(st.lists(values, max_size=4), st.dictionaries(NAMES, values, max_size=3)),
    max_leaves=5,
)


def values_of(schema: Any) -> st.SearchStrategy[Any]:
    """Values that a schema probably admits, and others; of few letters and names, for schemas to meet in them."""
    if not isinstance(schema, dict) or "$ref" in schema:
        return ANYTHING
    found = [values_of(part) for keyword in ("anyOf", "oneOf", "allOf") for part in schema.get(keyword, ())]
    found += [values_of(schema[keyword]) for keyword in ("if", "then", "else") if keyword in schema]
    found += [st.sampled_from(schema.get("enum") or [schema["const"]])] if schema.keys() & {"enum", "const"} else []
    types = schema.get("type", ())
    for type_ in [types] if isinstance(types, str) else types:
        found.append(_of_type(type_, schema))
    return st.one_of(*found, ANYTHING)


def _of_type(type_: str, schema: Any) -> st.SearchStrategy[Any]:
    if type_ == "string":
        formats = ["2024-01-01", "6f1d1c54-6f0e-4b3c-9a3b-3f2c8d1e5a70", "192.0.2.1"]
        texts = st.one_of(
            st.text("abc\u00e9", max_size=6), st.sampled_from(formats) if "format" in schema else st.just("a")
        )
        return st.one_of(texts, st.from_regex(schema["pattern"])) if "pattern" in schema else texts
    if type_ in ("integer", "number"):
        return st.one_of(st.integers(-8, 12), st.integers(-16, 16).map(lambda quarters: quarters / 4))
    if type_ == "array":
        items = st.one_of(*(values_of(part) for part in [schema.get("items", True), *schema.get("prefixItems", ())]))
        return st.lists(items, max_size=5)
    if type_ == "object":
        rest = [schema.get("additionalProperties", True), *schema.get("patternProperties", {}).values()]
        members = schema.get("properties", {})
        options = {
            name: st.one_of(*(values_of(part) for part in ([members[name]] if name in members else []) + rest))
            for name in ("a", "b", "c", "ab", "x")
        }
        needed = {name: options[name] for name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional={name: options[name] for name in options.keys() - needed.keys()})
    return st.sampled_from([None, True, False])


def says_safe(found: list[Change]) -> bool:
    """Whether nothing that is said leaves room for a break."""
    return all(change.severity == "safe" for change in found)


many = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@many
@given(pair=pairs(), data=st.data())
def test_what_is_safe_is_accepted(pair: tuple[Any, Any], data: st.DataObject) -> None:
    """Whatever body the old document accepts, the new one accepts if the change is called safe; witnesses are true."""
    old, new = map(document, pair)
    found = changes(old, new)
    takes, refuses = (only(contract_of(root)).body.content.entries[0].schema for root in (old, new))
    for change in found:
        if change.severity == "breaks":
            assert takes.is_valid(change.witness)
            assert not refuses.is_valid(change.witness)
    if says_safe(found):
        for value in data.draw(st.lists(values_of(pair[0]), min_size=10, max_size=20)):
            assert not takes.is_valid(value) or refuses.is_valid(value), value


@many
@given(pair=pairs(), data=st.data())
def test_what_is_safe_is_expected(pair: tuple[Any, Any], data: st.DataObject) -> None:
    """Whatever answer the new document sends, the old one allowed if the change is called safe; witnesses are true."""
    old, new = (document(answer=schema) for schema in pair)
    found = changes(old, new)
    allowed, sent = (only(contract_of(root)).responses["200"].content.entries[0].schema for root in (old, new))
    for change in found:
        if change.severity == "breaks":
            assert sent.is_valid(change.witness)
            assert sent.project is None or sent.project(change.witness) == change.witness
            assert not allowed.is_valid(change.witness)
    if says_safe(found):
        for drawn in data.draw(st.lists(values_of(pair[1]), min_size=10, max_size=20)):
            value = drawn if sent.project is None else sent.project(drawn)
            assert not sent.is_valid(value) or allowed.is_valid(value), value


TREE: Any = {"$ref": "#/components/schemas/T"}
TREES = st.recursive(
    st.one_of(PLAIN, st.just(TREE)),
    lambda parts: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(NAMES, parts, max_size=3)},
            optional={"required": st.lists(NAMES, unique=True, max_size=1), "additionalProperties": st.booleans()},
        ),
        st.fixed_dictionaries({"type": st.just("array"), "items": parts}, optional={"maxItems": SMALL}),
        st.lists(parts.filter(lambda part: part != TREE), min_size=1, max_size=2).map(lambda some: {"anyOf": some}),
    ),
    max_leaves=5,
).filter(lambda schema: "type" in schema)


@many
@given(pair=pairs(TREES), data=st.data())
def test_what_is_safe_is_accepted_however_deep(pair: tuple[Any, Any], data: st.DataObject) -> None:
    """Schemas that contain themselves are called safe only if they are."""
    old, new = (document(TREE, TREE, components={"schemas": {"T": schema}}) for schema in pair)
    found = changes(old, new)
    before, after = (only(contract_of(root)) for root in (old, new))
    takes, refuses = (operation.body.content.entries[0].schema for operation in (before, after))
    for change in found:
        if change.severity == "breaks" and "requestBody" in change.pointer:
            assert takes.is_valid(change.witness)
            assert not refuses.is_valid(change.witness)
    if says_safe([change for change in found if "requestBody" in change.pointer]):
        for value in data.draw(st.lists(values_of(pair[0]), min_size=10, max_size=20)):
            assert not takes.is_valid(value) or refuses.is_valid(value), value


TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "b", "ab", "1", "2", "01", "1.5", "-1", "true", "null", "a,b", "1,2", "a|b", "1e1", "%20", "%FF"]
    ),
    st.text("ab012,|.;=-", max_size=6),
)
IN_TEXT = st.one_of(
    PLAIN,
    PLAIN.map(lambda item: {"type": "array", "items": item}),
    st.dictionaries(NAMES, PLAIN, max_size=2).map(
        lambda members: {"type": "object", "properties": members, "additionalProperties": False}
    ),
    st.lists(PLAIN, min_size=2, max_size=2).map(lambda parts: {"anyOf": parts}),
)
MANNERS = st.sampled_from(
    [
        ("query", "form", True),
        ("query", "form", False),
        ("query", "pipeDelimited", False),
        ("query", "deepObject", True),
        ("path", "simple", False),
        ("path", "matrix", True),
        ("path", "label", False),
        ("header", "simple", False),
        ("cookie", "form", False),
    ]
)


def accepted(parameter: Any, raw: Raw) -> bool | None:
    """Whether a request is accepted, as far as one parameter goes; None where it does not have it."""
    try:
        value = parameter.read(raw)
    except (Malformed, NotText):
        return False
    return None if value is MISSING else bool(parameter.schema.is_valid(value))


@many
@given(pair=pairs(IN_TEXT), manner=MANNERS, text=TEXTS, more=TEXTS)
def test_what_is_safe_is_read(pair: tuple[Any, Any], manner: tuple[str, str, bool], text: str, more: str) -> None:
    """Whatever text of a parameter the old document accepts, the new one accepts if the change is called safe."""
    location, style, explode = manner
    said = {"name": "p", "in": location, "style": style, "explode": explode, "required": True}
    path = "/x/{p}" if location == "path" else "/x"
    old, new = (document(parameters=[{**said, "schema": schema}], path=path) for schema in pair)
    found = changes(old, new)
    takes, refuses = (only(contract_of(root)).parameters[0] for root in (old, new))
    for change in found:
        if change.severity == "breaks":
            raw = write_parameter(said, change.witness, "p")
            assert raw is not None
            assert accepted(takes, raw)
            assert not accepted(refuses, raw)
    if says_safe(found):
        raws = {
            "query": Raw(query=pairs_of(f"p={text}&a={more}&p[a]={text}&b=1")),
            "path": Raw(path={"p": text}),
            "header": Raw(headers={b"p": [text.encode()]}),
            "cookie": Raw(cookies=pairs_of(f"p={text};a={more}", ";")),
        }
        for raw in (raws[location], Raw(query=pairs_of(f"p={text}")) if location == "query" else raws[location]):
            assert not accepted(takes, raw) or accepted(refuses, raw)
