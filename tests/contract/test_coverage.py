"""What recorded requests and answers have met of a document: judged keyword by keyword."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contract import compile_contract, load
from contract.coverage import Coverage, Exchange

BODY = "/paths/~1things~1{id}/post/requestBody/content/application~1json"
SCHEMA = f"{BODY}/schema"


def coverage_of(folder: Path, schema: Any, **more: Any) -> Coverage:
    """Of a document with one operation, whose body has this schema."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": "/v2"}],
        "paths": {
            "/things/{id}": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"maximum": 9, "type": "integer"}}
                ],
                "post": {
                    "operationId": "post",
                    "requestBody": {"content": {"application/json": {"schema": schema, **more}}},
                    "responses": {
                        "201": {
                            "description": "made",
                            "content": {"application/json": {"schema": {"type": ["object", "null"]}}},
                        },
                        "4XX": {"description": "refused"},
                    },
                },
            }
        },
        "components": {"schemas": {"Tree": {"items": {"$ref": "#/components/schemas/Tree"}, "maxItems": 1}}},
    }
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    return Coverage(compile_contract(load(path)))


def exchange(value: Any, *, thing: str = "1", **more: Any) -> Exchange:
    """A request with a body of JSON."""
    headers = [(b"content-type", b"application/json")]
    url = f"http://127.0.0.1:1/v2/things/{thing}"
    return Exchange("POST", "/things/{id}", url, headers, json.dumps(value).encode(), **more)


@pytest.mark.parametrize(
    ("schema", "values", "expected"),
    [
        # Says nothing of a value of another type.
        ({"minLength": 2}, [1, None], {"/minLength": (0, 0)}),
        ({"minLength": 2}, ["a", "ab", "abc"], {"/minLength": (2, 1)}),
        # Other keywords' refusals are not its own.
        (
            {"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "null"}},
            [{"a": 1}, {"a": "", "b": 1}],
            {
                "/properties": (1, 1),
                "/properties/a/type": (1, 1),
                "/additionalProperties": (1, 1),
                "/additionalProperties/type": (0, 1),
            },
        ),
        (
            {"patternProperties": {"^x": {"type": "string"}}, "additionalProperties": False},
            [{"xa": 1}, {"b": 1}],
            {"/patternProperties": (1, 1), "/patternProperties/^x/type": (0, 1), "/additionalProperties": (1, 1)},
        ),
        (
            {"prefixItems": [{"type": "string"}], "items": {"type": "null"}},
            [[1, None], ["", 1]],
            {"/prefixItems": (1, 1), "/prefixItems/0/type": (1, 1), "/items": (1, 1), "/items/type": (1, 1)},
        ),
        (
            {"contains": {"const": 1}, "minContains": 2, "maxContains": 2},
            [[1], [1, 1], [1, 1, 1]],
            {"/contains": (2, 1), "/minContains": (2, 1), "/maxContains": (2, 1), "/contains/const": (6, 0)},
        ),
        # A consequence counts where the condition holds.
        (
            {"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"const": None}},
            ["", "a", 1],
            {"/if": (2, 1), "/then": (1, 1), "/then/minLength": (1, 1), "/else": (0, 1), "/else/const": (0, 1)},
        ),
        (
            {"properties": {"a": {"type": "null"}}, "unevaluatedProperties": False},
            [{"a": 1}, {"a": None}, {"b": 1}],
            {"/unevaluatedProperties": (1, 1)},
        ),
        # A format that asserts nothing is no keyword to be met.
        ({"format": "no-such-format", "type": "string"}, ["a"], {"/type": (1, 0), "/format": None}),
        # A branch is judged by itself, whatever becomes of the whole.
        ({"anyOf": [{"type": "null"}, {"const": 1}]}, [1, 2], {"/anyOf": (1, 1), "/anyOf/1/const": (1, 1)}),
        ({"propertyNames": {"maxLength": 1}}, [{"a": 1, "bb": 1}], {"/propertyNames/maxLength": (1, 1)}),
    ],
)
def test_a_keyword_is_judged_alone(
    schema: Any, values: list[Any], expected: Mapping[str, tuple[int, int] | None], tmp_path: Path
) -> None:
    """It is seen accepting what it admits and refusing what it does not, at its place, whatever stands beside it."""
    coverage = coverage_of(tmp_path, schema)
    for value in values:
        coverage.add(exchange(value))
    found = {pointer: (seen.admitted, seen.refused) for pointer, seen in coverage.keywords.items()}
    assert {keyword: found.get(SCHEMA + keyword) for keyword in expected} == expected


def test_references_are_followed_round_and_round(tmp_path: Path) -> None:
    """A schema that refers to itself is judged at every depth, by the place where it stands."""
    coverage = coverage_of(tmp_path, {"$ref": "#/components/schemas/Tree"})
    coverage.add(exchange([[[], []]]))
    seen = coverage.keywords["/components/schemas/Tree/maxItems"]
    assert (seen.admitted, seen.refused) == (3, 1)


def test_parameters_answers_and_statuses_count(tmp_path: Path) -> None:
    """Those of the path item too; a range of statuses is met by one of them, and what is undocumented is counted."""
    coverage = coverage_of(tmp_path, True)
    kept = {"answer_type": "application/json", "answer": b"{}"}
    coverage.add(exchange(None, thing="9", status=201, **kept))
    coverage.add(exchange(None, thing="10", status=422))
    coverage.add(exchange(None, thing="1", status=500))
    coverage.add(Exchange("GET", "/things/{id}", "http://127.0.0.1:1/v2/things/1", [], b"", 405))
    maximum = coverage.keywords["/paths/~1things~1{id}/parameters/0/schema/maximum"]
    assert (maximum.admitted, maximum.refused) == (2, 1)
    assert coverage.statuses == {"POST /things/{id}": {"201": 1, "4XX": 1, "500": 1}}
    answer = "/paths/~1things~1{id}/post/responses/201/content/application~1json/schema/type"
    assert coverage.keywords[answer].admitted == 1
    assert not coverage.keywords[answer].lacks


def test_examples_are_met_by_equal_values(tmp_path: Path) -> None:
    """Equal as JSON Schema has it: 1 is 1.0, and not true; what was never sent is listed."""
    coverage = coverage_of(tmp_path, {"examples": [1, 2]}, examples={"one": {"value": 1}, "yes": {"value": True}})
    coverage.add(exchange(1.0))
    met = {each.pointer: each.met for each in coverage.examples.values()}
    assert met == {
        f"{SCHEMA}/examples/0": 1,
        f"{SCHEMA}/examples/1": 0,
        f"{BODY}/examples/one/value": 1,
        f"{BODY}/examples/yes/value": 0,
    }
    assert f"{SCHEMA}/examples/1: example never sent" in coverage.never()
