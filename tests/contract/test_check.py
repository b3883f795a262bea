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
from running import imtegrate

CREATE = "/components/schemas/ApiKeyCreate"
POST = "/paths/~1v1~1api-keys/post"
PARAMETERS = len(json.loads(DOCUMENT.read_text())["paths"]["/v1/api-keys"]["post"].get("parameters", []))

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
    "a parameter that stands twice": (
        [("add", f"{POST}/parameters/-", {"name": name, "in": "header", "schema": {}}) for name in ("X-A", "x-a")],
        f"{POST}/parameters/{PARAMETERS + 1}",
        "stands twice in the list",
    ),
    "a parameter that refers to a schema": (
        [("add", f"{POST}/parameters/-", {"$ref": "#/components/schemas/ApiKeyCreate"})],
        f"{POST}/parameters/{PARAMETERS}/$ref",
        "is not a Parameter Object",
    ),
    "a schema that is nothing but itself": (
        [("add", "/components/schemas/A", {"$ref": "#/components/schemas/A"})],
        "/components/schemas/A/$ref",
        "leads back to itself",
    ),
    "a server variable that nobody declares": (
        [("add", "/servers", [{"url": "https://example.com/{version}"}])],
        "/servers/0/url",
        "'version' is not declared",
    ),
    "a server's brace without a partner": (
        [("add", "/servers", [{"url": "/{version", "variables": {"version": {"default": "v1"}}}])],
        "/servers/0/url",
        "has no partner",
    ),
    "a server variable whose default is not in its enum": (
        [("add", "/servers", [{"url": "/{v}", "variables": {"v": {"default": "v3", "enum": ["v1", "v2"]}}}])],
        "/servers/0/variables/v/default",
        "'v3' is not in the enum",
    ),
    "a path's brace without a partner": (
        [("add", "/paths/~1{a", {"get": {"responses": {"200": {"description": ""}}}})],
        "/paths/~1{a",
        "has no partner",
    ),
    "an $id that stands twice": (
        [("add", f"/components/schemas/{name}", {"$id": "https://example.com/a"}) for name in "AB"],
        "/components/schemas/B/$id",
        "is that of /components/schemas/A too",
    ),
    "an $anchor that stands twice": (
        [
            ("add", "/components/schemas/A", {"$anchor": "here"}),
            ("add", "/components/schemas/B", {"$dynamicAnchor": "here"}),
        ],
        "/components/schemas/B/$dynamicAnchor",
        "is that of /components/schemas/A too",
    ),
    "a jsonSchemaDialect that is not followed": (
        [("add", "/jsonSchemaDialect", "https://example.com/dialect")],
        "/jsonSchemaDialect",
        "is not followed",
    ),
    "a media type that is none": (
        [("add", f"{POST}/requestBody/content/nonsense", {})],
        f"{POST}/requestBody/content/nonsense",
        "is no media type",
    ),
    "a media range that is none": (
        [("add", f"{POST}/requestBody/content/*~1json", {})],
        f"{POST}/requestBody/content/*~1json",
        "is no media type",
    ),
    "a media type without a name": (
        [("add", f"{POST}/requestBody/content/", {})],
        f"{POST}/requestBody/content/",
        "is no media type",
    ),
    "a discriminator's mapping to nowhere": (
        [("add", f"{CREATE}/discriminator", {"propertyName": "name", "mapping": {"x": "#/components/schemas/No"}})],
        f"{CREATE}/discriminator/mapping/x",
        "names no schema",
    ),
    "a link to an operation that is not there": (
        [("add", f"{POST}/responses/201/links", {"L": {"operationId": "no"}})],
        f"{POST}/responses/201/links/L/operationId",
        "there is no operation 'no'",
    ),
    "a link that points to nowhere": (
        [("add", f"{POST}/responses/201/links", {"L": {"operationRef": "#/paths/~1no/get"}})],
        f"{POST}/responses/201/links/L/operationRef",
        "points to nowhere",
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


ODD_FILES = {
    "empty": ("m.yaml", "", "#/M", "points to nowhere"),
    "a number": ("m.yaml", "7", "#/M", "points to nowhere"),
    "a text": ("m.yaml", "text", "#/M", "points to nowhere"),
    "below a text": ("m.yaml", "M: {type: string}", "#/M/type/x", "points to nowhere"),
    "empty, as a whole": ("m.yaml", "", "", "a schema is an object"),
    "an alias below its anchor": ("m.yaml", "M: &a {properties: {x: *a}}", "#/M", "nested too deep"),
    "deep YAML": ("m.yaml", "M: " + "[" * 3000 + "]" * 3000, "#/M", "nested too deep"),
    "deep JSON": ("m.json", '{"M": ' + "[" * 3000 + "]" * 3000 + "}", "#/M", "nested deeper than"),
}
"""The name and the text of a file that is referred to, the fragment, and what is said of it."""


@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_files_behind_a_reference(name: str, tmp_path: Path) -> None:
    """A file that holds nothing that can be referred to is named in words, whatever it holds instead."""
    file, text, fragment, said = ODD_FILES[name]
    (tmp_path / file).write_text(text)
    schema = {"$ref": f"{file}{fragment}"}
    parameter = {"name": "q", "in": "query", "schema": schema}
    written(tmp_path, operation_with(parameters=[parameter]))
    done = imtegrate("check", "--spec", "openapi.json", cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


WRONG_STRUCTURE = frozenset({"invalid against 3.1", "an operation that is no object"})


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - WRONG_STRUCTURE))
def test_structure_hides_nothing(name: str, tmp_path: Path) -> None:
    """A document of the wrong structure has its other faults named beside that."""
    operations, pointer, _ = FAULTS[name]
    found = faults_of(tmp_path, [("remove", "/info/title"), *operations])
    assert [fault.pointer for fault in found] == ["/info", pointer]


