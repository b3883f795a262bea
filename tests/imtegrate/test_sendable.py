"""What a handler answers that cannot be sent is refused in the one error shape, and nothing of it is."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from editing import DOCUMENT, patched
from running import Running, Wire, faults_of, running

HANDLERS: Final = Path(__file__).parents[2] / "handlers"

CODE: Final = '''
from contract import Answer


async def told(request: object) -> Answer:
    """What the query says: a header's name and value, or a status."""
    name, value, status = eval(bytes.fromhex(request.scope["query_string"].decode()))
    return Answer({"a": 1}, status, {name: value} if name is not None else {})
'''

UNSENDABLE: Final[list[tuple[str | None, str, int]]] = [
    ("X-Secret", "a\r\nX-Forged: b", 200),
    ("X-Secret", "a\nb", 200),
    ("X-Secret", "a" * 40 + "\r\nX-Forged: b", 200),
    ("X-Secret", "a\x00", 200),
    ("X-Secret", "☃", 200),
    ("X Secret", "a", 200),
    ("X-Secret\r\nX-Forged", "a", 200),
    ("X-É", "a", 200),
    ("", "a", 200),
    ("Content-Length", "3", 200),
    ("transfer-encoding", "chunked", 200),
    *((None, "", status) for status in (-1, 0, 99, 100, 101, 199, 600)),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`dev` with a handler that answers what it is told to."""
    folder = tmp_path_factory.mktemp("sendable")
    shutil.copytree(HANDLERS, folder / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "handlers" / "telling.py").write_text(CODE)
    answer = {"description": "Told", "content": {"application/json": {}}}
    operation = {
        "operationId": "told",
        "tags": ["telling"],
        "responses": {"200": answer, "101": answer, "default": answer},
    }
    path = folder / "openapi.json"
    edit: Any = ("add", "/paths/~1told", {"get": operation})
    path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), [edit])))
    with running("dev", "--spec", path, cwd=folder) as service:
        yield service


@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
@pytest.mark.parametrize("told", UNSENDABLE, ids=repr)
def test_what_cannot_be_sent_is_refused(service: Running, told: tuple[str | None, str, int], connection: bytes) -> None:
    """A field that would end early or frame the answer anew is a 500, and so is a status that ends no request."""
    with Wire(service.url) as wire:
        wire.ask(b"GET", b"/told?" + repr(told).encode().hex().encode(), b"Connection: " + connection)
        answer = wire.answer("GET")
        assert [fault["type"] for fault in faults_of(answer, 500)] == ["internal_server_error"]
        assert {name for name, _ in answer.headers} <= {"content-type", "content-length", "connection"}
        if connection == b"keep-alive":
            wire.ask(b"GET", b"/healthz")
            assert wire.answer("GET").status == 200


@pytest.mark.parametrize("value", ["", "a\tb", "é", "a" * 100])
def test_what_can_be_sent_is(service: Running, value: str) -> None:
    """Whatever a field's value may hold (RFC 9110, section 5.5) comes as the handler said it."""
    with Wire(service.url) as wire:
        wire.ask(b"GET", b"/told?" + repr(("X-Told", value, 299)).encode().hex().encode())
        answer = wire.answer("GET")
        assert (answer.status, dict(answer.headers)["x-told"]) == (299, value)
