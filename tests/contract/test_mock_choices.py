"""What `imtegrate mock` makes of a schema's choices, and which requests it refuses beyond what `serve` does."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from compiling import document_with, written
from running import running

MEMBERS = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string", "minLength": 2},
        "colour": {"enum": ["red", "blue"]},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
    },
}

EITHER = {
    "oneOf": [
        {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "x": {"type": "string"}}},
        {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "y": {"type": "string"}}},
    ]
}


def answering(schema: Any) -> dict[str, Any]:
    """Responses whose one answer is JSON of a schema."""
    return {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}


KEYED = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"}}}

HARD = {
    "look-ahead": {"type": "string", "pattern": "^(?!0)[0-9]{4}$"},
    "look-ahead-for-a-digit": {"type": "string", "pattern": "^(?=.*[0-9]).{8,}$"},
    "look-behind": {"type": "string", "pattern": "^a+(?<=aa)b$"},
    "letters": {"type": "string", "pattern": r"^\p{Lu}\p{Ll}+$"},
    "uuids": {"type": "array", "uniqueItems": True, "minItems": 5, "items": {"type": "string", "format": "uuid"}},
    "dates": {"type": "array", "uniqueItems": True, "minItems": 12, "items": {"type": "string", "format": "date"}},
    "addresses": {"type": "array", "uniqueItems": True, "minItems": 12, "items": {"type": "string", "format": "email"}},
    "keyed": {"type": "array", "uniqueItems": True, "minItems": 3, "items": KEYED},
    "keyed-only": {
        "type": "array",
        "uniqueItems": True,
        "minItems": 3,
        "items": {**KEYED, "additionalProperties": False},
    },
    "linked": {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"$ref": "#/components/schemas/Linked"}},
    "prefixed": {
        "type": "object",
        "patternProperties": {"^x-": {"type": "integer"}},
        "additionalProperties": False,
        "minProperties": 3,
    },
    "languages": {"type": "object", "propertyNames": {"pattern": "^[a-z]{2}$"}, "minProperties": 2},
    "undescribed": {"type": "object", "required": ["a"], "properties": {"b": {"type": "string"}}},
}
"""Schemas whose values are not found at the first guess."""

LINKED = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "integer"}, "name": {"$ref": "#/components/schemas/Name"}},
}

FORM = {
    "schema": {"type": "object", "properties": {"raw": {"type": "string"}, "any": {"type": "string"}}},
    "encoding": {"raw": {"allowReserved": False}},
}

CHOICES = document_with(
    paths={
        "/members": {"get": {"responses": answering(MEMBERS)}},
        "/either": {"get": {"responses": answering(EITHER)}},
        **{f"/hard/{name}": {"get": {"responses": answering(schema)}} for name, schema in HARD.items()},
        "/pets/{id}/toys": {
            "get": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": answering({"type": "array"}),
            }
        },
        "/guarded": {
            "get": {
                "parameters": [{"name": "n", "in": "query", "schema": {"type": "integer"}}],
                "responses": {
                    "default": {
                        "description": "no",
                        "headers": {
                            "X-Is": {"required": True, "content": {"application/json": {"schema": {"const": {"n": 1}}}}}
                        },
                        "content": {"application/json": {"schema": {"const": "else"}}},
                    }
                },
            }
        },
        "/bare": {
            "post": {
                "responses": {
                    "200": {"description": "ok"},
                    "415": {"description": "no", "content": {"text/plain": {"example": "no body"}}},
                }
            }
        },
        "/form": {
            "post": {
                "requestBody": {"content": {"application/x-www-form-urlencoded": FORM}},
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"examples": {"good": {"value": 1}}}},
                    },
                    "422": {
                        "description": "no",
                        "content": {"application/json": {"examples": {"bad": {"value": 2}}}},
                    },
                },
            }
        },
    },
    components={"schemas": {"Linked": LINKED, "Name": {"type": "string"}}},
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a mock of the choices."""
    folder = tmp_path_factory.mktemp("choices")
    with running("mock", "--spec", written(folder, CHOICES), cwd=folder) as service, service.client() as opened:
        yield opened


