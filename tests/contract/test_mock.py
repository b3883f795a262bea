"""`imtegrate mock` answers any document from its examples and schemas, valid every time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from compiling import document_with, written
from editing import DOCUMENT
from running import Running, running

PET = {
    "type": "object",
    "required": ["id", "name", "kind"],
    "properties": {
        "id": {"type": "integer", "minimum": 1, "readOnly": True},
        "name": {"type": "string", "minLength": 1, "maxLength": 20},
        "kind": {"enum": ["cat", "dog"]},
        "born": {"type": "string", "format": "date"},
        "friends": {"type": "array", "maxItems": 3, "items": {"$ref": "#/components/schemas/Pet"}},
        "secret": {"type": "string", "writeOnly": True},
    },
    "additionalProperties": False,
}
CAT = {"id": 7, "name": "Tom", "kind": "cat"}
DOG = {"id": 8, "name": "Rex", "kind": "dog"}

WRONG = {"wrong": {"value": {"wrong": True}}, "odd": {"value": {"odd": True}}}
SCHEMES = {"digest": {"type": "http", "scheme": "digest"}, "token": {"type": "http", "scheme": "bearer"}}


def json_of(schema: Any, **more: Any) -> dict[str, Any]:
    """A `content` map of JSON."""
    return {"application/json": {"schema": schema, **more}}


PETS = document_with(
    paths={
        "/pets/{id}": {
            "get": {
                "operationId": "get_pet",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {
                    "200": {
                        "description": "A pet",
                        "headers": {
                            "X-Rate": {"required": True, "schema": {"type": "integer", "minimum": 3}},
                            "X-Tags": {"schema": {"type": "array", "items": {"type": "string"}}, "example": ["a", "b"]},
                        },
                        "content": {
                            **json_of(
                                {"$ref": "#/components/schemas/Pet"},
                                examples={
                                    "broken": {"value": {"id": "x"}},
                                    "cat": {"value": CAT},
                                    "dog": {"$ref": "#/components/examples/Dog"},
                                },
                            ),
                            "text/plain": {"schema": {"type": "string"}, "example": "Tom, a cat"},
                        },
                    },
                    "4XX": {
                        "description": "Not",
                        "content": json_of(
                            {"type": "object", "required": ["why"], "properties": {"why": {"type": "string"}}}
                        ),
                    },
                    "default": {"description": "Else", "content": json_of({"const": "else"})},
                },
            },
            "delete": {
                "operationId": "drop_pet",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"204": {"description": "Gone"}},
            },
        },
        "/pets": {
            "head": {
                "operationId": "count_pets",
                "responses": {
                    "200": {
                        "description": "How many",
                        "headers": {"X-Total": {"schema": {"type": "integer"}, "example": 3}},
                        "content": json_of({"type": "array"}),
                    }
                },
            },
            "post": {
                "operationId": "make_pet",
                "security": [{"key": []}],
                "requestBody": {"required": True, "content": json_of({"$ref": "#/components/schemas/Pet"})},
                "responses": {
                    "201": {"description": "Made", "content": json_of({"$ref": "#/components/schemas/Pet"})},
                    "400": {
                        "description": "Wrong",
                        "content": json_of(
                            {"type": "object"},
                            examples=WRONG,
                        ),
                    },
                    "401": {"description": "Who?", "content": json_of({"type": "object"}, example={"who": "you"})},
                },
            },
        },
    },
    components={
        "schemas": {"Pet": PET},
        "examples": {"Dog": {"value": DOG}},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
)


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`imtegrate mock` of the pets."""
    folder: Path = tmp_path_factory.mktemp("mock")
    with running("mock", "--spec", written(folder, PETS), cwd=folder) as service:
        yield service


@pytest.fixture
def client(mock: Running) -> Iterator[httpx.Client]:
    """A client of it."""
    with mock.client() as opened:
        yield opened


def prefer(text: str) -> dict[str, str]:
    """A header that asks for something."""
    return {"Prefer": text}


def test_the_first_valid_example_is_the_answer(client: httpx.Client) -> None:
    """An example that breaks its schema is passed over; declared headers are sent."""
    answer = client.get("/pets/7")
    assert (answer.status_code, answer.json()) == (200, CAT)
    assert int(answer.headers["X-Rate"]) >= 3
    assert answer.headers["X-Tags"] == "a,b"


