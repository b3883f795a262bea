"""Stubs: every operation gets a function that fits it, and nothing that people wrote is touched."""

import asyncio
import builtins
import importlib
import json
import keyword
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_args, get_type_hints

import httpx
import pytest

from contract import Contract, DocumentError, bind, build_app, compile_contract, load
from contract.check import check
from contract.stubs import write_stubs

ROOT: Final = Path(__file__).parents[2]
NASTY: Final = 'It\'s "quoted" \\ \\d+ \'\'\'three\'\'\' """three""" {braces} %s\ttab\u200b — “typographic” ends in "'
LONG: Final = ["a" * 30, "b" * 30, "c" * 30, "d" * 30, "e" * 30]


def reference(name: str) -> dict[str, str]:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def operation(tag: str | None = None, **fields: Any) -> dict[str, Any]:
    """An operation that answers a Thing."""
    ok = {"description": "OK", "content": {"application/json": {"schema": reference("thing-with.dashes")}}}
    return {"responses": {"200": ok}, **({"tags": [tag]} if tag is not None else {}), **fields}


def body(schema: Any, media_type: str = "application/json", **fields: Any) -> dict[str, Any]:
    """A Request Body Object."""
    return {"content": {media_type: {"schema": schema}}, **fields}


def parameter(name: str, schema: Any = None, location: str = "query", **fields: Any) -> dict[str, Any]:
    """A Parameter Object."""
    return {"name": name, "in": location, "schema": schema or {"type": "string"}, **fields}


NAMES: Final = ("Plain", "Any", "TypeError", "1st", "I", "-.-", "Awkward")
"""Components that a union is made of."""

SCHEMAS: Final[dict[str, Any]] = {
    "thing-with.dashes": {
        "type": "object",
        "required": ["id", "kind"],
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "secret": {"type": "string", "writeOnly": True},
            "kind": {"const": "thing"},
            "child": reference("thing-with.dashes"),
            "tree": reference("Tree"),
            "loop": reference("Loop"),
        },
    },
    "Plain": {"type": "object", "properties": {"name": {"type": "string", "default": "x"}}, "required": ["name"]},
    "Tree": {"anyOf": [{"type": "string"}, {"type": "array", "items": reference("Tree")}, {"type": "null"}]},
    "Loop": {"oneOf": [reference("Plain"), reference("Back"), {"enum": ["it's", 'a "b"', 1, True, None]}]},
    "Back": {"type": "object", "properties": {"loop": reference("Loop"), "other": {"anyOf": [reference("Loop"), {}]}}},
    "Self": {"anyOf": [reference("Self"), {"type": "integer"}]},
    "Status": {"enum": ["on", "off", None]},
    "Any": {"type": "object", "properties": {"a": {"type": "integer"}}},
    "TypeError": {"type": "object", "properties": {"int": {"type": "integer"}, "str": {"type": "string"}}},
    "1st": {"type": "object", "properties": {"first": {"type": "number"}}},
    "I": {"type": "object", "properties": {"i": {"type": "boolean"}}},
    "-.-": {"type": "object", "properties": {"名前": {"type": "string"}, "a": {"type": "string"}}},
    "plain": {"type": "object", "properties": {"other": {"type": "integer"}}},
    "Text": {"type": "string", "maxLength": 3},
    "Awkward": {
        "type": "object",
        "required": ["class", "absent"],
        "properties": {
            "class": {"type": "string"},
            "a-b": {"type": ["integer", "null"]},
            "__private": {"type": "string"},
            'quote"d': {"type": "string"},
            "back\\slash": {"type": "string"},
            "it's": {"type": "string"},
            "": {"type": "string"},
            "\u0000é": {"type": "string"},
            "forbidden": False,
            "anything": True,
        },
    },
    "Everything": {
        "type": "object",
        "properties": {
            "enum": {"type": "string", "enum": LONG},
            "number": {"anyOf": [{"type": "integer"}, {"type": "number"}]},
            "mixed": {"enum": ["a", 2, 2.5, {"x": 1}, [1], None, True]},
            "redundant": {"anyOf": [{"const": "a"}, {"type": "string"}]},
            "map": {"type": "object", "additionalProperties": reference("Status")},
            "pattern": {
                "type": "object",
                "patternProperties": {"^x": {"type": "integer"}},
                "additionalProperties": False,
            },
            "free": {"type": "object"},
            "closed": {"type": "object", "properties": {}, "additionalProperties": False},
            "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
            "open_tuple": {"type": "array", "prefixItems": [{"type": "string"}]},
            "nested": {"type": "object", "properties": {"deep": {"type": "object", "properties": {"er": {}}}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"list": {"type": "array"}}}},
            "both": {
                "allOf": [reference("Plain"), {"properties": {"more": {"type": "integer"}}, "required": ["more"]}],
            },
            "narrowed": {"allOf": [{"type": ["string", "null"]}, {"type": ["string", "integer"]}]},
            "either": {
                "type": "object",
                "properties": {"shared": {"type": "string"}},
                "oneOf": [
                    {"properties": {"a": {"type": "integer"}}, "required": ["a"], "title": "Of A"},
                    {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
                    reference("Plain"),
                ],
            },
            "required_only": {
                "type": "object",
                "properties": {"x": {"type": "string"}, "y": {"type": "string"}},
                "anyOf": [{"required": ["x"]}, {"required": ["y"]}],
            },
            "many": {"anyOf": [reference(name) for name in NAMES]},
            "long_of_many": {"anyOf": [{"type": "array", "items": reference(name)} for name in NAMES]},
            "long_members": {"oneOf": [{"properties": {f"a{n}": {}}} for n in range(3)]},
            "longer_still": {"oneOf": [{"properties": {f"a{n}": {}}} for n in range(9)]},
            "ref_and_more": {**reference("Plain"), "description": "a sibling"},
            "conditional": {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
            "untyped": {"properties": {"u": {"type": "string"}}},
            "self": reference("Self"),
            "text": reference("Text"),
            "never": {"allOf": [{"type": "string"}, {"type": "integer"}]},
        },
    },
}  # fmt: skip

