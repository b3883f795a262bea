"""Floods of parameters, form fields, parts, patterns and digits, on a running `imtegrate serve`, its document edited.

Each is judged within the bounds below, and others are served meanwhile.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from editing import patched
from meanwhile import others_ask
from running import DOCUMENT, KEYS, Serving, create_organisation, faults_of, running

MAX_GROWTH: Final = 150 << 20
"""Bytes of memory that the service may take for a body of a megabyte."""

MAX_WAIT: Final = 5.0
"""Seconds that somebody else waits at most on a machine under load; what grew with a square took over fifty."""

CREATE: Final = "/components/schemas/ApiKeyCreate"
POST: Final = "/paths/~1v1~1api-keys/post"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data; boundary=B"
BODY: Final = b'{"name":"key"}'
TEXT: Final = b"a" * ((1 << 20) - 60)


def _parameter(name: str, location: str, schema: Mapping[str, Any], **more: Any) -> tuple[Any, ...]:
    return ("add", f"{POST}/parameters/-", {"name": name, "in": location, "schema": schema, **more})


_INTEGERS: Final = {"type": "array", "items": {"type": "integer"}}
_MEMBERS: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
_BODY: Final = {"schema": {"$ref": "#/components/schemas/ApiKeyCreate"}}
EDITS: Final[list[tuple[Any, ...]]] = [
    _parameter("i", "query", _INTEGERS),
    _parameter("d", "query", _MEMBERS, style="deepObject"),
    _parameter("all", "query", {"type": "object", "additionalProperties": {"type": "string"}}),
    _parameter("c", "cookie", _INTEGERS),
    ("add", f"{POST}/requestBody/content/application~1x-www-form-urlencoded", _BODY),
    ("add", f"{POST}/requestBody/content/multipart~1form-data", _BODY),
    ("add", f"{CREATE}/properties/slug", {"type": "string", "pattern": "^(a+)+$"}),
    ("add", f"{CREATE}/properties/either", {"type": "string", "pattern": "(a|a)*b"}),
    ("add", f"{CREATE}/properties/ahead", {"type": "string", "pattern": "^(?=(?=(a+)+b)a)(a|a)*b$"}),
    ("add", f"{CREATE}/properties/back", {"type": "string", "pattern": r"^(a*)*\1$"}),
    ("add", f"{CREATE}/properties/amount", {"type": "number"}),
    ("add", f"{CREATE}/properties/unique", {"type": "array", "uniqueItems": True}),
    ("add", "/components/schemas/ApiKeyCreated/properties/amount", {"type": "number"}),
]


@pytest.fixture(scope="module")
def edited(make_database_url: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve` on each engine with the edited document, and the limits that it has by itself."""
    folder = tmp_path_factory.mktemp("floods")
    url = make_database_url()
    path = folder / "openapi.json"
    path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), EDITS)))
    root = create_organisation(url, folder)
    arguments = ("serve", "--spec", path, "--database-url", url)
    with running(*arguments, cwd=folder) as service, closing(Serving(service, url, root, folder)) as serving:
        yield serving


def post(
    edited: Serving, body: bytes, media_type: str = JSON, query: str = "", cookies: tuple[str, ...] = ()
) -> httpx.Response:
    """Send a body as it is."""
    headers = [("Authorization", f"Bearer {edited.token}"), ("Content-Type", media_type)]
    return edited.http.post(KEYS + query, content=body, headers=[*headers, *(("Cookie", each) for each in cookies)])


def part(disposition: bytes = b'form-data; name="name"', more: bytes = b"") -> bytes:
    """A part of a multipart body."""
    return b"--B\r\nContent-Disposition: " + disposition + b"\r\n" + more + b"\r\nkey\r\n"


END: Final = b"--B--\r\n"