def test_an_example_is_chosen_by_name(client: httpx.Client) -> None:
    """`Prefer: example=` and `__example` choose; a name that is not there is 404."""
    assert client.get("/pets/7", headers=prefer("example=dog")).json() == DOG
    assert client.get("/pets/7", params={"__example": "dog"}).json() == DOG
    assert client.get("/pets/7", headers=prefer("example=cow")).status_code == 404


def test_a_status_is_chosen(client: httpx.Client) -> None:
    """`Prefer: code=` takes a status, one of a range, or `default`; one that the document does not have is 404."""
    answer = client.get("/pets/7", headers=prefer("code=418"))
    assert (answer.status_code, list(answer.json())) == (418, ["why"])
    answer = client.get("/pets/7", params={"__code": "503"})
    assert (answer.status_code, answer.json()) == (503, "else")
    assert client.delete("/pets/7", headers=prefer("code=200")).status_code == 404


def test_dynamic_answers_are_valid(client: httpx.Client) -> None:
    """`Prefer: dynamic=true` gives values of the schema, not the examples, and each satisfies it."""
    properties = {name: schema for name, schema in PET["properties"].items() if name != "secret"}
    schema = {**PET, "properties": properties, "$id": "https://example.com/pet"}
    judge = jsonschema_rs.Draft202012Validator(json.loads(json.dumps(schema).replace("#/components/schemas/Pet", "#")))
    answers = [client.get("/pets/7", headers=prefer("dynamic=true")).json() for _ in range(30)]
    assert all(judge.is_valid(answer) for answer in answers)
    assert len({json.dumps(answer) for answer in answers}) > 1


def test_negotiation(client: httpx.Client) -> None:
    """`Accept` decides by quality and specificity; what the document does not have is 406."""
    answer = client.get("/pets/7", headers={"Accept": "application/json;q=0.5, text/*"})
    assert (answer.headers["Content-Type"], answer.text) == ("text/plain", "Tom, a cat")
    assert client.get("/pets/7", headers={"Accept": "text/*;q=0.1, */*;q=0.5"}).json() == CAT
    assert client.get("/pets/7", headers={"Accept": "image/png"}).status_code == 406


def test_head_and_empty_answers(client: httpx.Client) -> None:
    """HEAD is answered where the document has it, without a body; an answer without content has no media type."""
    answer = client.head("/pets")
    assert (answer.status_code, answer.content, answer.headers["X-Total"]) == (200, b"", "3")
    answer = client.head("/pets/7")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, DELETE")
    answer = client.delete("/pets/7")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_invalid_requests(client: httpx.Client) -> None:
    """The document's 400 answers an invalid request where there is no 422; a range of it too; else it is ours."""
    key = {"X-Key": "any"}
    answer = client.post("/pets", json={"name": ""}, headers=key)
    assert (answer.status_code, answer.json()) == (400, {"wrong": True})
    assert client.post("/pets", json={**CAT}, headers=key).status_code == 400, "readOnly members are not to be sent"
    assert client.post("/pets", json={"name": "Tom", "kind": "cat"}, headers=key).status_code == 201
    assert client.get("/pets/x").status_code == 422
    assert client.delete("/pets/x").json()["detail"][0]["type"] == "int_parsing"


def test_credentials(client: httpx.Client) -> None:
    """Credentials in the form of the scheme are good; without them it is 401, in the document's own words."""
    answer = client.post("/pets", json={"name": "Tom", "kind": "cat"})
    assert (answer.status_code, answer.json()) == (401, {"who": "you"})
    assert "WWW-Authenticate" in answer.headers


def test_the_same_every_time(client: httpx.Client) -> None:
    """What is made of a schema is the same with every request."""
    body = {"name": "Tom", "kind": "cat"}
    answers = {client.post("/pets", json=body, headers={"X-Key": "k"}).text for _ in range(5)}
    assert len(answers) == 1


@pytest.mark.parametrize("name", ["pets", "published"])
def test_schemathesis_finds_nothing(name: str, tmp_path: Path) -> None:
    """No server error, no undeclared content type, no answer that breaks its schema or headers."""
    path = DOCUMENT if name == "published" else written(tmp_path, PETS)
    checks = "not_a_server_error,content_type_conformance,response_schema_conformance,response_headers_conformance"
    with running("mock", "--spec", path, cwd=tmp_path) as service:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--url", service.url]
        options = ["--checks", checks, "--max-examples", "30", "--seed", "1", "--no-color", "-H", "X-Key: any"]
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