PARAMETERS: Final = [
    parameter("id", location="path", required=True),
    # `type` is a builtin, and since Python 3.12 a soft keyword.
    *[
        parameter(name)
        for name in sorted({*dir(builtins), *keyword.kwlist, *keyword.softkwlist})
        if name.islower()
    ],
    parameter("timeout", {"type": "integer", "default": 5}),
    parameter("token", {"type": "string", "default": "abc"}),
    parameter("ratio", {"type": "number", "default": 1}),
    parameter("tiny", {"type": "number", "default": 1e-9}),
    parameter("quoted", {"type": "string", "default": 'a "b" \\ é'}),
    parameter("choice", {"enum": ["a", "b"], "default": "a"}),
    parameter("long-choice", {"enum": LONG}),
    parameter("list", {"type": "array", "items": {"type": "string"}, "default": ["a"]}, "header"),
    parameter("a-b"), parameter("a_b"), parameter("a.b"),
    parameter("l"), parameter("日本"), parameter("1st"), parameter("X-Request-ID", location="header"),
    parameter("request"), parameter("body"), parameter("session", {"type": ["string", "null"]}, "cookie"),
    parameter("filtered-by", {"type": "object", "properties": {"a": {"type": "integer"}}}, style="deepObject"),
]  # fmt: skip

DOCUMENT: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "Everything", "version": "1"},
    "paths": {
        "/all/{id}": {
            "post": operation(
                "every thing",
                operationId="allOfIt",
                summary=NASTY,
                description=f"{NASTY}\n\nReturns:\n\nArgs\n----\n{'word ' * 60}\n{'長い説明 ' * 40}\n"
                f"{'x' * 200}\n\n\u043d\u0435 \u0441 \u0438",
                parameters=PARAMETERS,
                requestBody=body(reference("Everything"), required=True),
            ),
            "get": operation(None, parameters=[parameter("id", location="path", required=True)]),
        },
        "/things": {
            "put": operation("every thing", operationId="put-thing", requestBody=body(reference("thing-with.dashes"))),
            "post": operation(
                "1st",
                operationId="class",
                summary="this is about what a client sends (in short)",
                requestBody={"content": {"text/plain": {}, "application/octet-stream": {}}},
            ),
            "patch": operation(
                "日本",
                operationId="list",
                summary="Returns",
                requestBody=body(
                    {
                        "type": "object",
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            "files": {"type": "array", "items": {"type": "string"}},
                            "about": reference("Plain"),
                        },
                    },
                    "multipart/form-data",
                    required=True,
                ),
            ),
            "delete": {
                "operationId": "l",
                "tags": ["1st"],
                "summary": "x" * 300,
                "responses": {"204": {"description": ""}},
            },
            "get": operation("日本", operationId="str", requestBody=body(reference("Loop"))),
        },
        "/same": {
            "get": operation("a", operationId="getItem", requestBody=body(reference("plain"))),
            "put": operation("b", operationId="get_item", requestBody=body(reference("Plain"))),
            "post": operation("b", operationId="sameName"),
            "patch": operation("b", operationId="same_name"),
            "delete": operation("b", operationId="日本語", description=f'"""\n\n- {NASTY}\n\n\n\n\\'),
        },
        "/answers": {
            "get": operation(
                "class",
                operationId="answers",
                responses={
                    "200": {"description": "", "content": {"text/plain": {}}},
                    "404": {"description": "", "content": {"application/json": {"schema": reference("Awkward")}}},
                    "422": {"description": "", "content": {"application/json": {"schema": reference("Back")}}},
                    "default": {"description": ""},
                },
            )
        },
    },
    "components": {"schemas": SCHEMAS},
}  # fmt: skip


