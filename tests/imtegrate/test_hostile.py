"""Bytes that no good client sends, on the wire of a running `imtegrate serve`: refused, they harm nobody else."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from editing import patched
from running import DOCUMENT, KEYS, Answer, Serving, Wire, faults_of, memory_of, serve

MAX_BODY_SIZE: Final = 32 << 20
"""Bytes of a body that the service of these tests takes: millions of members."""

MAX_GROWTH: Final = 600 << 20
"""Bytes of memory that the service may take for bodies of half `MAX_BODY_SIZE`, as values and their faults."""

CREATE: Final = "/components/schemas/ApiKeyCreate"
BODY: Final = b'{"name": "key"}'
PATH: Final = KEYS.encode()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve` with a document that has patterns and numbers more, and takes large bodies."""
    folder = tmp_path_factory.mktemp("hostile")
    more: list[tuple[Any, ...]] = [
        ("add", f"{CREATE}/properties/slug", {"type": "string", "pattern": "^(a+)+$"}),
        ("add", f"{CREATE}/properties/number", {"type": "integer"}),
        ("add", "/components/schemas/ApiKeyCreated/properties/number", {"type": "integer"}),
        ("add", f"{CREATE}/properties/anything", True),
    ]
    path = folder / "openapi.json"
    path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), more)))
    options = ("--spec", path, "--max-body-size", str(MAX_BODY_SIZE))
    with serve(f"sqlite:///{folder}/keys.db", folder, *options) as serving:
        yield serving


@pytest.fixture(autouse=True)
def _unharmed(hostile: Serving) -> Iterator[None]:
    """After each test a good request on a connection of its own is answered, and the log has no traceback."""
    yield
    with Wire(hostile.running.url) as wire:
        wire.ask(b"POST", PATH, *good(hostile), body=BODY)
        assert wire.answer().status == 201
    assert hostile.running.process.poll() is None
    log = hostile.running.log.read_text()
    assert "Traceback" not in log, log
    assert "ERROR" not in log, log


def good(hostile: Serving, length: int = len(BODY)) -> list[bytes]:
    """The header lines of a good request."""
    return [*of(hostile), b"Content-Length: %d" % length]


def of(hostile: Serving) -> list[bytes]:
    """The header lines of a good request, without its length."""
    return [b"Authorization: Bearer " + hostile.token.encode(), b"Content-Type: application/json"]


def request_of(*lines: bytes, start: bytes = b"POST " + PATH + b" HTTP/1.1", end: bytes = b"\r\n") -> bytes:
    """A request of these lines."""
    return end.join([start, b"Host: localhost", *lines, b"", b""])


JSON_TYPE: Final = b"Content-Type: application/json"