TODO = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "example": "Wash"},
        "note": {"type": "string"},
        "rank": {"type": "integer", "example": "none"},
        "below": {"type": "array", "items": {"$ref": "#/components/schemas/Todo"}},
    },
}

TODOS = document_with(
    paths={
        "/todo": {
            "get": {
                "parameters": [{"name": "q", "in": "query"}],
                "responses": {
                    "204": {"description": "Nothing"},
                    "200": {"description": "All", "content": json_of({"$ref": "#/components/schemas/Todo"})},
                },
            }
        },
        "/xml": {
            "get": {
                "responses": {
                    "200": {
                        "description": "As XML",
                        "content": {
                            "application/xml": {
                                "schema": {"type": "object", "xml": {"name": "todo"}},
                                "example": {"id": 1, "tags": ["a", "b<"]},
                            },
                            **json_of({"type": "object"}),
                        },
                    }
                }
            }
        },
        "/written": {
            "get": {
                "responses": {
                    "200": {
                        "description": "As texts that JSON has no form for",
                        "content": {
                            "application/xml": {"schema": {"type": "object"}, "example": "<todo><id>1</id></todo>"},
                            "text/csv": {
                                "schema": {"type": "array", "items": {"type": "object"}},
                                "examples": {"two": {"value": "id,text\n1,one\n"}},
                            },
                        },
                    }
                }
            }
        },
        "/digest": {
            "get": {"security": [{"digest": []}, {"token": []}], "responses": {"200": {"description": "Known"}}}
        },
    },
    components={
        "schemas": {"Todo": TODO},
        "securitySchemes": {
            "digest": {"type": "http", "scheme": "digest"},
            "token": {"type": "http", "scheme": "bearer"},
        },
    },
)


@pytest.fixture(scope="module")
def todos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a mock whose document gives no whole examples."""
    folder = tmp_path_factory.mktemp("todos")
    with running("mock", "--spec", written(folder, TODOS), cwd=folder) as service, service.client() as opened:
        yield opened


def test_an_answer_is_composed_in_full(todos: httpx.Client) -> None:
    """Every declared member is there, by its own valid example or kind; of statuses of success the lowest."""
    answer = todos.get("/todo", params={"q": "anything"})
    assert answer.status_code == 200
    below = answer.json().pop("below")
    assert list(answer.json()) == ["title", "note", "rank", "below"]
    assert {**answer.json(), "below": None} == {"title": "Wash", "note": "string", "rank": 0, "below": None}
    assert below[0]["title"] == "Wash"
    assert below[0]["below"] == [{}], "what recurs ends"


def test_xml_answers(todos: httpx.Client) -> None:
    """The first media type is preferred where all are liked alike; XML is written as its schema names it."""
    answer = todos.get("/xml")
    assert answer.headers["Content-Type"] == "application/xml"
    assert answer.text == "<todo><id>1</id><tags>a</tags><tags>b&lt;</tags></todo>"
    assert todos.get("/xml", headers={"Accept": "application/json"}).json() == {}


def test_an_example_that_is_the_very_text_is_answered_as_it_is(todos: httpx.Client) -> None:
    """An object's example may be written as its media type writes it (OpenAPI 3.1 §4.8.19.1): that text is sent."""
    assert todos.get("/written").text == "<todo><id>1</id></todo>"
    assert todos.get("/written", headers={"Accept": "text/csv"}).text == "id,text\n1,one\n"
    assert todos.get("/written", params={"__example": "two"}, headers={"Accept": "text/csv"}).status_code == 200


def test_a_challenge_names_its_scheme(todos: httpx.Client) -> None:
    """Without credentials `WWW-Authenticate` names every scheme that would do."""
    answer = todos.get("/digest")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Digest realm="api", Bearer')


def test_a_refusal_is_the_example_that_is_preferred(client: httpx.Client) -> None:
    """`example=` chooses among the document's answers to invalid requests too; a name that is not there is 404."""
    key = {"X-Key": "any"}
    answer = client.post("/pets", params={"__example": "odd"}, json={"name": ""}, headers=key)
    assert (answer.status_code, answer.json()) == (400, {"odd": True})
    assert client.post("/pets", params={"__example": "no"}, json={"name": ""}, headers=key).status_code == 404
