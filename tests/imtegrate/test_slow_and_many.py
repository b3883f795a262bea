"""Clients that are slow, and many: each is dropped when its time is over, and none keeps another waiting."""

import re
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from running import KEYS, Serving, Wire, eventually, faults_of, memory_of, serve

TIMEOUT: Final = 3
"""Seconds that a request has to come in these tests."""

STALLED: Final = 500

MAX_GROWTH: Final = 60_000_000
"""Bytes of memory that the service may take for ten clients that send without reading."""


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Serving]:
    """`imtegrate serve` on SQLite with further options."""
    with serve(f"sqlite:///{folder}/keys.db", folder, *options) as made:
        yield made


@pytest.fixture(scope="module")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service that waits for requests no longer than `TIMEOUT`."""
    folder = tmp_path_factory.mktemp("brisk")
    with serving(folder, "--request-timeout", str(TIMEOUT), "--keep-alive-timeout", "1") as service:
        yield service


def head_of(service: Serving, length: int) -> tuple[bytes, ...]:
    """The header lines of a request whose body has so many bytes."""
    authorization = f"Authorization: Bearer {service.token}".encode()
    return authorization, b"Content-Type: application/json", b"Content-Length: %d" % length


def test_stalled_bodies_are_dropped_and_delay_nobody(brisk: Serving) -> None:
    """500 clients that stall amid a body leave a fast one alone, and are answered 408 when the time is over."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(brisk.running.url)) for _ in range(STALLED)]
        for wire in wires:
            wire.ask(b"POST", KEYS.encode(), *head_of(brisk, 100), body=b'{"name": ')
        began = time.monotonic()
        for _ in range(20):
            brisk.key()
        assert time.monotonic() - began < TIMEOUT
        for wire in wires:
            answer = wire.answer()
            assert [fault["type"] for fault in faults_of(answer, 408)] == ["request_timeout"]
            assert ("connection", "close") in answer.headers
            assert wire.ended()
    brisk.key()


@pytest.mark.parametrize("sent", [b"P", b"POST / HT", b"POST / HTTP/1.1\r\nHost: localh"])
def test_a_stalled_head_is_dropped(brisk: Serving, sent: bytes) -> None:
    """Who does not end the head of a request is answered 408, however slowly it goes on sending."""
    with Wire(brisk.running.url) as wire:
        wire.send(sent)
        faults_of(wire.answer(), 408)
        assert wire.ended()


def test_a_trickle_is_no_progress(brisk: Serving) -> None:
    """A byte now and then does not make the time longer."""
    with Wire(brisk.running.url) as wire:
        wire.ask(b"POST", KEYS.encode(), *head_of(brisk, 1000))
        began = time.monotonic()
        for _ in range(TIMEOUT * 2 + 2):
            wire.send(b" ")
            time.sleep(0.4)
        faults_of(wire.answer(), 408)
        assert time.monotonic() - began < 5 * TIMEOUT


@pytest.mark.parametrize("first", [False, True])
def test_silence_is_ended(brisk: Serving, first: bool) -> None:
    """A connection on which nothing comes is closed without a word, before its first request and after."""
    with Wire(brisk.running.url) as wire:
        if first:
            wire.ask(b"GET", b"/healthz")
            assert wire.answer().status == 200
        assert wire.ended()


def test_who_leaves_early_costs_nobody(brisk: Serving) -> None:
    """Clients that leave amid a head, amid a body, or before the answer, are forgotten without a line in the log."""
    whole = b'{"name": "key"}'
    for body in b"", whole[:5], whole:
        for _ in range(50):
            with Wire(brisk.running.url) as wire:
                wire.ask(b"POST", KEYS.encode(), *head_of(brisk, len(whole)), body=body)
    brisk.key()
    assert not re.search("Traceback|ERROR", brisk.running.log.read_text())


def test_requests_in_a_row_are_answered_in_a_row(brisk: Serving) -> None:
    """Requests sent without waiting are answered each, in their order (RFC 9112 §9.3.2)."""
    body = b'{"name": "key"}'
    with Wire(brisk.running.url) as wire:
        for path in (KEYS.encode(), b"/nowhere") * 25:
            wire.ask(b"POST", path, *head_of(brisk, len(body)), body=body)
        assert re.findall(rb"HTTP/1.1 ([0-9]+)", wire.rest()) == [b"201", b"404"] * 25