@pytest.fixture
def rich(tmp_path: Path) -> Contract:
    """The rich document, compiled."""
    return compiled(tmp_path, DOCUMENT)


@pytest.fixture
def out() -> Iterator[Path]:
    """A folder for a handlers package whose modules are forgotten afterwards."""
    with tempfile.TemporaryDirectory(prefix="stubs_") as folder:
        sys.path.insert(0, folder)
        yield Path(folder) / "written"
        sys.path.remove(folder)
        forget()


def forget() -> None:
    """Have the written package imported afresh."""
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] == "written"]:
        del sys.modules[name]


def compiled(folder: Path, document: Any) -> Contract:
    """A document that is free of faults, compiled."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    loaded = load(path)
    assert not check(loaded)
    return compile_contract(loaded)


def imported() -> ModuleType:
    """The written package."""
    forget()
    return importlib.import_module("written")


def content_of(out: Path) -> dict[str, bytes]:
    """Every module of a folder."""
    return {path.name: path.read_bytes() for path in out.glob("*.py")}


def run(*command: str | Path, cwd: Path) -> None:
    """Run a tool; what it says against the code fails the test."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_clean(out: Path) -> None:
    """The code passes ruff, as this project has it and as it comes, and mypy, strict."""
    run("ruff", "check", "--no-cache", "--isolated", out, cwd=out.parent)
    run("ruff", "check", "--no-cache", "--config", ROOT / "pyproject.toml", out, cwd=out.parent)
    run("ruff", "format", "--no-cache", "--check", "--config", ROOT / "pyproject.toml", out, cwd=out.parent)
    run("mypy", "--strict", "--config-file=", "--cache-dir", out.parent / ".mypy", "-p", out.name, cwd=out.parent)


def test_stubs_of_the_published_document_pass_every_check(out: Path) -> None:
    """Our own document's stubs are written, are clean as they are, and fit."""
    contract = compile_contract(load(ROOT / "openapi.json"))
    assert [path.name for path in write_stubs(contract, None, out)] == ["__init__.py", "api_keys.py"]
    assert_clean(out)
    (bound,) = bind(contract, imported()).values()
    assert bound.function is not None


def test_stubs_of_everything_pass_every_check(rich: Contract, out: Path) -> None:
    """Whatever a document holds, its stubs need no mending: ruff, its formatter and mypy --strict are content."""
    write_stubs(rich, None, out)
    assert_clean(out)


def test_every_stub_fits_and_is_answered_501(rich: Contract, out: Path) -> None:
    """Each stub is found by binding, its signature fits, and calling it is 501."""
    write_stubs(rich, None, out)
    bound = bind(rich, imported())
    functions = [each.function for each in bound.values()]
    assert None not in functions
    assert len(set(functions)) == len(functions)
    app = build_app(rich, bound)
    wanted = {("GET", "/all/1"), ("GET", "/answers"), ("POST", "/same"), ("PATCH", "/same"), ("DELETE", "/things")}

    async def call() -> set[int]:
        for each in bound.values():
            assert each.function is not None
            given = dict.fromkeys([*each.arguments, "request", *(["body"] if each.takes_body else [])])
            with pytest.raises(NotImplementedError):
                await each.function(**given)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return {(await client.request(method, path)).status_code for method, path in wanted}

    assert asyncio.run(call()) == {501}


