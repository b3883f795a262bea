"""Parameters in every style of the specification's table (OpenAPI 3.1 §4.8.12.4), and what is malformed."""

from pathlib import Path
from typing import Any

import pytest

from compiling import compiled, operation_with
from contract.findings import Findings
from contract.parameters import Parameter
from contract.raw import Raw, pairs_of
from contract.styles import MISSING

COLOURS = {"type": "array", "items": {"type": "string"}}
RGB = {"type": "object", "properties": {"R": {"type": "integer"}, "G": {"type": "integer"}, "B": {"type": "integer"}}}
LIST = ["blue", "black", "brown"]
MEMBERS = {"R": 100, "G": 200, "B": 150}

TABLE: list[tuple[str, str, bool, Any, str, Any]] = [
    ("path", "matrix", False, {"type": "string"}, ";color=blue", "blue"),
    ("path", "matrix", False, COLOURS, ";color=blue,black,brown", LIST),
    ("path", "matrix", False, RGB, ";color=R,100,G,200,B,150", MEMBERS),
    ("path", "matrix", True, COLOURS, ";color=blue;color=black;color=brown", LIST),
    ("path", "matrix", True, RGB, ";R=100;G=200;B=150", MEMBERS),
    ("path", "label", False, {"type": "string"}, ".blue", "blue"),
    ("path", "label", False, COLOURS, ".blue.black.brown", LIST),
    ("path", "label", False, COLOURS, ".blue,black,brown", LIST),
    ("path", "label", False, RGB, ".R.100.G.200.B.150", MEMBERS),
    ("path", "label", True, COLOURS, ".blue.black.brown", LIST),
    ("path", "label", True, RGB, ".R=100.G=200.B=150", MEMBERS),
    ("path", "simple", False, {"type": "string"}, "blue", "blue"),
    ("path", "simple", False, {"type": "string"}, "a%2Fb%20c", "a/b c"),
    ("path", "simple", False, {"type": "integer"}, "7", 7),
    ("path", "simple", False, COLOURS, "blue,black,brown", LIST),
    ("path", "simple", False, COLOURS, "a%2Cb,c", ["a,b", "c"]),
    ("path", "simple", False, RGB, "R,100,G,200,B,150", MEMBERS),
    ("path", "simple", True, COLOURS, "blue,black,brown", LIST),
    ("path", "simple", True, RGB, "R=100,G=200,B=150", MEMBERS),
    ("query", "form", False, {"type": "string"}, "color=", ""),
    ("query", "form", False, {"type": "string"}, "color=blue+green%21", "blue green!"),
    ("query", "form", False, COLOURS, "color=blue,black,brown", LIST),
    ("query", "form", False, RGB, "color=R,100,G,200,B,150", MEMBERS),
    ("query", "form", True, COLOURS, "color=blue&color=black&color=brown", LIST),
    ("query", "form", True, RGB, "R=100&G=200&B=150", MEMBERS),
    ("query", "spaceDelimited", False, COLOURS, "color=blue%20black%20brown", LIST),
    ("query", "spaceDelimited", False, COLOURS, "color=blue+black+brown", LIST),
    ("query", "spaceDelimited", False, RGB, "color=R%20100%20G%20200%20B%20150", MEMBERS),
    ("query", "pipeDelimited", False, COLOURS, "color=blue|black|brown", LIST),
    ("query", "pipeDelimited", False, COLOURS, "color=blue%7Cblack%7Cbrown", LIST),
    ("query", "pipeDelimited", False, RGB, "color=R%7C100%7CG%7C200%7CB%7C150", MEMBERS),
    ("query", "spaceDelimited", True, COLOURS, "color=blue&color=black&color=brown", LIST),
    ("query", "pipeDelimited", True, COLOURS, "color=blue&color=black&color=brown", LIST),
    ("query", "pipeDelimited", True, COLOURS, "color=blue|black|brown", LIST),
    ("query", "deepObject", True, RGB, "color[R]=100&color[G]=200&color[B]=150", MEMBERS),
    ("header", "simple", False, {"type": "number"}, "1.5", 1.5),
    ("header", "simple", False, COLOURS, "blue, black,brown", LIST),
    ("header", "simple", False, RGB, "R,100,G,200,B,150", MEMBERS),
    ("header", "simple", True, RGB, "R=100,G=200,B=150", MEMBERS),
    ("cookie", "form", False, {"type": "boolean"}, "color=true", True),
    ("cookie", "form", False, COLOURS, "color=blue,black,brown", LIST),
    ("cookie", "form", False, RGB, "color=R,100,G,200,B,150", MEMBERS),
]

MALFORMED: list[tuple[str, str, bool, Any, str]] = [
    ("path", "matrix", False, COLOURS, "blue,black"),
    ("path", "matrix", False, {"type": "string"}, ";colour=blue"),
    ("path", "label", False, {"type": "string"}, "blue"),
    ("path", "simple", False, RGB, "R,100,G"),
    ("path", "simple", True, RGB, "R,100"),
    ("query", "form", False, RGB, "color=R,100,G"),
    ("query", "deepObject", True, RGB, "color[R=100"),
    ("query", "deepObject", True, RGB, "color[R]=1&color[R]=2"),
    ("cookie", "form", False, RGB, "color=R"),
]


def parameter(folder: Path, location: str, style: str, explode: bool, schema: Any) -> Parameter:
    """A parameter named `color`, compiled."""
    described = {"name": "color", "in": location, "style": style, "explode": explode, "schema": schema}
    if location == "path":
        described["required"] = True
    contract = compiled(folder, operation_with(parameters=[described]))
    (found,) = contract.operations["op"].parameters
    return found


