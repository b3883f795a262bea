"""Requests of very many parts, to an edited document on a running `imtegrate serve`: judged in time and in bounds.

The operations have no function: what the document admits is 501, as requests are validated first.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from meanwhile import others_ask
from running import Running, memory_of, running

ADMITTED: Final = 501
REFUSED: Final = 422

MAX_GROWTH: Final = 300 << 20
"""Bytes of memory that the service may take for all of these one after another; 5 GB where each fault held a copy."""

MAX_WAIT: Final = 5.0
"""Seconds that somebody else waits at most: 1.5 on a machine that does nothing else, a minute where each part was
looked for among all of them."""

BODY: Final = (1 << 20) - 64
"""Bytes of a body, just within the limit."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data; boundary=B"

INTEGERS: Final = {"type": "array", "items": {"type": "integer"}}
MEMBERS: Final = {"type": "object", "properties": {"a": INTEGERS}, "additionalProperties": {"type": "string"}}
NAMES: Final = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-z0-9]+$"},
    "patternProperties": {"^a": {"type": "integer"}},
    "additionalProperties": {"type": "string"},
}
BACKTRACKING: Final = {"a": "^(a+)+$", "b": "^(a|a)*b$", "c": "(x+x+)+y", "d": "^(?:(?:a?){50})*$"}
"""Patterns over which engines that backtrack never come to an end."""


def operation(name: str, **members: Any) -> dict[str, Any]:
    """An operation that answers anything."""
    return {"operationId": name, "responses": {"200": {"description": "ok"}}, **members}


