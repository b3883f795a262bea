"""Documents in which the ways to be wrong multiply: naming the faults stays bounded, and nobody else waits."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from editing import DOCUMENT, Edited
from meanwhile import others_ask
from running import KEYS, faults_of, running

DEPTH: Final = 190
"""Levels of a body; a request may have 200."""

MAX_TIME: Final = 10.0
"""Seconds for an answer; about one on a machine at rest, and without bounds for ever."""

MAX_WAIT: Final = 5.0
"""Seconds that somebody else waits at most; a machine under load is slow."""

AGAIN: Final = {"$ref": "#/components/schemas/T"}
TEXT: Final = {"type": "string"}
LIST: Final = {"type": "array", "items": AGAIN}
LISTS: Final = [TEXT, LIST, {**LIST, "maxItems": 5}]
OBJECT: Final = {"type": "object", "properties": {"a": AGAIN}}
OBJECTS: Final = [TEXT, OBJECT, {"type": "object", "additionalProperties": AGAIN}]
WIDE: Final = [
    {"type": "object", "required": [f"r{index}"], "properties": {"x": {"type": "array", "items": TEXT}}}
    for index in range(50)
]


def lists(leaf: Any = 1) -> Any:
    """A value in lists in lists."""
    for _ in range(DEPTH):
        leaf = [leaf]
    return leaf


def objects(leaf: Any = 1) -> Any:
    """A value in objects in objects."""
    for _ in range(DEPTH):
        leaf = {"a": leaf}
    return leaf


CASES: Final[dict[str, tuple[Any, Any]]] = {
    "anyOf, one way down": ({"anyOf": [TEXT, LIST]}, lists()),
    "anyOf, two ways down": ({"anyOf": LISTS}, lists()),
    "oneOf, two ways down": ({"oneOf": LISTS}, lists()),
    "oneOf, objects": ({"oneOf": OBJECTS}, objects()),
    "anyOf, objects": ({"anyOf": OBJECTS}, objects()),
    "unions within allOf": ({"allOf": [{"anyOf": [TEXT, LIST]}, {"oneOf": [TEXT, LIST]}]}, lists()),
    "allOf within allOf": ({"allOf": [{"items": AGAIN}, {"items": AGAIN}, {"not": {"const": 1}}]}, lists()),
    "not in not": ({"not": {"not": {"anyOf": LISTS}}}, lists()),
    "if in if": ({"if": {"anyOf": LISTS}, "then": True, "else": {"if": False, "else": {"anyOf": LISTS}}}, lists()),
    "wide": ({"anyOf": WIDE}, {"x": [1] * 1000}),
    "wide, within allOf": ({"allOf": [{"anyOf": WIDE}, {"oneOf": WIDE}]}, {"x": [1] * 1000}),
    "wide, in each item": ({"type": "array", "items": {"anyOf": WIDE}}, [{"x": [1] * 1000}] * 50),
    "wide, each member recursive": ({"anyOf": [{**LIST, "title": str(each)} for each in range(50)]}, lists()),
}


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """`imtegrate dev`, following a copy of the document."""
    folder: Path = tmp_path_factory.mktemp("naming")
    path = folder / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    with running("dev", "--spec", path, cwd=folder) as service:
        yield Edited(service, path)


@pytest.mark.parametrize("case", CASES)
def test_faults_that_multiply_are_bounded(edited: Edited, case: str) -> None:
    """A 422 in time, twice the same to the byte; while it is made, simple requests are answered and refused."""
    schema, value = CASES[case]
    edited.edit(
        [("add", "/components/schemas/T", schema), ("add", "/components/schemas/ApiKeyCreate/properties/tree", AGAIN)]
    )
    body = json.dumps({"name": "ab", "tree": value})

    def ask(client: httpx.Client) -> None:
        answer = client.post(KEYS, json={"name": "a"})
        assert [fault["type"] for fault in faults_of(answer, 422)] == ["string_too_short"]

    answers = []
    with others_ask(edited.service, ask) as waits, edited.service.client() as client:
        for _ in range(2):
            begun = time.monotonic()
            answers.append(client.post(KEYS, content=body, headers={"Content-Type": "application/json"}))
            assert time.monotonic() - begun < MAX_TIME
    assert faults_of(answers[0], 422)[0]["loc"][0] == "body"
    assert answers[0].content == answers[1].content
    assert max(waits) < MAX_WAIT


def test_what_is_left_out_is_said(edited: Edited) -> None:
    """Where not all faults are named, the last one says so; where they are, none does."""
    for schema, more in ({"anyOf": [TEXT, LIST]}, False), ({"anyOf": LISTS}, True):
        edited.edit(
            [
                ("add", "/components/schemas/T", schema),
                ("add", "/components/schemas/ApiKeyCreate/properties/tree", AGAIN),
            ]
        )
        with edited.service.client() as client:
            faults = faults_of(client.post(KEYS, json={"name": "ab", "tree": lists()}), 422)
        assert (faults[-1]["type"] == "too_many_errors") is more
