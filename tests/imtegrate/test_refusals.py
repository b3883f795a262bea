"""What the server refuses by itself is answered with an id, counted and logged, as all else is."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from running import START_TIMEOUT, Serving, Wire, create_organisation, running

TIMEOUT: Final = 1
"""Seconds in which a request has to come."""

CONNECTIONS: Final = 3

SECRET: Final = b"imt_live_0a1B2c3D" + b"s3cr3t" * 6


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve --access-log` that waits for nobody long, and has few connections."""
    folder = tmp_path_factory.mktemp("refusals")
    url = f"sqlite:///{folder}/imtegrate.db"
    root = create_organisation(url, folder)
    limits = ("--request-timeout", str(TIMEOUT), "--max-connections", str(CONNECTIONS))
    with (
        running("serve", "--access-log", *limits, "--database-url", url, cwd=folder) as started,
        closing(Serving(started, url, root, folder)) as serving,
    ):
        yield serving


def counted(service: Serving, status: int) -> float:
    """How many requests for no operation were answered with a status; over a connection of its own."""
    page = httpx.get(f"{service.running.url}/metrics", headers={"Connection": "close"}, timeout=START_TIMEOUT)
    return sum(
        sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
        if sample.name == "imtegrate_requests_total" and sample.labels == {"operation_id": "", "status": str(status)}
    )


def refused(service: Serving, status: int, *sent: bytes) -> str:
    """Send bytes that are refused so: the id of the answer, once it has proved to be counted and logged, each once."""
    before = counted(service, status)
    with Wire(service.running.url) as wire:
        wire.send(*sent)
        answer = wire.rest()
    assert int(answer.split()[1]) == status, answer
    [request_id] = re.findall(rb"\r\nx-request-id: ([^\r]+)\r\n", answer)
    line = line_of(service, request_id.decode())
    assert (line["logger"], line["status"], line["client"]) == ("imtegrate.access", status, "127.0.0.1")
    assert counted(service, status) == before + 1
    assert b"s3cr3t" not in answer
    assert "s3cr3t" not in service.running.log.read_text()
    return str(request_id.decode())


def line_of(service: Serving, request_id: str) -> dict[str, Any]:
    """The one line that the log has of a request; it is written after the answer."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        lines = [json.loads(line) for line in service.running.log.read_text().splitlines() if line.startswith("{")]
        found = [line for line in lines if line.get("request_id") == request_id]
        if found:
            [line] = found
            return dict(line)
        time.sleep(0.05)
    raise AssertionError(f"the log says nothing of {request_id}")


HEAD: Final = b"POST /v1/api-keys HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

UNREADABLE: Final = {
    "no request": (400, b"hello %b\r\n\r\n" % SECRET),
    "a bad length": (400, HEAD + b"X-Request-ID: early\r\nX: %b\r\nContent-Length: -1\r\n\r\n" % SECRET),
    "half a head": (408, HEAD + b"X-Request-ID: half\r\nX: %b\r\n" % SECRET),
    "a long target without end": (414, b"GET /%b" % (SECRET * 4000)),
    "a long header without end": (431, HEAD + b"X: %b" % (SECRET * 4000)),
    "a control character in a field": (400, b"GET /%b HTTP/1.1\r\nHost: \x01\r\n\r\n" % SECRET),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_who_cannot_be_read_gets_an_id_of_ours(service: Serving, case: str) -> None:
    """Of a head that is not read to its end no id is taken: what stands behind could be another one."""
    status, sent = UNREADABLE[case]
    assert re.fullmatch("[0-9a-f]{32}", refused(service, status, sent))


READABLE: Final = {
    "no host": (400, b"GET / HTTP/1.1\r\n%b\r\n"),
    "a long target": (414, b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n%b\r\n"),
    "many fields": (431, b"GET / HTTP/1.1\r\nHost: localhost\r\n%b" + b"X: x\r\n" * 300 + b"\r\n"),
    "a tunnel": (405, b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n%b\r\n"),
}


@pytest.mark.parametrize("case", READABLE)
def test_whose_head_is_read_keeps_a_sane_id(service: Serving, case: str) -> None:
    """The client's id is sent back, logged and kept, if it is one and sane; a token is not, nor are two."""
    status, sent = READABLE[case]
    mine = f"mine-{case.replace(' ', '-')}"
    assert refused(service, status, sent % b"X-Request-ID: %b\r\n" % mine.encode()) == mine
    for bad in b"X-Request-ID: %b\r\n" % SECRET, b"X-Request-ID: a\r\nX-Request-ID: b\r\n", b"":
        assert re.fullmatch("[0-9a-f]{32}", refused(service, status, sent % bad))


@pytest.mark.parametrize("request_id", [b"", b"X-Request-ID: body-late\r\n"])
@pytest.mark.parametrize(("status", "body"), [(400, b"zz\r\n"), (408, b"5\r\n{")])
def test_whose_body_fails_is_counted_once(service: Serving, request_id: bytes, status: int, body: bytes) -> None:
    """A request that the service had in hand when its body went wrong has one id, in the answer and in its one line."""
    credentials = b"Authorization: Bearer " + service.token.encode() + b"\r\n"
    head = HEAD + credentials + b"Transfer-Encoding: chunked\r\n"
    unlike = request_id.replace(b"late", b"late-%d" % status)
    with Wire(service.running.url) as wire:
        wire.send(head, unlike, b"\r\n", body)
        answer = wire.rest()
    assert int(answer.split()[1]) == status, answer
    [told] = re.findall(rb"\r\nx-request-id: ([^\r]+)\r\n", answer)
    assert told == unlike.removeprefix(b"X-Request-ID: ").strip() or not unlike
    assert line_of(service, told.decode())["status"] == status


def test_who_finds_no_connection_free_gets_an_id(service: Serving) -> None:
    """The 503 of a full service has an id, and is counted and logged with the address."""
    service.http.close()
    before = counted(service, 503)
    held = [Wire(service.running.url) for _ in range(CONNECTIONS)]
    with Wire(service.running.url) as wire:
        answer = wire.rest()
    for one in held:
        one.close()
    assert answer.startswith(b"HTTP/1.1 503 "), answer
    [request_id] = re.findall(rb"\r\nx-request-id: ([0-9a-f]{32})\r\n", answer)
    assert line_of(service, request_id.decode())["client"] == "127.0.0.1"
    deadline = time.monotonic() + START_TIMEOUT
    while (now := counted(service, 503)) == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert now == before + 1
