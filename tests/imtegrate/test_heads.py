"""Nobody can tell a head that came again from one that was parsed."""

import asyncio
import gc
import json
import re
import socket
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pytest
import uvicorn
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn._types import ASGI3Application
from uvicorn.server import ServerState

from contract.fields import FIELDS, fields_of
from contract.request import Receive, Send
from contract.shortcut import shortcut_of
from imtegrate.protocol import Protocol

TURNS: Final = 8
"""Turns of the event loop in which a request is answered here, and more."""

LENGTH: Final = 11
"""Bytes of each body: heads that are to be the same have the same length in them."""

BODIES: Final = (b'{"name": 1}', b'{"name": 2}', b"\r\n\r\nGET / H", b" " * LENGTH)

MARK: Final = b"x-mark"
"""The header field by which no head is another's, where none is to come again."""


class Counting(Protocol):
    """A connection that counts the requests that were parsed."""

    parsed = 0

    def on_message_begin(self) -> None:
        """The first byte of a request is here."""
        self.parsed += 1
        super().on_message_begin()


async def _tell(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer with all that a request is, `MARK` apart; what it holds is its own, and may be written to."""
    fields = {name.decode(): [value.decode() for value in values] for name, values in fields_of(scope).items()}
    ways = fields.get("x-way", [""])
    shortcut = shortcut_of(scope)
    body = shortcut.take(receive) if ways == ["take"] and shortcut is not None else None
    if body is None and ways != ["ignore"]:
        body, is_there = b"", False
        while not is_there:
            message = await receive()
            body += message.get("body", b"")
            is_there = not message.get("more_body", False)
    told = {name: str(value) for name, value in scope.items() if name not in {FIELDS, "headers", "extensions"}}
    told["headers"] = str([field for field in scope["headers"] if field[0] != MARK])
    told["fields"] = str({name: values for name, values in fields.items() if name != MARK.decode()})
    text = json.dumps({**told, "body": str(body)}).encode()
    length = (b"content-length", b"%d" % len(text))
    scope["headers"].append((b"x-written", b"by the application"))
    scope["state"]["written"] = scope["written"] = True
    scope["path"] = "/elsewhere"
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})


async def _some_turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@dataclass
class Said:
    """What was heard on a connection, and how many requests were parsed for it."""

    text: bytes
    parsed: int


def said_to(packets: Sequence[tuple[bytes, bool]], application: Callable[..., Any] = _tell) -> Said:
    """Give a connection packets, each with whether what is answered so far is waited for; what was said."""

    async def scenario() -> Said:
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(cast("ASGI3Application", application), log_config=None)
        ours, theirs = socket.socketpair()
        protocol = Counting(config, ServerState(), {})
        with theirs:
            theirs.setblocking(False)
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, ours)
            heard = b""
            for packet, waits in packets:
                protocol.data_received(packet)
                if waits:
                    await _some_turns()
                # A transport that is told to pause brings nothing.
                for _ in range(TURNS):
                    if protocol.flow.read_paused:
                        await _some_turns()
            for _ in packets:
                await _some_turns()
            while True:
                try:
                    piece = theirs.recv(1 << 20)
                except BlockingIOError:
                    break
                heard += piece
                if not piece:
                    break
            transport.abort()
            await asyncio.sleep(0)
        # A refusal has an id of its own.
        return Said(re.sub(rb"x-request-id: [0-9a-f]{32}", b"", heard), protocol.parsed)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(scenario())


SIZED: Final = b"POST /a?b=%%63 HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n" % LENGTH

CHUNKED: Final = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"

WITH_BODY: Final = {
    "taken": SIZED + b"X-Way: take\r\n",
    "received": SIZED + b"X-Way: receive\r\n",
    "ignored": SIZED + b"X-Way: ignore\r\n",
    "another path": SIZED.replace(b"/a", b"/b"),
    "told to go on": SIZED + b"Expect: 100-continue\r\n",
    "absolute": SIZED.replace(b"/a", b"http://other/a"),
    "leading lines": b"\r\n\r\n" + SIZED,
    "long length": SIZED.replace(b"11\r", b"00011 \r"),
    "upgrade": SIZED + b"Connection: Upgrade\r\nUpgrade: other\r\n",
    "close": SIZED + b"Connection: close\r\n",
    "old": SIZED.replace(b"/1.1", b"/1.0"),
    "old that stays": SIZED.replace(b"/1.1", b"/1.0") + b"Connection: keep-alive\r\n",
    "no host": SIZED.replace(b"Host", b"Most"),
    "two lengths": SIZED + b"Content-Length: 11\r\n",
}

WITHOUT: Final = {
    "get": b"GET /healthz HTTP/1.1\r\nHost: h\r\n",
    "head": b"HEAD /healthz HTTP/1.1\r\nHost: h\r\n",
    "options": b"OPTIONS * HTTP/1.1\r\nHost: h\r\n",
    "no body": b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n",
    "large": b"GET / HTTP/1.1\r\nHost: h\r\nX: %b\r\n" % (b"x" * 5000),
}


def whole(kind: str, body: bytes, mark: int) -> bytes:
    """A request of a kind, marked or, by 0, not."""
    marked = b"%b: %06d\r\n\r\n" % (MARK, mark) if mark else b"\r\n"
    if kind == "chunked":
        return CHUNKED + marked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return WITHOUT[kind] + marked if kind in WITHOUT else WITH_BODY[kind] + marked + body


@dataclass(frozen=True)
class Step:
    """A request, and how it comes."""

    kind: str
    body: bytes = BODIES[0]
    cut: int = 0
    """Bytes before its end that come in another packet."""
    joined: bool = False
    """Whether the next one comes in the same packet."""
    waits: bool = True
    """Whether it is answered before the next packet comes."""


def packets_of(steps: Sequence[Step], *, marked: bool) -> list[tuple[bytes, bool]]:
    """The packets in which requests come; in those that are marked no head comes again."""
    packets: list[tuple[bytes, bool]] = []
    before = b""
    for number, step in enumerate(steps, 1):
        before += whole(step.kind, step.body, number if marked else 0)
        if step.joined:
            continue
        if 0 < step.cut < len(before):
            packets.append((before[: -step.cut], step.waits))
            before = before[-step.cut :]
        packets.append((before, step.waits))
        before = b""
    return [*packets, (before, True)] if before else packets


def same_either_way(steps: Sequence[Step]) -> Said:
    """What is said to requests, once it has proved to be the same, to the byte, where no head comes again."""
    said = said_to(packets_of(steps, marked=False))
    assert said.text == said_to(packets_of(steps, marked=True)).text
    return said


KINDS: Final = (*WITH_BODY, *WITHOUT, "chunked")

_STEPS: Final = st.builds(
    Step,
    # Few kinds at a time, and often the same: a head has to come again.
    st.sampled_from([*KINDS, *["taken", "received"] * 12]),
    st.sampled_from(BODIES),
    st.one_of(st.just(0), st.just(0), st.integers(1, 120)),
    st.sampled_from([False, False, True]),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_STEPS, min_size=2, max_size=8))
def test_whatever_comes_is_answered_as_if_each_head_were_new(steps: list[Step]) -> None:
    """Requests of all kinds, in one packet, in two, or several in one, are answered the same to the byte."""
    same_either_way(steps)


@pytest.mark.parametrize("between", KINDS)
@pytest.mark.parametrize("cut", [0, 1, LENGTH, LENGTH + 1], ids=["whole", "last byte", "body", "head"])
def test_what_came_between_leaves_no_trace(between: str, cut: int) -> None:
    """A request of another kind, however it comes, changes nothing of the same request before and after."""
    for way in "taken", "received", "ignored":
        same_either_way([Step(way), Step(between, cut=cut), Step(way, BODIES[1]), Step(way, BODIES[2])])


@pytest.mark.parametrize("kind", KINDS)
def test_each_has_its_own_body(kind: str) -> None:
    """Requests of one head and of bodies as long are each told their own, whether or not the last one is answered."""
    for waits in True, False:
        said = same_either_way([Step(kind, body, waits=waits) for body in BODIES])
        if kind in {"taken", "received"}:
            assert [said.text.count(json.dumps(str(body)).encode()) for body in BODIES] == [1] * len(BODIES)


@pytest.mark.parametrize("cut", range(1, 120))
def test_a_cut_anywhere_changes_nothing(cut: int) -> None:
    """The request that came whole, and then in two packets, and then whole again, is answered the same three times."""
    said = said_to(packets_of([Step("received"), Step("received", cut=cut), Step("received")], marked=False))
    assert said.text == said_to([(whole("received", BODIES[0], 0), True)]).text * 3


@pytest.mark.parametrize(
    ("kind", "parsed"), [("taken", 1), ("get", 1), ("head", 1), ("absolute", 1), ("chunked", 3), ("told to go on", 3)]
)
def test_what_is_the_same_is_parsed_once(kind: str, parsed: int) -> None:
    """A head that comes again is not parsed again, unless where its body ends is not told by its length alone."""
    assert same_either_way([Step(kind)] * 3).parsed == parsed


def test_a_longer_packet_is_no_repetition() -> None:
    """Two equal requests in one packet, after one alone, are two; and so is what comes then."""
    one, two = Step("taken"), [Step("taken", joined=True), Step("taken", BODIES[1])]
    said = same_either_way([one, *two, one, *two, one])
    assert said.text.count(b"HTTP/1.1 200") == 7
    assert said.parsed == 5


def test_a_body_that_is_a_request_stays_a_body() -> None:
    """The head that came before, to the byte, is no head where the body of another request is due."""
    inner = whole("taken", BODIES[0], 0)
    outer = SIZED.replace(b": 11", b": %d" % len(inner)) + b"X-Way: receive\r\n\r\n"
    said = said_to([(inner, True), (outer, True), (inner, True), (inner, True)])
    assert said.text.count(b"HTTP/1.1 200") == 3
    assert json.dumps(str(inner)).encode() in said.text


def test_the_end_of_a_body_begins_no_head() -> None:
    """A packet that held the end of a body and a request is no request when it comes again."""
    packet = BODIES[0] + whole("taken", BODIES[0], 0)
    said = said_to([(whole("taken", b"", 0), True), (packet, True), (packet, True)])
    assert re.findall(rb"HTTP/1.1 ([0-9]+)", said.text) == [b"200", b"200", b"400"]


def test_no_request_that_was_answered_is_kept() -> None:
    """The connection keeps what was read of a head, and neither the request that it came with nor its body."""
    cycles: list[weakref.ref[object]] = []
    alive: list[int] = []

    async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        gc.collect()
        alive.append(sum(cycle() is not None for cycle in cycles))
        cycles.append(weakref.ref(shortcut_of(scope)))
        await _tell(scope, receive, send)

    said_to(packets_of([Step("ignored"), Step("ignored"), Step("ignored")], marked=False), application)
    assert alive == [0, 0, 0]
