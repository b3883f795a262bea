"""`contract.check` names every fault of a document at once, each by its place."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiling import document_with, operation_with, written
from contract import DocumentError, load
from contract.check import check
from contract.locate import with_positions
from editing import DOCUMENT, Operation, patched

CREATE = "/components/schemas/ApiKeyCreate"
POST = "/paths/~1v1~1api-keys/post"

FAULTS: dict[str, tuple[list[Operation], str, str]] = {
    "invalid against 3.1": ([("remove", "/info/title")], "/info", "title"),
    "an operation that is no object": (
        [("add", "/paths/~1v1~1api-keys/get", None)],
        "/paths/~1v1~1api-keys/get",
        "null is not of type",
    ),
    "a dangling $ref of a schema": (
        [("replace", f"{CREATE}/properties/name", {"$ref": "#/components/schemas/No"})],
        f"{CREATE}/properties/name/$ref",
        "points to nowhere",
    ),
    "a dangling $ref of a response": (
        [("replace", f"{POST}/responses/422", {"$ref": "#/components/responses/No"})],
        f"{POST}/responses/422/$ref",
        "points to nowhere",
    ),
    "a remote $ref": (
        [("replace", f"{CREATE}/properties/name", {"$ref": "https://example.com/name.json"})],
        f"{CREATE}/properties/name/$ref",
        "points to nowhere",
    ),
    "a pattern that does not compile": (
        [("replace", f"{CREATE}/properties/env/pattern", "(")],
        f"{CREATE}/properties/env/pattern",
        "does not compile",
    ),
    "a keyword of the wrong type": (
        [("replace", f"{CREATE}/properties/name/maxLength", "x")],
        f"{CREATE}/properties/name/maxLength",
        "is not of type",
    ),
    "a default that its schema refuses": (
        [("replace", f"{CREATE}/properties/env/default", "prod")],
        f"{CREATE}/properties/env/default",
        "refuses its default",
    ),
    "an example that its schema refuses": (
        [("add", f"{CREATE}/examples", [{"name": "ok"}, {"name": 1}])],
        f"{CREATE}/examples/1",
        "refuses its example: /name ",
    ),
    "an example of a body": (
        [("add", f"{POST}/requestBody/content/application~1json/example", {})],
        f"{POST}/requestBody/content/application~1json/example",
        "refuses its example",
    ),
    "a repeated operationId": (
        [
            (
                "add",
                "/paths/~1other",
                {"get": {"operationId": "create_key_v1_api_keys_post", "responses": {"200": {"description": ""}}}},
            )
        ],
        "/paths/~1other/get/operationId",
        "is that of POST /v1/api-keys too",
    ),
    "an undeclared path parameter": (
        [("add", "/paths/~1keys~1{id}", {"get": {"responses": {"200": {"description": ""}}}})],
        "/paths/~1keys~1{id}/get",
        "'id' is not declared",
    ),
    "a path parameter without a place": (
        [("add", f"{POST}/parameters/-", {"name": "id", "in": "path", "required": True, "schema": {}})],
        POST,
        "the path has no {id}",
    ),
    "two paths that cannot be told apart": (
        [
            (
                "add",
                "/paths",
                {
                    f"/keys/{{{name}}}": {
                        "get": {
                            "operationId": name,
                            "parameters": [{"name": name, "in": "path", "required": True, "schema": {}}],
                            "responses": {"200": {"description": ""}},
                        }
                    }
                    for name in ("a", "b")
                },
            )
        ],
        "/paths/~1keys~1{b}",
        "matches whatever /keys/{a} matches",
    ),
    "a dialect that is not followed": (
        [("add", f"{CREATE}/$schema", "http://json-schema.org/draft-07/schema#")],
        f"{CREATE}/$schema",
        "is not followed",
    ),
}


def faults_of(folder: Path, operations: list[Operation]) -> list[Any]:
    """The faults of an edit of the published document."""
    return check(load(written(folder, patched(json.loads(DOCUMENT.read_text()), operations))))


def test_the_published_document_has_no_fault() -> None:
    """What is published can be served."""
    assert check(load(DOCUMENT)) == []


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str, tmp_path: Path) -> None:
    """Each kind of fault is found, once, at its place, and says what is wrong."""
    operations, pointer, message = FAULTS[name]
    (fault,) = faults_of(tmp_path, operations)
    assert fault.pointer == pointer
    assert message in fault.message
    assert fault.mend


def test_all_at_once(tmp_path: Path) -> None:
    """Faults of different kinds are named together, each with the line and column of its place."""
    apart = {
        "invalid against 3.1",
        "an operation that is no object",
        "two paths that cannot be told apart",
        "a dangling $ref of a schema",
        "a remote $ref",
    }
    operations = [operation for name in FAULTS if name not in apart for operation in FAULTS[name][0]]
    found = with_positions(faults_of(tmp_path, operations))
    assert len(found) >= 7
    lines = (tmp_path / "openapi.json").read_text().splitlines()
    for fault in found:
        assert fault.line is not None
        assert fault.column is not None
        last = fault.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        assert lines[fault.line - 1][fault.column - 1 :].startswith((f'"{last}"', "{")), fault


def test_yaml_places(tmp_path: Path) -> None:
    """A document in YAML is checked alike, and its places are those of the YAML."""
    path = tmp_path / "openapi.yaml"
    path.write_text(yaml.safe_dump(document_with(components={"schemas": {"A": {"pattern": "("}}}), sort_keys=False))
    (fault,) = with_positions(check(load(path)))
    assert path.read_text().splitlines()[fault.line - 1].strip() == "pattern: ("


def test_yaml_has_the_types_of_json(tmp_path: Path) -> None:
    """Dates stay text, `yes` stays text, and numeric keys become text: YAML's JSON schema, no templating."""
    path = tmp_path / "openapi.yaml"
    path.write_text(
        "openapi: 3.1.0\ninfo: {title: yes, version: 2026-01-01}\nx-a: '{{ 7 * 7 }}'\npaths: {}\nx-b: {200: 1}\n"
    )
    root = load(path).root
    assert root["info"] == {"title": "yes", "version": "2026-01-01"}
    assert root["x-a"] == "{{ 7 * 7 }}"
    assert root["x-b"] == {"200": 1}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("{", 1, 2), ('{"openapi": "3.1.0",\n "a": }', 2, 7), ("\n\nnope", 3, 1), ('{"a": NaN}', 1, 7)],
)
def test_what_is_no_json(text: str, line: int, column: int, tmp_path: Path) -> None:
    """A file that is no JSON is refused at the line and column where it stops being one."""
    path = tmp_path / "openapi.json"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        load(path)
    (fault,) = caught.value.faults
    assert (fault.line, fault.column) == (line, column)


@pytest.mark.parametrize("version", ["2.0", "3.9.9", None, 3.1])
def test_other_versions_are_refused(version: Any, tmp_path: Path) -> None:
    """What is no OpenAPI 3.0, 3.1 or 3.2 is refused by its version."""
    with pytest.raises(DocumentError, match="/openapi"):
        load(written(tmp_path, {**operation_with(), "openapi": version}))


def test_unreadable_references_name_both_ends(tmp_path: Path) -> None:
    """A reference to a file that is not there names the reference and the file."""
    document = document_with(components={"schemas": {"A": {"$ref": "gone.json#/x"}}})
    with pytest.raises(DocumentError) as caught:
        load(written(tmp_path, document))
    assert [fault.path.name for fault in caught.value.faults] == ["openapi.json", "gone.json"]