def test_functions_that_only_a_tag_tells_apart(tmp_path: Path, out: Path) -> None:
    """Operations whose functions have one name are bound by module, and a module that has no place for one is told."""
    same = {"get": operation("a", operationId="get-item"), "put": operation("b", operationId="get.item")}
    contract = compiled(tmp_path, {**DOCUMENT, "paths": {"/same": same}})
    write_stubs(contract, None, out)
    bound = bind(contract, imported())
    assert {name: each.function and each.function.__module__ for name, each in bound.items()} == {
        "get-item": "written.a",
        "get.item": "written.b",
    }
    assert write_stubs(contract, None, out) == []
    (out / "b.py").write_text('"""Words."""\n\nRequest = 1\n')
    with pytest.raises(DocumentError):
        write_stubs(contract, None, out)
    assert (out / "b.py").read_text() == '"""Words."""\n\nRequest = 1\n'


def test_a_second_run_changes_nothing(rich: Contract, out: Path) -> None:
    """What is there is not written again, whether the package is imported or only in the folder."""
    assert write_stubs(rich, None, out)
    before = content_of(out)
    assert write_stubs(rich, None, out) == []
    assert write_stubs(rich, imported(), out) == []
    assert content_of(out) == before


WRITTEN: Final = '''"""Mine."""

# A comment of mine.
from typing import (
    Any,
    Final,
)

from contract import Request

THING: Final = 1


class Plain:
    """No TypedDict."""


async def put_thing(request: Request, **_: Any) -> None:
    """Written by hand."""   # untidy on purpose: it stays as it is
'''


def test_what_people_wrote_stays(rich: Contract, out: Path) -> None:
    """Into a module that is there only what is missing is put, at its end; of the rest only an import may grow."""
    out.mkdir()
    (out / "every_thing.py").write_text(WRITTEN)
    write_stubs(rich, None, out)
    text = (out / "every_thing.py").read_text()
    imports, rest = WRITTEN[WRITTEN.index("from typing") : WRITTEN.index("THING")], WRITTEN[WRITTEN.index("THING") :]
    assert text.startswith('"""Mine."""\n\n# A comment of mine.\nfrom typing import (\n    Any,\n    Final,\n')
    assert rest in text
    assert imports not in text
    assert "class Plain2(TypedDict)" in text
    assert text.count("def put_thing") == 1
    assert write_stubs(rich, None, out) == []
    (out / "every_thing.py").write_text(text.replace("   # untidy on purpose: it stays as it is", ""))
    assert_clean(out)
    assert all(each.function for each in bind(rich, imported()).values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"""Only words."""\n',
        '"""Words."""\n\nVALUE = 1\n',
        '"""Words."""\n\n\ndef mine() -> None:\n    """Mine."""\n',
        '"""Words."""\n\nimport logging\n\nlogging.info("x")\n',
        (
            '"""Words."""\n\nimport logging\n\nimport httpx\n\n'
            'import contract\n\n__all__ = ["contract", "httpx", "logging"]\n'
        ),
        '"""Words."""\n\nfrom contract import Request\n\n__all__ = ["Request"]\n',
        '"""Words."""\n\nfrom pathlib import Path\n\nHERE = Path()',
        '"""Words."""\r\n\r\nVALUE = 1\r\n',
        '"""Words."""\n\nfrom typing import Any  # noqa: F401 (a comment)\n',
        '"""Words."""\n\nRequest = Answer = 1\n',
        '"""Words."""\n\nimport str_ as str\n',
        "this is no Python",
    ],
)
def test_existing_text_survives_byte_for_byte(rich: Contract, out: Path, text: str) -> None:
    """Every line that stood in a module stands there afterwards, in order; else the stubs go beside it."""
    out.mkdir()
    (out / "b.py").write_bytes(text.encode())
    if text.startswith("this"):
        with pytest.raises(SyntaxError):
            write_stubs(rich, None, out)
        return
    write_stubs(rich, None, out)
    written = (out / "b.py").read_bytes()
    after = iter(written.splitlines(keepends=True))
    for line in text.encode().splitlines(keepends=True):
        if not line.startswith(b"from contract"):
            assert any(line.rstrip() == other.rstrip() for other in after), line
    if b"\r\n" in written:
        assert written.count(b"\r\n") == written.count(b"\n")
    assert sum(path.read_text().count("def same_name(") for path in out.glob("b*.py")) == 1
    assert write_stubs(rich, None, out) == []