def raw(location: str, text: str) -> Raw:
    """A request with the parameter's text where it stands."""
    if location == "path":
        return Raw(path={"color": text})
    if location == "query":
        return Raw(query=pairs_of(text))
    if location == "header":
        return Raw(headers={b"color": [text.encode()]})
    return Raw(cookies=pairs_of(text, ";"))


@pytest.mark.parametrize(("location", "style", "explode", "schema", "text", "value"), TABLE)
def test_table(location: str, style: str, explode: bool, schema: Any, text: str, value: Any, tmp_path: Path) -> None:
    """Each row of the specification's table is read as the typed value that it stands for."""
    findings = Findings()
    assert parameter(tmp_path, location, style, explode, schema).take(raw(location, text), findings) == value
    assert not findings


@pytest.mark.parametrize(("location", "style", "explode", "schema", "text"), MALFORMED)
def test_malformed(location: str, style: str, explode: bool, schema: Any, text: str, tmp_path: Path) -> None:
    """What is not written in the parameter's style is one error at the parameter, and never an exception."""
    findings = Findings()
    taken = parameter(tmp_path, location, style, explode, schema).take(raw(location, text), findings)
    assert taken is MISSING
    assert [(error.loc, error.type) for error in findings.named()] == [((location, "color"), "parameter_malformed")]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Percent-encoded bytes that are not UTF-8 are refused, not replaced."""
    findings = Findings()
    parameter(tmp_path, "query", "form", True, {"type": "string"}).take(Raw(query=[("color", "%FF")]), findings)
    assert [error.type for error in findings.named()] == ["string_unicode"]


def test_absent(tmp_path: Path) -> None:
    """A parameter that is absent is missing where it is required, else its default, else nothing."""
    findings = Findings()
    described = [
        {"name": "a", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "b", "in": "query", "schema": {"type": "integer", "default": 3}},
        {"name": "c", "in": "query", "schema": {"type": "integer"}},
    ]
    contract = compiled(tmp_path, operation_with(parameters=described))
    taken = [parameter.take(Raw(), findings) for parameter in contract.operations["op"].parameters]
    assert taken == [MISSING, 3, MISSING]
    assert [(error.loc, error.type) for error in findings.named()] == [(("query", "a"), "missing")]


NUMBERED = {"type": "object", "properties": {"a": {"type": "integer"}}}
COMPOSED: dict[str, tuple[dict[str, Any], str, Any]] = {
    "allOf": (
        {"allOf": [NUMBERED, {"properties": {"b": {"type": "boolean"}}}]},
        "c[a]=1&c[b]=true",
        {"a": 1, "b": True},
    ),
    "beside properties": ({**NUMBERED, "allOf": [{"properties": {"b": {"type": "number"}}}]}, "c[b]=1.5", {"b": 1.5}),
    "beside $ref": (
        {"$ref": "#/components/schemas/Node", "properties": {"x": {"type": "boolean"}}},
        "c[number]=1&c[x]=true",
        {"number": 1, "x": True},
    ),
    "the second of oneOf": (
        {"oneOf": [{**NUMBERED, "required": ["a"]}, {"required": ["b"], "properties": {"b": {"type": "integer"}}}]},
        "c[b]=2",
        {"b": 2},
    ),
    "branches that differ": (
        {
            "type": "object",
            "oneOf": [
                {"properties": {"kind": {"const": "number"}, "value": {"type": "integer"}}},
                {"properties": {"kind": {"const": "text"}, "value": {"type": "string"}}},
            ],
        },
        "c[kind]=text&c[value]=5",
        {"kind": "text", "value": "5"},
    ),
    "then": (
        {**NUMBERED, "if": {"required": ["a"]}, "then": {"properties": {"b": {"type": "integer"}}}},
        "c[a]=1&c[b]=2",
        {"a": 1, "b": 2},
    ),
    "patternProperties": ({"type": "object", "patternProperties": {"^n": {"type": "integer"}}}, "c[n1]=1", {"n1": 1}),
    "unevaluatedProperties": (
        {**NUMBERED, "unevaluatedProperties": {"type": "boolean"}},
        "c[z]=false",
        {"z": False},
    ),
    "a recursive schema": (
        {"$ref": "#/components/schemas/Node"},
        "c[number]=1&c[below][below][number]=3",
        {"number": 1, "below": {"below": {"number": 3}}},
    ),
}


@pytest.mark.parametrize("row", COMPOSED)
def test_members_are_read_by_all_that_judges_the_object(tmp_path: Path, row: str) -> None:
    """A member of an object is read as its type wherever the schema says it: in a branch, beside `$ref`, below."""
    schema, text, value = COMPOSED[row]
    node = {
        "type": "object",
        "properties": {"number": {"type": "integer"}, "below": {"$ref": "#/components/schemas/Node"}},
    }
    described = {"name": "c", "in": "query", "style": "deepObject", "explode": True, "schema": schema}
    document = {**operation_with(parameters=[described]), "components": {"schemas": {"Node": node}}}
    (parameter,) = compiled(tmp_path, document).operations["op"].parameters
    findings = Findings()
    assert parameter.take(Raw(query=pairs_of(text)), findings) == value, text


@pytest.mark.parametrize("keyword", ["items", "unevaluatedItems"])
def test_items_are_read_by_all_that_judges_the_list(tmp_path: Path, keyword: str) -> None:
    """An item of a list is read as its type, also where `allOf` says more of items, or says them unevaluated."""
    schema = {"type": "array", "allOf": [{keyword: {"minimum": 2}}], keyword: {"type": "integer"}}
    document = operation_with(parameters=[{"name": "c", "in": "query", "schema": schema}])
    (parameter,) = compiled(tmp_path, document).operations["op"].parameters
    assert parameter.take(Raw(query=pairs_of("c=2&c=3")), Findings()) == [2, 3]
