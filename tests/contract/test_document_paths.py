"""A document is the same by whichever path it is named."""

import json
from pathlib import Path

import pytest

from contract.check import check
from contract.document import read
from contract.operation import compile_contract

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/things": {
            "post": {
                "operationId": "make",
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
                "responses": {
                    "201": {
                        "description": "Made",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "size": {"$ref": "more.json#/Size"}},
                "required": ["name"],
            }
        }
    },
}


@pytest.mark.parametrize(
    "named", ["openapi.json", "./openapi.json", "sub/../openapi.json", "link/../openapi.json", "sub/./../openapi.json"]
)
def test_references_are_followed_by_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """Defaults are filled in and undeclared members left out, whether `..` or a linked folder stands in the path."""
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    (home / "far").mkdir()
    (home / "link").symlink_to(home / "far")
    (home / "openapi.json").write_text(json.dumps(DOCUMENT))
    (home / "more.json").write_text(json.dumps({"Size": {"type": "integer", "default": 1}}))
    monkeypatch.chdir(home)
    document, faults = read(Path(named))
    assert faults == check(document) == []
    operation = compile_contract(document).operations["make"]
    assert operation.body is not None
    [asked] = operation.body.content.entries
    assert asked.schema is not None
    assert asked.schema.complete is not None
    assert asked.schema.complete({"name": "a"}) == {"name": "a", "size": 1}
    response = operation.response_for(201)
    assert response is not None
    [answered] = response.content.entries
    assert answered.schema is not None
    assert answered.schema.project is not None
    assert answered.schema.project({"name": "a", "more": 1}) == {"name": "a"}