def taking(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A path item whose POST takes a body, of these schemas by media type."""
    body = {"required": True, "content": {range_: {"schema": schema} for range_, schema in content.items()}}
    return {"post": operation(name, requestBody=body)}


DOCUMENT: Final = {
    "openapi": "3.1.0",
    "info": {"title": "Parts", "version": "1"},
    "paths": {
        "/query": {
            "get": operation(
                "query",
                parameters=[
                    {"name": "id", "in": "query", "schema": INTEGERS},
                    {
                        "name": "deep",
                        "in": "query",
                        "style": "deepObject",
                        "explode": True,
                        "schema": {"type": "object", "additionalProperties": {"type": "integer"}},
                    },
                    {"name": "ck", "in": "cookie", "schema": INTEGERS},
                ],
            )
        },
        "/form": taking("form", {FORM: MEMBERS, "multipart/form-data": MEMBERS}),
        "/unique": taking("unique", {JSON: {"type": "array", "uniqueItems": True}}),
        "/contains": taking(
            "contains", {JSON: {"type": "array", "prefixItems": [{"type": "integer"}] * 50, "contains": {"const": -1}}}
        ),
        "/names": taking("names", {JSON: NAMES}),
        "/texts": taking(
            "texts",
            {JSON: {"properties": {name: {"type": "string", "pattern": text} for name, text in BACKTRACKING.items()}}},
        ),
    },
}


@dataclass(frozen=True)
class Flood:
    """A request, and what it is to be answered."""

    path: str
    status: int
    body: bytes | None = None
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def send(self, service: Running) -> httpx.Response:
        """Send it over a connection of its own."""
        method = "GET" if self.body is None else "POST"
        headers = [*self.headers, *([("Content-Type", self.media_type)] if self.body is not None else [])]
        return httpx.request(method, service.url + self.path, headers=headers, content=self.body, timeout=60)


def many(text: str, count: int, separator: str) -> str:
    """A text again and again; `%d` in it is the number of each, `%06d` with leading zeros."""
    return separator.join(text.replace("%d", str(number)).replace("%06d", f"{number:06d}") for number in range(count))


def array(item: str, count: int) -> bytes:
    """A JSON array of items, `%d` the number of each."""
    return f"[{many(item, count, ',')}]".encode()


def members(member: str, count: int) -> bytes:
    """A JSON object, `%d` the number of each member."""
    return f"{{{many(member, count, ',')}}}".encode()


def parts(count: int, *, name: str = "k%d", head: bytes = b"", content: bytes = b"v") -> bytes:
    """A multipart body."""
    part = b'--B\r\nContent-Disposition: form-data; name="%b"\r\n%b\r\n%b\r\n'
    return b"".join(part % (name.replace("%d", str(i)).encode(), head, content) for i in range(count)) + b"--B--\r\n"


FLOODS: Final[Mapping[str, Flood]] = {
    "query, one name": Flood("/query?" + many("id=%d", 1900, "&"), ADMITTED),
    "query, one name, faulty": Flood("/query?" + many("id=x", 3000, "&"), REFUSED),
    "query, undeclared": Flood("/query?" + many("z%d=1", 2000, "&"), ADMITTED),
    "query, one object": Flood("/query?" + many("deep[a%d]=1", 1100, "&"), ADMITTED),
    "query, one object, faulty": Flood("/query?" + many("deep[a%d]=x", 1100, "&"), REFUSED),
    "query, nothing": Flood("/query?" + "&" * 16_000, ADMITTED),
    "cookies in one field": Flood("/query", ADMITTED, headers=(("Cookie", many("k%d=1", 5000, "; ")),)),
    "one cookie": Flood("/query", ADMITTED, headers=(("Cookie", many("ck=1", 5000, "; ")),)),
    "cookies in fields": Flood("/query", ADMITTED, headers=(("Cookie", "ck=1; k=2"),) * 200),
    "form, members": Flood("/form", ADMITTED, many("k%d=v", 100_000, "&").encode(), FORM),
    "form, one member": Flood("/form", ADMITTED, b"&".join([b"a=1"] * (BODY // 4)), FORM),
    "form, one member, faulty": Flood("/form", REFUSED, b"&".join([b"a=x"] * (BODY // 4)), FORM),
    "form, nothing": Flood("/form", ADMITTED, b"&" * BODY, FORM),
    "form, percent-encoded": Flood("/form", ADMITTED, b"&".join([b"a=%31"] * (BODY // 6)), FORM),
    "multipart, parts": Flood("/form", REFUSED, parts(15_000), MULTIPART),
    "multipart, one member": Flood("/form", ADMITTED, parts(1000, name="a", content=b"1"), MULTIPART),
    "multipart, one member, faulty": Flood("/form", REFUSED, parts(1000, name="a", content=b"x"), MULTIPART),
    "multipart, large fields": Flood("/form", REFUSED, parts(10, head=b"X-A: " + b"y" * 100_000 + b"\r\n"), MULTIPART),
    "multipart, many fields": Flood("/form", REFUSED, parts(1, head=b"X-A: y\r\n" * 120_000), MULTIPART),
    "multipart, a name of quotes": Flood("/form", REFUSED, parts(1, name=r"\"" * 400_000), MULTIPART),
    "multipart, nearly ended": Flood("/form", REFUSED, parts(1)[:-6] + b"\r\n--" * (BODY // 4 - 40), MULTIPART),
    "multipart, a boundary of hyphens": Flood(
        "/form", REFUSED, b"-" * BODY, f"multipart/form-data; boundary={'-' * 60}B"
    ),
    "distinct integers": Flood("/unique", ADMITTED, array("%d", 150_000)),
    "distinct objects": Flood("/unique", ADMITTED, array('{"a":%d}', 80_000)),
    "distinct nested items": Flood("/unique", ADMITTED, array('{"a":[%d,{"b":null}]}', 40_000)),
    "distinct integers of 70 bits": Flood("/unique", REFUSED, array("100000000000000%06d", 40_000)),
    "a thousand distinct integers of 70 bits": Flood("/unique", ADMITTED, array("100000000000000%06d", 1000)),
    "integers of 70 bits that are refused by kind": Flood("/names", REFUSED, array("100000000000000%06d", 40_000)),
    "an item twice": Flood("/unique", REFUSED, array('{"a":%d}', 80_000)[:-1] + b',{"a":79999}]'),
    "the item that is wanted is not there": Flood("/contains", REFUSED, array("1", 500_000)),
    "deep items": Flood("/contains", REFUSED, array("[" * 100 + "]" * 100, 5000)),
    "names": Flood("/names", ADMITTED, members('"b%d":""', 85_000)),
    "names and members, faulty": Flood("/names", REFUSED, members('"B%d":1', 85_000)),
    "members of a pattern, faulty": Flood("/names", REFUSED, members('"a%d":""', 85_000)),
    **{
        f"the pattern {pattern}": Flood("/texts", REFUSED, b'{"%b":"%b!"}' % (name.encode(), letter * (BODY - 20)))
        for (name, pattern), letter in zip(BACKTRACKING.items(), (b"a", b"a", b"x", b"a"), strict=True)
    },
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`imtegrate serve` with that document, and the limits that it has by itself; it breaks off nowhere."""
    folder = tmp_path_factory.mktemp("parts")
    document = folder / "openapi.json"
    document.write_text(json.dumps(DOCUMENT))
    url = f"sqlite:///{folder}/keys.db"
    with running("serve", "--spec", document, "--database-url", url, cwd=folder) as started:
        before = memory_of(started.process.pid)
        yield started
        assert memory_of(started.process.pid) - before < MAX_GROWTH
        assert "Traceback" not in started.log.read_text()


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_of_parts_holds_nobody_up(service: Running, case: str) -> None:
    """It is answered as the document says, and others are answered meanwhile."""
    with others_ask(service) as waits:
        answer = FLOODS[case].send(service)
    assert answer.status_code == FLOODS[case].status, answer.text[:200]
    assert answer.json()["detail"]
    assert max(waits) < MAX_WAIT