def test_schemas_that_are_nothing_but_each_other(tmp_path: Path) -> None:
    """Each schema of a circle is named; one that leads into it, or says more than where to look, is no fault."""
    schemas = {
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"$ref": "#/components/schemas/A"},
        "C": {"$ref": "#/components/schemas/A"},
        "Tree": {"properties": {"below": {"$ref": "#/components/schemas/Tree"}}},
    }
    found = check(load(written(tmp_path, document_with(components={"schemas": schemas}))))
    assert [fault.pointer for fault in found] == ["/components/schemas/A/$ref", "/components/schemas/B/$ref"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("openapi.json", '{"openapi": "3.1.0",\n "info": {"title": "a", "title": "b", "version": "1"},\n "paths": {}}'),
        ("openapi.yaml", "openapi: 3.1.0\ninfo: {title: a,   title: b, version: '1'}\npaths: {}\n"),
    ],
)
def test_members_given_twice(name: str, text: str, tmp_path: Path) -> None:
    """A name that stands twice in one object is a fault at the second of them: the first would be lost."""
    path = tmp_path / name
    path.write_text(text)
    (fault,) = check(load(path))
    assert (fault.pointer, fault.line) == ("/info/title", 2)
    assert fault.column is not None
    assert text.splitlines()[1][fault.column - 1 :].startswith(('"title": "b"', "title: b"))
    assert "twice" in fault.message


@pytest.mark.parametrize("name", ["*/*", "text/*", "application/json; charset=utf-8", 'a/b;c="d e"', "image/svg+xml"])
def test_media_types_and_ranges(name: str, tmp_path: Path) -> None:
    """Media types and ranges, with parameters or without, are no fault."""
    document = operation_with(responses={"200": {"description": "", "content": {name: {}}}})
    assert check(load(written(tmp_path, document))) == []


def test_what_of_3_2_is_not_supported(tmp_path: Path) -> None:
    """What OpenAPI 3.2 adds and nothing here follows is named, each at its place, and stops nothing."""
    answer = {"responses": {"200": {"description": "", "content": {"application/jsonl": {"itemSchema": {}}}}}}
    item = {"query": answer, "additionalOperations": {"COPY": answer}, "get": answer}
    document = {**document_with(paths={"/": item}), "openapi": "3.2.0", "$self": "https://example.com/openapi"}
    found = check(load(written(tmp_path, document)))
    assert {"/$self", "/paths/~1/query", "/paths/~1/additionalOperations"} < {fault.pointer for fault in found}
    assert not any(fault.stops for fault in found)
    assert all("not supported" in fault.message for fault in found)


def test_a_body_that_would_go_unjudged_stops_the_start(tmp_path: Path) -> None:
    """A reference to a media type of OpenAPI 3.2, whose schema nothing here would hold a body to, is not served."""
    content = {"application/json": {"$ref": "#/components/mediaTypes/M"}}
    operation = {"requestBody": {"content": content}, "responses": {"200": {"description": ""}}}
    components = {"mediaTypes": {"M": {"schema": {"type": "null"}}}}
    document = {**document_with(paths={"/": {"post": operation}}, components=components), "openapi": "3.2.0"}
    [fault] = check(load(written(tmp_path, document)))
    assert (fault.pointer, fault.stops) == ("/paths/~1/post/requestBody/content/application~1json/$ref", True)


@pytest.mark.parametrize("keyword", ["readOnly", "writeOnly"])
def test_references_of_members_that_travel_one_way(keyword: str, tmp_path: Path) -> None:
    """In 3.0 a member that refers to a schema of one direction leads somewhere, though the other has no such member."""
    one_way = {"type": "object", keyword: True, "properties": {"a": {"type": "string"}}}
    whole = {"type": "object", "properties": {"one": {"$ref": "#/components/schemas/OneWay"}}}
    document = {**document_with(components={"schemas": {"OneWay": one_way, "Whole": whole}}), "openapi": "3.0.3"}
    assert check(load(written(tmp_path, document))) == []