@pytest.mark.parametrize("requests", [1, 2, 600])
def test_who_sends_no_more_is_still_answered(brisk: Serving, requests: int) -> None:
    """Each request of a client that then closes its half of the connection is answered, and the connection ended."""
    body = b'{"name": "key"}'
    before = len(brisk.kept())
    with Wire(brisk.running.url) as wire:
        for _ in range(requests):
            wire.ask(b"POST", KEYS.encode(), *head_of(brisk, len(body)), body=body)
        wire.send_no_more()
        assert re.findall(rb"HTTP/1.1 ([0-9]+)", wire.rest()) == [b"201"] * requests
    assert len(brisk.kept()) == before + requests


@pytest.mark.parametrize(
    "half", [b"GET /healthz HTTP/1.1\r\nHost: local", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"]
)
def test_half_a_request_takes_none_before_it_along(brisk: Serving, half: bytes) -> None:
    """Of a client that closes its half of the connection amid a request, those before that are answered."""
    body = b'{"name": "key"}'
    with Wire(brisk.running.url) as wire:
        for _ in range(3):
            wire.ask(b"POST", KEYS.encode(), *head_of(brisk, len(body)), body=body)
        wire.send(half)
        wire.send_no_more()
        assert re.findall(rb"HTTP/1.1 ([0-9]+)", wire.rest())[:3] == [b"201"] * 3


def test_who_reads_no_answers_takes_no_memory(tmp_path: Path) -> None:
    """Of requests sent in a row, without end and without reading, no more are taken in than can be answered.

    Others are served meanwhile.
    """
    with serving(tmp_path) as service, ExitStack() as stack:
        service.key()
        pid = service.running.process.pid
        before = memory_of(pid)
        for _ in range(10):
            wire = stack.enter_context(Wire(service.running.url))
            assert (
                wire.send_what_is_taken(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500_000) < 16 << 20
            )
        service.key()
        assert memory_of(pid) - before < MAX_GROWTH


def test_connections_are_limited(tmp_path: Path) -> None:
    """Over the limit a client is told 503 and when to come again, at once; the others go on, and a place gets free."""
    with serving(tmp_path, "--max-connections", "5") as service, ExitStack() as stack:
        time.sleep(1)
        wires = [stack.enter_context(Wire(service.running.url)) for _ in range(5)]
        for wire in wires:
            wire.ask(b"GET", b"/healthz")
            assert wire.answer().status == 200
        for _ in range(100):
            with Wire(service.running.url) as over:
                over.ask(b"GET", b"/healthz")
                answer = over.answer()
                assert [fault["type"] for fault in faults_of(answer, 503)] == ["too_many_connections"]
                assert int(dict(answer.headers)["retry-after"]) > 0
                assert over.ended()
        wires[0].ask(b"GET", b"/healthz")
        assert wires[0].answer().status == 200
        wires[1].close()
        time.sleep(1)
        assert service.http.get("/healthz").status_code == 200


def test_a_crowd_is_let_in_at_once(tmp_path: Path) -> None:
    """200 clients that connect together are all heard before one that was there has 100 more answers.

    Counted in turns of the loop, not in time: one connection a turn, as uvloop's server accepts them, would take 200.
    """
    with serving(tmp_path, "--access-log") as service, ExitStack() as stack:
        early = stack.enter_context(Wire(service.running.url))
        early.ask(b"GET", b"/healthz")
        early.answer()
        service.running.process.send_signal(signal.SIGSTOP)
        for number in range(200):
            early.ask(b"GET", b"/healthz", b"X-Request-ID: early-%d" % number)
        late = [stack.enter_context(Wire(service.running.url)) for _ in range(200)]
        for wire in late:
            wire.ask(b"GET", b"/healthz", b"X-Request-ID: late")
        service.running.process.send_signal(signal.SIGCONT)
        for wire in (*late, *(early for _ in range(200))):
            assert wire.answer().status == 200
        log = service.running.log
        eventually(lambda: "early-199" in log.read_text())
        told = re.findall(r"late|early-99", log.read_text())
        assert told == ["late"] * 200 + ["early-99"]


def test_a_crowd_waits_for_files(tmp_path: Path) -> None:
    """Where the system has no file for another connection, the log says so, and it is answered once there is one."""
    with serving(tmp_path) as service, ExitStack() as stack:
        pid, log = service.running.process.pid, service.running.log
        _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), most))
        wires = [stack.enter_context(Wire(service.running.url)) for _ in range(3)]
        for wire in wires:
            wire.ask(b"GET", b"/healthz")
        eventually(lambda: "no further connection can be accepted: Too many open files" in log.read_text())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        for wire in wires:
            assert wire.answer().status == 200