UNREADABLE: Final[Mapping[str, tuple[bytes, set[int]]]] = {
    "negative length": (request_of(JSON_TYPE, b"Content-Length: -1") + BODY, {400}),
    "two lengths": (request_of(JSON_TYPE, b"Content-Length: 15", b"Content-Length: 15") + BODY, {400}),
    "two lengths that differ": (request_of(JSON_TYPE, b"Content-Length: 15", b"Content-Length: 3") + BODY, {400}),
    "a list of lengths": (request_of(JSON_TYPE, b"Content-Length: 15, 15") + BODY, {400}),
    "a length that is no number": (request_of(JSON_TYPE, b"Content-Length: many") + BODY, {400}),
    "a length with a sign": (request_of(JSON_TYPE, b"Content-Length: +15") + BODY, {400}),
    "a length in hexadecimal": (request_of(JSON_TYPE, b"Content-Length: 0xf") + BODY, {400}),
    "a length beyond 64 bits": (request_of(JSON_TYPE, b"Content-Length: " + b"9" * 30) + BODY, {400}),
    "length and chunks": (
        request_of(JSON_TYPE, b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        {400},
    ),
    "chunks and length": (
        request_of(JSON_TYPE, b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n",
        {400},
    ),
    "an unknown coding": (request_of(JSON_TYPE, b"Transfer-Encoding: cow") + BODY, {400}),
    "a coding before chunks": (request_of(JSON_TYPE, b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", {400}),
    "a coding after chunks": (request_of(JSON_TYPE, b"Transfer-Encoding: chunked, identity") + BODY, {400}),
    "a vertical tab before chunked": (request_of(JSON_TYPE, b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n", {400}),
    "bare line feeds": (request_of(JSON_TYPE, b"Content-Length: 15", end=b"\n") + BODY, {400}),
    "NUL in a header": (request_of(JSON_TYPE, b"X-Nul: a\0b"), {400}),
    "a space before a colon": (request_of(JSON_TYPE, b"Content-Length : 15") + BODY, {400}),
    "a folded header": (request_of(JSON_TYPE, b"X-Folded: a", b" b", b"Content-Length: 0"), {400}),
    "a header without a name": (request_of(b": value"), {400}),
    "no host": (b"POST %b HTTP/1.1\r\nContent-Length: 0\r\n\r\n" % PATH, {400}),
    "two hosts": (request_of(b"Host: elsewhere", b"Content-Length: 0"), {400}),
    "100 kB of headers": (request_of(*[b"X-%d: " % n + b"x" * 1000 for n in range(100)]), {431}),
    "one header of 100 kB": (request_of(b"X: " + b"x" * 100_000), {431}),
    "one header of 1 MB without end": (request_of()[:-2] + b"X: " + b"x" * 1_000_000, {431}),
    "5,000 headers": (request_of(*[b"X: x"] * 5_000), {431}),
    "a path of 70 kB": (request_of(start=b"GET /" + b"x" * 70_000 + b" HTTP/1.1"), {414}),
    "a path of 1 MB without end": (b"GET /" + b"x" * 1_000_000, {414}),
    "HTTP/9.9": (request_of(start=b"GET / HTTP/9.9"), {400, 505}),
    "HTTP/2.0": (request_of(start=b"GET /healthz HTTP/2.0"), {400, 505}),
    "HTTP/0.9": (request_of(start=b"GET /healthz HTTP/0.9"), {400, 505}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), {400, 505}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), {400}),
    "NUL": (bytes(100), {400}),
    "no request": (b"hello\r\n\r\n", {400}),
    "an unknown method": (request_of(start=b"COWS / HTTP/1.1"), {400}),
    "a path with bytes above ASCII": (request_of(start=b"GET /\xff\xfe HTTP/1.1"), {400}),
    "CONNECT": (request_of(start=b"CONNECT localhost:80 HTTP/1.1"), {400, 405}),
    "a target that is no path": (request_of(start=b"GET cow HTTP/1.1"), {400}),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_request_ends_the_connection(hostile: Serving, case: str) -> None:
    """Framing that can be read in two ways, or not at all, is refused; a request smuggled behind it is not answered."""
    sent, statuses = UNREADABLE[case]
    smuggled = request_of(*good(hostile)) + BODY
    with Wire(hostile.running.url) as wire:
        send_all(wire, sent + smuggled)
        answer = wire.answer()
        assert answer.status in statuses
        faults_of(answer, answer.status)
        assert ("connection", "close") in answer.headers
        assert wire.ended()


CHUNKS: Final = {
    "a size that is no number": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a size of too few bytes": b"1\r\n{}\r\n0\r\n\r\n",
    "no end of line after data": b"2\r\n{}0\r\n\r\n",
    "bare line feeds": b"2\n{}\n0\n\n",
    "NUL in a trailer": b"2\r\n{}\r\n0\r\nX: \0\r\n\r\n",
    "an extension of 1 MB": b"2;" + b"x" * 1_000_000,
    "a trailer of 1 MB": b"2\r\n{}\r\n0\r\nX: " + b"x" * 1_000_000,
}


@pytest.mark.parametrize("case", CHUNKS)
def test_bad_chunks_end_the_connection(hostile: Serving, case: str) -> None:
    """A chunked body that breaks off into something else is refused, and what follows is not a request."""
    smuggled = request_of(*good(hostile)) + BODY
    with Wire(hostile.running.url) as wire:
        wire.ask(b"POST", PATH, *of(hostile), b"Transfer-Encoding: chunked")
        send_all(wire, CHUNKS[case] + smuggled)
        answer = wire.answer()
        assert answer.status in {400, 431}
        faults_of(answer, answer.status)
        assert wire.ended()


def send_all(wire: Wire, data: bytes) -> None:
    """Send what the service may refuse before it has all of it."""
    try:
        wire.send(data)
    except (BrokenPipeError, ConnectionResetError):
        return


def test_the_answers_before_a_bad_request_are_its_own(hostile: Serving) -> None:
    """Of good requests and a bad one in one packet, the good ones are answered in their order, then the bad one."""
    with Wire(hostile.running.url) as wire:
        wire.send((request_of(*good(hostile)) + BODY) * 3, request_of(b"Content-Length: -1"))
        assert re.findall(rb"HTTP/1.1 ([0-9]+)", wire.rest()) == [b"201", b"201", b"201", b"400"]


def test_trailers_are_no_headers(hostile: Serving) -> None:
    """Credentials in a trailer count for nothing, and none there undo those of the header."""
    token = b"Authorization: Bearer " + hostile.token.encode()
    for head, trailer, status in ([], token, 401), ([token], b"Authorization: none", 201):
        with Wire(hostile.running.url) as wire:
            wire.ask(b"POST", PATH, JSON_TYPE, *head, b"Transfer-Encoding: chunked")
            wire.send(b"%x\r\n" % len(BODY), BODY, b"\r\n0\r\n", trailer, b"\r\n\r\n")
            assert wire.answer().status == status


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"identity, gzip", b"cow"])
def test_encoded_bodies_are_refused(hostile: Serving, encoding: bytes) -> None:
    """A body that is said to be encoded is 415, with what would do; one that is so in silence is no JSON."""
    with Wire(hostile.running.url) as wire:
        wire.ask(b"POST", PATH, *good(hostile), b"Content-Encoding: " + encoding, body=BODY)
        answer = wire.answer()
        faults_of(answer, 415)
        assert ("accept-encoding", "identity") in answer.headers
    zipped = b"\x1f\x8b\x08\0\0\0\0\0"
    with Wire(hostile.running.url) as wire:
        wire.ask(b"POST", PATH, *good(hostile, len(zipped)), body=zipped)
        assert [fault["type"] for fault in faults_of(wire.answer(), 422)] == ["json_invalid"]


def test_two_credentials_are_none(hostile: Serving) -> None:
    """Two Authorization headers are 401, be they the same."""
    credentials = good(hostile)[0]
    for other in credentials, b"Authorization: Bearer cow", b"Authorization:":
        for pair in (credentials, other), (other, credentials):
            with Wire(hostile.running.url) as wire:
                wire.ask(b"POST", PATH, *pair, JSON_TYPE, b"Content-Length: %d" % len(BODY), body=BODY)
                faults_of(wire.answer(), 401)


def test_paths_are_what_they_say(hostile: Serving) -> None:
    """Dots and escapes, good and bad, lead nowhere else."""
    for path in (
        b"/v1/../v1/api-keys", b"/v1/api-keys/..", b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/v1/%",
        b"/%zz", b"/%ff%fe", b"/%00", b"/v1//api-keys", b"//", b"/v1/api-keys%2f",
        b"/docs/..%2f..%2fetc/passwd", b"/docs/%00",
    ):  # fmt: skip
        with Wire(hostile.running.url) as wire:
            wire.ask(b"POST", path, *good(hostile), body=BODY)
            answer = wire.answer()
            assert answer.status in {400, 404, 405}, path
            faults_of(answer, answer.status)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_not_allowed(hostile: Serving, method: str) -> None:
    """Every method that the document does not have is 405 with those that it has, and the connection goes on."""
    with Wire(hostile.running.url) as wire:
        wire.ask(method.encode(), PATH)
        answer = wire.answer(method)
        assert (answer.status, dict(answer.headers)["allow"]) == (405, "POST")
        wire.ask(b"POST", PATH, *good(hostile), body=BODY)
        assert wire.answer().status == 201


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_nothing_is_upgraded_to(hostile: Serving, protocol: bytes) -> None:
    """A wish to speak another protocol gets a plain answer, after which the connection is closed."""
    upgrade = [b"Connection: Upgrade", b"Upgrade: " + protocol]
    for method, headers, body, status in ((b"GET", [], b"", 405), (b"POST", good(hostile), BODY, 201)):
        with Wire(hostile.running.url) as wire:
            wire.ask(method, PATH, *headers, *upgrade, body=body)
            wire.ask(b"POST", PATH, *good(hostile), body=BODY)
            assert wire.answer().status == status
            assert wire.ended()


def test_a_client_may_ask_before_it_sends(hostile: Serving) -> None:
    """`Expect: 100-continue` with good credentials is answered 100 before the body, without any 401 at once."""
    with Wire(hostile.running.url) as wire:
        wire.ask(b"POST", PATH, *good(hostile), b"Expect: 100-continue")
        assert wire.interim() == 100
        wire.send(BODY)
        assert wire.answer().status == 201
    with Wire(hostile.running.url) as wire:
        wire.ask(b"POST", PATH, *good(hostile)[1:], b"Expect: 100-continue")
        assert wire.answer().status == 401


def put(hostile: Serving, body: bytes) -> Answer:
    """The answer to a body."""
    with Wire(hostile.running.url) as wire:
        wire.ask(b"POST", PATH, *good(hostile, len(body)))
        send_all(wire, body)
        return wire.answer()


DEEP: Final = 100_000

LARGE: Final[Mapping[str, tuple[bytes, int]]] = {
    "arrays in arrays": (b"[" * DEEP + b"]" * DEEP, 422),
    "arrays that never end": (b"[" * DEEP, 422),
    "objects in objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 422),
    "nesting in what is passed over": (b'{"name": "key", "x": ' + b"[" * DEEP + b"]" * DEEP + b"}", 422),
    "an integer of 100,000 digits": (b'{"name": "key", "number": ' + b"9" * 100_000 + b"}", 422),
    "a fraction of 100,000 digits": (b'{"name": "key", "number": 0.' + b"9" * 100_000 + b"}", 422),
    "an exponent of 100,000 digits": (b'{"name": "key", "number": 1e' + b"9" * 100_000 + b"}", 422),
    "1,000,000 members": (
        b'{"name": "key", ' + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}",
        201,
    ),
    "1,000,000 items": (b'{"name": "key", "anything": [' + b",".join([b"[]"] * 1_000_000) + b"]}", 201),
    "100,000 faults": (b'{"name": "key", "scopes": [' + b",".join([b"1"] * 100_000) + b"]}", 422),
    "a million times one member": (b'{"name": "key"' + b',"name": "key"' * 1_000_000 + b"}", 201),
    "a pattern that backtracks": (b'{"name": "key", "slug": "' + b"a" * 1_000_000 + b'!"}', 422),
    "a pattern that matches": (b'{"name": "key", "slug": "' + b"a" * 1_000_000 + b'"}', 201),
    "10 MB of spaces": (b" " * 10_000_000 + BODY, 201),
    "10 MB of backslashes": (b'{"name": "' + b"\\\\" * 5_000_000 + b'"}', 422),
    "an open text of backslashes": (b'{"name": "' + b"\\\\" * 5_000_000, 422),
    "quotes before brackets": (b'"' * 500_000 + b"[" * DEEP, 422),
}


@pytest.mark.parametrize("case", LARGE)
def test_large_bodies_are_judged(hostile: Serving, case: str) -> None:
    """Whatever is in a body that the size allows, the verdict is the document's, in bounded time and memory."""
    body, status = LARGE[case]
    before = memory_of(hostile.running.process.pid)
    answer = put(hostile, body)
    if status == 201:
        assert answer.status == 201, answer.body[:200]
    else:
        assert faults_of(answer, status)
    assert memory_of(hostile.running.process.pid) - before < MAX_GROWTH


def test_numbers_are_kept_or_refused(hostile: Serving) -> None:
    """No integer is rounded in silence: beyond 64 bits it is what it was, or refused."""
    for number in (2**53 + 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63) - 1, 10**300, 10**400 + 1, 10**4200 + 7):
        answer = put(hostile, b'{"name": "key", "number": %s}' % _digits(number))
        if answer.status == 201:
            kept = re.search(rb'"number":\s*(-?[0-9.eE+-]+)', answer.body)
            assert kept is not None
            assert kept[1] == _digits(number)
        else:
            faults_of(answer, 422)


def _digits(number: int) -> bytes:
    return str(number).encode()


def test_colliding_keys_cost_no_more(hostile: Serving) -> None:
    """Names that are alike in most of their bytes, hundreds of thousands, are judged like any."""
    names = b",".join(b'"%s%06d":0' % (b"a" * 20, n) for n in range(300_000))
    assert put(hostile, b'{"name": "key",' + names + b"}").status == 201
