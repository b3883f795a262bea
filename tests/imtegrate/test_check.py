"""`imtegrate check`: every fault of a document, or none."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from contract.locate import with_positions
from imtegrate.service import faults_of
from running import DOCUMENT, imtegrate


def test_the_published_document_has_no_faults(tmp_path: Path) -> None:
    """The document that is installed can be served: exit 0, and nothing on stdout."""
    done = imtegrate("check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "no faults" in done.stderr
    done = imtegrate("check", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A document with two faults, in the folder where the command is run."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_bytes())
    properties = document["components"]["schemas"]["ApiKeyCreate"]["properties"]
    properties["env"]["pattern"] = "("
    properties["scopes"]["items"] = {"$ref": "#/components/schemas/Nowhere"}
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document, indent=2))
    return path


def test_every_fault_is_a_line(broken: Path) -> None:
    """Of the document in the working folder each fault is a line with file, line, pointer and mend, exit 1."""
    done = imtegrate("check", cwd=broken.parent)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    source = broken.read_text().splitlines()
    assert len(lines) == 2
    for words, pointer in (("Nowhere", "scopes/items/$ref"), ("pattern", "env/pattern")):
        [line] = [line for line in lines if pointer in line]
        number = int(line.removeprefix(f"{broken}:").split(":")[0])
        assert words in source[number - 1]
        assert line.endswith(")")
    assert "Traceback" not in done.stderr


def test_faults_are_one_json_value(broken: Path) -> None:
    """`--json` prints one array of faults and nothing else, exit 1."""
    done = imtegrate("check", "--json", "--spec", broken, cwd=broken.parent)
    assert (done.returncode, done.stderr) == (1, "")
    faults = json.loads(done.stdout)
    assert len(faults) == 2
    for fault in faults:
        assert fault.keys() == {"file", "pointer", "line", "column", "message", "mend"}
        assert (fault["file"], fault["line"] > 1) == (str(broken), True)


@pytest.mark.parametrize("content", [None, b"\xff", b"[]", b"{}"])
def test_what_is_no_document_is_told(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, or holds no OpenAPI, is a fault like any other, exit 1."""
    path = tmp_path / "other.json"
    if content is not None:
        path.write_bytes(content)
    done = imtegrate("check", "--spec", path, cwd=tmp_path)
    assert done.returncode == 1
    assert len((done.stdout + done.stderr).splitlines()) == 1
    assert str(path) in done.stdout + done.stderr


def test_faults_of_every_stage_are_named_together(tmp_path: Path) -> None:
    """All that files, structure, schemas, compiler and security have against a document is told at once."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_bytes())
    operation = document["paths"]["/v1/api-keys"]["post"]
    schemas = document["components"]["schemas"]
    del document["info"]["title"]
    schemas["Gone"] = {"$ref": "gone.json#/a"}
    schemas["ApiKeyCreate"]["properties"]["env"]["pattern"] = "("
    schemas["ApiKeyCreate"]["properties"]["name"] = {"$ref": "#/components/schemas/Nowhere"}
    operation["parameters"] = [{"name": "a", "in": "query", "style": "matrix", "schema": {}}]
    operation["security"] = [{"Unheard": []}]
    document["paths"]["/other"] = {"get": {**operation, "parameters": []}}
    document["paths"]["/item"] = {"$ref": "#/components/pathItems/Item", "summary": "beside"}
    document["components"]["pathItems"] = {"Item": {}}
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document, indent=2))
    done = imtegrate("check", "--json", "--spec", path, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    faults = json.loads(done.stdout)
    post = "/paths/~1v1~1api-keys/post"
    assert {fault["pointer"] for fault in faults} == {
        "/components/schemas/Gone/$ref",
        "",
        "/info",
        "/components/schemas/ApiKeyCreate/properties/name/$ref",
        "/components/schemas/ApiKeyCreate/properties/env/pattern",
        f"{post}/parameters/0/style",
        "/paths/~1item",
        f"{post}/security/0/Unheard",
        "/paths/~1other/get/operationId",
    }
    assert all(fault["line"] and fault["column"] for fault in faults)


@pytest.mark.parametrize("value", [5, None, [], {}, "x"], ids=str)
@pytest.mark.parametrize(
    "pointer", ["paths", "components", "servers", "components/schemas", "paths/~1v1~1api-keys", "info", "security"]
)
def test_no_structure_is_too_wrong(pointer: str, value: Any, tmp_path: Path) -> None:
    """Whatever stands in the place of an object, the faults are lines, and never a traceback."""
    document = json.loads(DOCUMENT.read_bytes())
    holder = document
    *above, last = (step.replace("~1", "/") for step in pointer.split("/"))
    for step in above:
        holder = holder[step]
    holder[last] = value
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    for fault in with_positions(faults_of(path)):
        assert fault.line
        assert fault.mend


def test_a_file_of_any_name_is_told_in_json(tmp_path: Path) -> None:
    """`--json` is JSON in UTF-8, even of a file whose name is not."""
    name = os.fsdecode(b"caf\xe9.json")
    done = imtegrate("check", "--json", "--spec", name, cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout.encode())[0]["file"] == str(tmp_path / name)