def test_a_declaration_that_is_there_is_used(out: Path, tmp_path: Path) -> None:
    """A TypedDict that says the same is not written twice; one that says something else is left alone."""
    document = json.loads(json.dumps(DOCUMENT))
    first = compiled(tmp_path, {**document, "paths": {"/same": {"put": document["paths"]["/same"]["put"]}}})
    write_stubs(first, None, out)
    more = operation("b", operationId="more", requestBody=body(reference("Plain"), required=True))
    document["paths"] = {"/same": {"put": document["paths"]["/same"]["put"], "post": more}}
    second = compiled(tmp_path, document)
    write_stubs(second, None, out)
    text = (out / "b.py").read_text()
    assert text.count("class Plain(TypedDict)") == 1
    assert "async def more(" in text
    assert_clean(out)
    document["components"]["schemas"]["Plain"]["properties"]["added"] = {"type": "string"}
    document["paths"]["/same"]["patch"] = {**more, "operationId": "yet_more"}
    write_stubs(compiled(tmp_path, document), None, out)
    assert "class Plain2(TypedDict)" in (out / "b.py").read_text()
    assert_clean(out)


def test_types_say_what_the_schemas_say(rich: Contract, out: Path) -> None:
    """Members, requiredness and types are the document's; readOnly ones are not sent, writeOnly ones not answered."""
    write_stubs(rich, None, out)
    imported()
    module = importlib.import_module("written.every_thing")
    sent, answered = module.ThingWithDashesInput, module.ThingWithDashesOutput
    assert set(get_type_hints(sent)) == {"secret", "kind", "child", "tree", "loop"}
    assert set(get_type_hints(answered)) == {"id", "kind", "child", "tree", "loop"}
    assert sent.__required_keys__ == {"kind"}
    assert answered.__required_keys__ == {"id", "kind"}
    assert get_type_hints(sent)["child"] == sent
    everything = {name: str(type_) for name, type_ in get_type_hints(module.Everything).items()}
    assert everything["number"] == "<class 'float'>"
    assert everything["redundant"] == "<class 'str'>"
    assert everything["closed"] == "dict[str, typing.Any]"
    assert everything["tuple"] == "list[str | int]"
    assert everything["pattern"] == "dict[str, int]"
    assert everything["narrowed"] == "<class 'str'>"
    assert set(get_type_hints(module.EverythingBoth)) == {"name", "more"}
    assert module.EverythingBoth.__required_keys__ == {"name", "more"}
    assert set(get_args(get_type_hints(module.Everything)["mixed"])) == {
        Literal["a", 2, True], float, dict[str, Any], list[Any], type(None)
    }  # fmt: skip
    awkward = importlib.import_module("written.class_").Awkward
    assert awkward.__required_keys__ == {"class", "absent"}
    assert "forbidden" not in awkward.__annotations__
    japanese = importlib.import_module("written.tag_")
    hints = get_type_hints(japanese.ListBody)
    assert hints["file"] == bytes | str
    assert hints["about"] == japanese.Plain


@pytest.mark.parametrize("name", ["123", "1-way", "-"])
def test_an_operation_without_a_possible_name_is_told(tmp_path: Path, out: Path, name: str) -> None:
    """Where no function could be found by its name, that is said, and nothing is written."""
    document = {**DOCUMENT, "paths": {"/x": {"get": operation("a", operationId=name)}}}
    with pytest.raises(DocumentError, match="cannot be found"):
        write_stubs(compiled(tmp_path, document), None, out)
    assert not out.exists()


def test_openapi_3_0_has_its_own_words(tmp_path: Path, out: Path) -> None:
    """`nullable` is a union with None, and a component that both directions share is written once."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}, "required": ["a"]}
    document = {
        **DOCUMENT,
        "openapi": "3.0.3",
        "paths": {"/x": {"post": operation("a", operationId="x", requestBody=body(reference("thing-with.dashes")))}},
        "components": {"schemas": {"thing-with.dashes": schema}},
    }
    write_stubs(compiled(tmp_path, document), None, out)
    assert_clean(out)
    assert (out / "a.py").read_text().count("class ") == 1
    assert "    a: str | None\n" in (out / "a.py").read_text()


def test_names_that_linters_mislike(tmp_path: Path, out: Path) -> None:
    """Written as well: a member called `l`, a function whose name fills a line, a body under a range."""
    members = {"type": "object", "properties": {name: {"type": "string"} for name in ("l", "I", "O", "m")}}
    made = operation("a", operationId="x" * 130, requestBody={"content": {"*/*": {"schema": members}}})
    write_stubs(compiled(tmp_path, {**DOCUMENT, "paths": {"/x": {"post": made}}}), None, out)
    assert_clean(out)
    assert "bytes | " in (out / "a.py").read_text()