FLOODS: Final[Mapping[str, tuple[tuple[Any, ...], int]]] = {
    "5,000 times one parameter": ((BODY, JSON, "?" + "i=&" * 5_000), 422),
    "5,000 undeclared parameters": ((BODY, JSON, "?" + "x&" * 5_000), 201),
    "2,000 members of a deepObject": ((BODY, JSON, "?" + "&".join(f"d[{n:x}]" for n in range(2_000))), 422),
    "a deepObject of many levels": ((BODY, JSON, "?d" + "[a]" * 5_000 + "=1"), 422),
    "5,000 cookies in one header": ((BODY, JSON, "", ("; ".join(["c=1"] * 5_000),)), 201),
    "5,000 cookies in fifty headers": ((BODY, JSON, "", ("; ".join(["c=1"] * 100),) * 50), 201),
    "a media type of 60,000 semicolons in quotes": ((BODY, JSON + ';a="' + ";" * 60_000), 415),
    "100,000 fields": ((b"name=key&" + b"&".join(b"%x=" % n for n in range(100_000)), FORM), 201),
    "half a million times one field": ((b"name=key" + b"&a" * 500_000, FORM), 201),
    "100,000 parts": ((b"--B\r\n\r\n\r\n" * 100_000 + END, MULTIPART), 422),
    "parts with one name": ((part() * 900 + END, MULTIPART), 201),
    "a part header of a megabyte": ((part(more=b"X: " + b"x" * 1_000_000 + b"\r\n") + END, MULTIPART), 422),
    "many part headers": ((part(more=b"X: x\r\n" * 100_000) + END, MULTIPART), 422),
    "a boundary that never ends": ((part() + b"\r\n--A" * 170_000, MULTIPART), 422),
    "quotes in a disposition": ((part(b'form-data; name=name; x="' + b";" * 1_000_000) + END, MULTIPART), 422),
    "quotes in each disposition": ((part(b'form-data; name=name; x="' + b";" * 940) * 990 + END, MULTIPART), 201),
    "a pattern in a pattern, that matches": ((b'{"name":"key","slug":"%s"}' % TEXT,), 201),
    "a pattern in a pattern": ((b'{"name":"key","slug":"%s!"}' % TEXT,), 422),
    "two ways to match": ((b'{"name":"key","either":"%s!"}' % TEXT,), 422),
    "look-ahead in look-ahead": ((b'{"name":"key","ahead":"%s!"}' % TEXT,), 422),
    "a back-reference": ((b'{"name":"key","back":"%s!"}' % TEXT,), 422),
    "100,000 distinct items": (
        (b'{"name":"key","unique":[' + b",".join(b"%d" % n for n in range(100_000)) + b"]}",),
        201,
    ),
}


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_of_values_holds_nobody_up(edited: Serving, case: str) -> None:
    """The verdict is the document's, in bounded time and memory; others are answered, and nothing fails inside."""
    sent, status = FLOODS[case]
    before = resident(edited)
    with others_ask(edited.running) as waits:
        answer = post(edited, *sent)
    if status == 201:
        assert answer.status_code == 201, answer.text[:200]
    else:
        assert faults_of(answer, status)
    assert max(waits) < MAX_WAIT
    assert resident(edited) - before < MAX_GROWTH
    log = edited.running.log.read_text()
    assert "Traceback" not in log, log
    assert '"level": "error"' not in log, log


NUMBERS: Final = (
    "12345678901234567890123", "-18446744073709551617", "0.123456789012345678901234567891", "123456789012345678.01",
    "1E+400", "1E-400", "1E+999999999999999999", "5e-324", "-0.0", "0.1", "9" * 4300,
)  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:40])
def test_numbers_are_given_back_and_kept_exactly(edited: Serving, number: str) -> None:
    """What is sent is what is given back, digit by digit, and what the database has."""
    answer = post(edited, b'{"name":"key","amount":%s}' % number.encode())
    assert answer.status_code == 201, answer.text[:200]
    assert amounts_of(answer.text) == [number]
    assert amounts_of(extra_of(edited, answer.json()["prefix"])) == [number]


@pytest.mark.parametrize("number", ["1" * 4301, "1" * 100_000, "0." + "1" * 100_000, "1e9999999999999999999"])
def test_numbers_that_cannot_be_kept_are_refused(edited: Serving, number: str) -> None:
    """A number longer than is taken is 422, never rounded."""
    faults = faults_of(post(edited, b'{"name":"key","amount":%s}' % number.encode()), 422)
    assert [fault["type"] for fault in faults] == ["json_invalid"]


def extra_of(edited: Serving, prefix: str) -> str:
    """What the database keeps of a key beside its own columns, as text."""
    if edited.database_url.startswith("sqlite"):
        with closing(sqlite3.connect(edited.database_url.removeprefix("sqlite:///"))) as connection:
            text: str = connection.execute("SELECT extra FROM api_keys WHERE prefix = ?", (prefix,)).fetchone()[0]
            return text

    async def ask() -> str:
        connection = await asyncpg.connect(edited.database_url)
        found: str = await connection.fetchval("SELECT extra FROM api_keys WHERE prefix = $1", prefix)
        await connection.close()
        return found

    return asyncio.run(ask())


def amounts_of(text: str) -> list[str]:
    """The digits of each amount in a JSON text, as they stand."""
    return re.findall(r'"amount":\s*([-+.0-9eE]+)', text)


def resident(edited: Serving) -> int:
    """Bytes of memory that the service holds now."""
    status = Path(f"/proc/{edited.running.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10
