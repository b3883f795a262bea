"""Hypothesis makes OpenAPI documents; each is mocked, and schemathesis' cases run against it."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from compiling import document_with, written
from contract import compile_contract, load
from contract.check import check
from contract.fault import DocumentError
from contract.mock import mock_app
from imtegrate.representation import Static
from running import running

DOCUMENTS: Final = 60
"""Documents made in one run."""

NAMES = st.sampled_from(["a", "b-c", "d_e", "F", "g.h", "x1"])
CHECKS: Final = (
    "not_a_server_error",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)

scalars = st.one_of(
    st.fixed_dictionaries({"type": st.just("boolean")}),
    st.builds(
        lambda low, span, more: {"type": more, "minimum": low, "maximum": low + span},
        st.integers(-9, 9),
        st.integers(0, 9),
        st.sampled_from(["integer", "number"]),
    ),
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span},
        st.integers(0, 4),
        st.integers(0, 9),
    ),
    st.builds(lambda name: {"type": "string", "format": name}, st.sampled_from(["uuid", "date", "date-time", "ipv4"])),
    st.builds(
        lambda pattern: {"type": "string", "pattern": pattern}, st.sampled_from(["^[a-z]{2,4}$", "^x", "[0-9]+"])
    ),
    st.builds(
        lambda options: {"enum": options},
        st.lists(st.sampled_from(["a", "b", 1, None, True]), min_size=1, unique_by=repr),
    ),
    st.builds(lambda value: {"const": value}, st.sampled_from(["only", 7, False])),
    st.just({"type": ["string", "null"]}),
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of others."""
    return st.one_of(
        st.builds(
            lambda items, low, span: {"type": "array", "items": items, "minItems": low, "maxItems": low + span},
            inner,
            st.integers(0, 2),
            st.integers(0, 3),
        ),
        st.builds(_object, st.dictionaries(NAMES, inner, max_size=4), st.booleans(), st.booleans()),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        # No prefixItems: schemathesis rewrites them, and then refuses what it wrote.
    )


def _object(properties: dict[str, Any], all_required: bool, closed: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if all_required:
        schema["required"] = list(properties)
    if closed:
        schema["additionalProperties"] = False
    return schema


schemas = st.recursive(scalars, composed, max_leaves=6)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document of a few operations: parameters everywhere, bodies, statuses, media types, headers."""
    component = draw(schemas)
    paths: dict[str, Any] = {}
    for index in range(draw(st.integers(1, 3))):
        in_path = draw(st.booleans())
        parameters = [_parameter(draw, name) for name in draw(st.lists(NAMES, max_size=2, unique=True))]
        if in_path:
            parameters.append({"name": "id", "in": "path", "required": True, "schema": draw(scalars)})
        operation: dict[str, Any] = {
            "operationId": f"op{index}",
            "parameters": parameters,
            "responses": {draw(st.sampled_from(["200", "201", "2XX", "default"])): _response(draw)},
        }
        method = draw(st.sampled_from(["get", "post", "put"]))
        if method != "get":
            schema = draw(st.one_of(schemas, st.just({"$ref": "#/components/schemas/Shared"})))
            operation["requestBody"] = {
                "required": draw(st.booleans()),
                "content": {"application/json": {"schema": schema}},
            }
        paths[f"/p{index}/{{id}}" if in_path else f"/p{index}"] = {method: operation}
    return document_with(paths=paths, components={"schemas": {"Shared": component}})


def _parameter(draw: st.DrawFn, name: str) -> dict[str, Any]:
    location = draw(st.sampled_from(["query", "header"]))
    schema = draw(scalars if location == "header" else st.one_of(scalars, composed(scalars)))
    name = f"X-{name}" if location == "header" else name
    return {"name": name, "in": location, "required": draw(st.booleans()), "schema": schema}


def _response(draw: st.DrawFn) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "ok"}
    if draw(st.booleans()):
        schema = draw(st.one_of(schemas, st.just({"$ref": "#/components/schemas/Shared"})))
        response["content"] = {
            draw(st.sampled_from(["application/json", "application/vnd.x+json"])): {"schema": schema}
        }
    if draw(st.booleans()):
        response["headers"] = {
            "X-Made": {"required": True, "schema": {"type": "integer", "minimum": draw(st.integers(0, 9))}}
        }
    return response


@settings(
    max_examples=DOCUMENTS,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(document=documents())
def test_made_documents_are_mocked(document: dict[str, Any], tmp_path_factory: Any) -> None:
    """Whatever the document, every answer of its mock is one that it declares."""
    folder: Path = tmp_path_factory.mktemp("made")
    loaded = load(written(folder, document))
    assert check(loaded) == []
    app = mock_app(compile_contract(loaded), beside={"/openapi.json": Static(loaded.published, "application/json")})
    found = schemathesis.openapi.from_asgi("/openapi.json", app)
    checks = [getattr(schemathesis.checks, name) for name in CHECKS if hasattr(schemathesis.checks, name)]
    for result in found.get_all_operations():
        _run(result.ok(), checks, json.dumps(document))


def _run(operation: Any, checks: list[Any], document: str) -> None:
    @settings(
        max_examples=3, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        response = case.call()
        assert response.status_code < 500, (document, response.text)
        case.validate_response(response, checks=checks)

    run()


def test_a_document_of_a_thousand_operations(tmp_path: Path) -> None:
    """Every one of a thousand operations, each with a schema of its own, is served, and none is taken for another."""
    count = 1000
    paths = {
        f"/things{index}/{{id}}": {
            "get": {
                "operationId": f"get_{index}",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/T{index}"}}},
                    }
                },
            }
        }
        for index in range(count)
    }
    schemas = {
        f"T{index}": {
            "type": "object",
            "required": ["number"],
            "properties": {
                "number": {"const": index},
                "next": {"$ref": f"#/components/schemas/T{(index + 1) % count}"},
            },
        }
        for index in range(count)
    }
    spec = written(tmp_path, document_with(paths=paths, components={"schemas": schemas}))
    with running("mock", "--spec", spec, cwd=tmp_path) as mock, mock.client() as client:
        for index in (0, 1, 499, 998, 999):
            assert client.get(f"/things{index}/7").json()["number"] == index
            assert client.get(f"/things{index}/x").status_code == 422


def test_a_schema_that_waits_is_tried_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema that is compiled only when it is asked, as too many came before it, is named at start if it is none."""
    monkeypatch.setattr("contract.schema.MAX_EAGER", 0)
    answers = {
        f"/{name}": {
            "get": {
                "operationId": name,
                "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}},
            }
        }
        for name, schema in {"good": {"type": "string"}, "bad": {"type": "string", "minLength": "x"}}.items()
    }
    with pytest.raises(DocumentError) as caught:
        compile_contract(load(written(tmp_path, document_with(paths=answers))))
    (fault,) = caught.value.faults
    assert fault.pointer == "/paths/~1bad/get/responses/200/content/application~1json/schema"
