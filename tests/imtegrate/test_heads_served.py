"""A running service judges each request anew, also where its head came before."""

import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from editing import DOCUMENT, patched
from running import KEYS, START_TIMEOUT, Serving, Wire, eventually, faults_of, serve

NAME: Final = "/components/schemas/ApiKeyCreate/properties/name/maxLength"

TIMEOUT: Final = 3
"""Seconds in which a request has to come."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve --access-log` with a document of its own, that waits for nobody long."""
    folder = tmp_path_factory.mktemp("heads")
    shutil.copy(DOCUMENT, folder / "openapi.json")
    limits = ("--request-timeout", str(TIMEOUT), "--keep-alive-timeout", "2")
    options = ("--access-log", "--spec", folder / "openapi.json", *limits)
    with serve(f"sqlite:///{folder}/imtegrate.db", folder, *options) as serving:
        yield serving


def request_of(token: str, body: bytes, *lines: bytes) -> bytes:
    """A request for a key, whole."""
    head = [
        b"POST %b HTTP/1.1" % KEYS.encode(),
        b"Host: localhost",
        b"Authorization: Bearer " + token.encode(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
    ]
    return b"\r\n".join([*head, *lines, b"", body])


def ids_of(said: bytes) -> list[str]:
    """The ids of requests in what was said."""
    return re.findall(r"\r\nx-request-id: ([^\r]+)\r\n", said.decode())


def test_bodies_are_judged_each_by_itself(service: Serving) -> None:
    """Under one head: a key for each good body, with a name, id and token of its own, and each bad one its faults."""
    made = []
    with Wire(service.running.url) as wire:
        for number in range(5):
            wire.send(request_of(service.token, b'{"name": "key %d"}' % number))
            good = wire.answer()
            assert good.status == 201
            made.append(json.loads(good.body))
            wire.send(request_of(service.token, b'{"name": 1234567}'))
            assert [fault["loc"] for fault in faults_of(wire.answer(), 422)] == [["body", "name"]]
            wire.send(request_of(service.token, b'{"nome": "key 1"}'))
            assert "name" in str(faults_of(wire.answer(), 422))
            wire.send(request_of(service.token, b'{"name": "key 1" '))
            assert [fault["type"] for fault in faults_of(wire.answer(), 422)] == ["json_invalid"]
    assert [key["name"] for key in made] == [f"key {number}" for number in range(5)]
    assert len({key["id"] for key in made}) == len({key["token"] for key in made}) == 5
    assert {key["id"] for key in made} <= service.listed().keys()


def test_a_revoked_key_is_refused_at_once(service: Serving) -> None:
    """The head that was let in is refused with the very next request once its key is revoked."""
    key = service.key(scopes=["*"])
    one = request_of(key["token"], b'{"name": "key"}')
    with Wire(service.running.url) as wire:
        for _ in range(3):
            wire.send(one)
            assert wire.answer().status == 201
        service.revoke(key)
        wire.send(one)
        refused = wire.answer()
        wire.send(one)
        assert (refused.status, wire.answer().status) == (401, 401), refused


def test_each_has_an_id_a_line_and_is_counted(service: Serving) -> None:
    """Of requests without an id each gets its own; each has its one line in the log, and is counted."""

    def counted() -> float:
        page = httpx.get(f"{service.running.url}/metrics", headers={"Connection": "close"}, timeout=START_TIMEOUT)
        return sum(
            sample.value
            for family in text_string_to_metric_families(page.text)
            for sample in family.samples
            if sample.name == "imtegrate_requests_total" and sample.labels["status"] == "201"
        )

    before = counted()
    with Wire(service.running.url) as wire:
        for _ in range(5):
            wire.send(request_of(service.token, b'{"name": "key"}'))
            time.sleep(0.05)
        said = wire.rest()
    made = ids_of(said)
    assert len(set(made)) == 5
    eventually(lambda: [service.running.log.read_text().count(one) for one in made] == [1] * 5)
    eventually(lambda: counted() == before + 5)


def test_the_clients_own_id_is_given_back_each_time(service: Serving) -> None:
    """A head with an id has that in each answer."""
    with Wire(service.running.url) as wire:
        for _ in range(3):
            wire.send(request_of(service.token, b'{"name": "key"}', b"X-Request-ID: mine"))
            time.sleep(0.05)
        assert ids_of(wire.rest()) == ["mine"] * 3


def test_an_edited_document_judges_the_next(service: Serving) -> None:
    """Between two requests of one head the document is edited and reloaded: the second is judged by the new one."""
    path = Path(service.folder, "openapi.json")
    one = request_of(service.token, b'{"name": "longer"}')
    for maximum, status in ((5, 422), (120, 201)):
        with Wire(service.running.url) as wire:
            wire.send(one)
            assert wire.answer().status != status
            path.write_text(json.dumps(patched(json.loads(DOCUMENT.read_text()), [("replace", NAME, maximum)])))
            service.running.process.send_signal(signal.SIGHUP)

            def judged(wire: Wire = wire) -> int:
                wire.send(one)
                return wire.answer().status

            eventually(lambda judged=judged, status=status: judged() == status, service.running.log.read_text)


@pytest.mark.parametrize("sent", [0, 20])
def test_time_is_measured_anew(service: Serving, sent: int) -> None:
    """After a head that came again silence ends the connection, and half a request is answered 408."""
    one = request_of(service.token, b'{"name": "key"}')
    with Wire(service.running.url) as wire:
        for _ in range(8):
            wire.send(one)
            assert wire.answer().status == 201
            time.sleep(0.4)
        began = time.monotonic()
        if sent:
            wire.send(one[:sent])
            faults_of(wire.answer(), 408)
        assert wire.ended()
        # One look a second finds whose time is over.
        assert time.monotonic() - began > 1 - 0.4


def test_requests_in_a_row_are_answered_in_a_row(service: Serving) -> None:
    """Equal requests that do not wait for answers, in packets of one or of several, are answered each, in order."""
    names = [f"key {number:03}" for number in range(60)]
    with Wire(service.running.url) as wire:
        for number, name in enumerate(names):
            wire.send(request_of(service.token, json.dumps({"name": name}).encode()))
            if number % 7 == 0:
                time.sleep(0.01)
        assert [json.loads(wire.answer().body)["name"] for _ in names] == names