def test_an_answer_at_random_is_whole(client: httpx.Client) -> None:
    """`dynamic=true` leaves no optional member out, is valid, and differs from one answer to the next."""
    answers = [client.get("/members", params={"__dynamic": "true"}).json() for _ in range(30)]
    assert all(set(answer) == set(MEMBERS["properties"]) for answer in answers)
    judge = jsonschema_rs.Draft202012Validator(MEMBERS)
    assert all(judge.is_valid(answer) for answer in answers)
    assert len({answer["name"] for answer in answers}) > 1
    assert {answer["colour"] for answer in answers} == {"red", "blue"}


@pytest.mark.parametrize("dynamic", ["true", "false"])
def test_one_branch_is_made_where_several_would_admit(client: httpx.Client, dynamic: str) -> None:
    """An answer of `oneOf` has what one branch asks for, and what the others refuse."""
    judge = jsonschema_rs.Draft202012Validator(EITHER)
    for _ in range(5):
        answer = client.get("/either", params={"__dynamic": dynamic})
        assert answer.status_code == 200
        assert judge.is_valid(answer.json()), answer.text


@pytest.mark.parametrize("dynamic", ["true", "false"])
@pytest.mark.parametrize("name", HARD)
def test_what_is_hard_to_find_is_answered(client: httpx.Client, name: str, dynamic: str) -> None:
    """Patterns that look around, lists of distinct items, members named by patterns: each has a valid answer."""
    judge = jsonschema_rs.Draft202012Validator(
        {**HARD[name], "components": CHOICES["components"]}, validate_formats=True
    )
    answer = client.get(f"/hard/{name}", params={"__dynamic": dynamic})
    assert answer.status_code == 200, answer.text
    assert judge.is_valid(answer.json()), answer.text


def test_a_path_that_leaves_a_parameter_out(client: httpx.Client) -> None:
    """Nothing between two slashes is a parameter that is missing; a path with a segment less is unknown."""
    answer = client.get("/pets//toys")
    assert answer.status_code == 422
    assert answer.json()["detail"] == [{"loc": ["path", "id"], "msg": "Field required", "type": "missing"}]
    assert client.get("/pets/toys").status_code == 404
    assert client.get("/pets//").status_code == 404


def test_a_body_that_nobody_asked_for(client: httpx.Client) -> None:
    """A body is 415 where the operation has none, in the document's words; `Content-Type` alone is no body."""
    answer = client.post("/bare", content=b"empty", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.text) == (415, "no body")
    assert client.post("/bare", headers={"Content-Type": "text/plain"}).status_code == 200


def test_reserved_characters_in_a_form(client: httpx.Client) -> None:
    """Where the document says `allowReserved: false`, reserved characters are to be percent-encoded."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/form", content=b"raw=a/b", headers=kind).status_code == 422
    assert client.post("/form", content=b"raw=a%2Fb+c*,&any=a/b", headers=kind).status_code == 200


def test_an_example_of_another_status(client: httpx.Client) -> None:
    """An invalid request is refused as ever, whichever status and example of it are preferred."""
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Prefer": "code=200, example=good"}
    answer = client.post("/form", content=b"raw=a/b", headers=kind)
    assert (answer.status_code, answer.json()) == (422, 2)
    assert client.post("/form", content=b"raw=a", headers=kind).json() == 1


def test_refusals_satisfy_the_document(client: httpx.Client) -> None:
    """A refusal has the headers that its answer declares; `default` is it where there is no better."""
    answer = client.get("/guarded", params={"n": "x"})
    assert (answer.status_code, answer.json(), answer.headers["X-Is"]) == (422, "else", '{"n":1}')
