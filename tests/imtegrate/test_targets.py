"""Targets that are no path: what a proxy is asked for, and what is no resource."""

import re

import pytest

from running import Serving, Wire, faults_of

AFTER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def asked(service: Serving, start: bytes, host: bytes = b"localhost") -> bytes:
    """Everything that is answered to a request with this start line, and to one behind it."""
    with Wire(service.running.url) as wire:
        wire.send(
            start,
            b" HTTP/1.1\r\nHost: ",
            host,
            b"\r\n\r\n",
            AFTER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        )
        return wire.rest()


def statuses_of(answers: bytes) -> list[int]:
    """The status of each answer."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answers)]


@pytest.mark.parametrize("target", [b"localhost:443", b"[::1]:443", b"example.com:1"])
def test_a_tunnel_is_not_dug(serving: Serving, target: bytes) -> None:
    """CONNECT is 405, with an empty `Allow`: its target is none of our resources; what follows is never read."""
    answers = asked(serving, b"CONNECT " + target)
    assert statuses_of(answers) == [405]
    assert b"\r\nallow: \r\n" in answers
    assert b"\r\nconnection: close\r\n" in answers


@pytest.mark.parametrize("target", [b"localhost", b"localhost:", b"localhost:0", b"localhost:99999", b"a:b@c:443"])
def test_a_tunnel_to_nowhere_is_no_request(serving: Serving, target: bytes) -> None:
    """CONNECT without a port that can be is 400 (RFC 9110, section 9.3.6)."""
    assert statuses_of(asked(serving, b"CONNECT " + target)) == [400]


@pytest.mark.parametrize("target", [b"*", b"http://localhost", b"http://localhost:80"])
def test_the_server_as_a_whole_has_no_options(serving: Serving, target: bytes) -> None:
    """OPTIONS of no resource is 405, in the one error shape."""
    with Wire(serving.running.url) as wire:
        wire.ask(b"OPTIONS", target)
        answer = wire.answer("OPTIONS")
        assert [fault["type"] for fault in faults_of(answer, 405)] == ["method_not_allowed"]
        assert dict(answer.headers)["allow"] == ""
        assert wire.ended()


@pytest.mark.parametrize(
    "target",
    [
        b"http://localhost/healthz",
        b"HTTP://LOCALHOST:80/healthz?a=b",
        b"https://[::1]:8000/healthz",
        b"http://x/healthz",
    ],
)
def test_an_absolute_target_is_its_path(serving: Serving, target: bytes) -> None:
    """As through a proxy: the path counts, whatever `Host` says beside it, and the connection goes on."""
    assert statuses_of(asked(serving, b"GET " + target, b"elsewhere")) == [200, 200]


@pytest.mark.parametrize("target", [b"http://localhost", b"http://localhost?a=b"])
def test_an_absolute_target_without_a_path_is_the_root(serving: Serving, target: bytes) -> None:
    """It is what `/` is, here 404: an empty path is that of the root (RFC 9110, section 4.2.3)."""
    assert statuses_of(asked(serving, b"GET " + target)) == [404, 200]


@pytest.mark.parametrize(
    "target",
    [
        b"*",
        b"http:///healthz",
        b"http://a@localhost/healthz",
        b"http://localhost:x/",
        b"ftp://localhost/healthz",
        b"x:1",
    ],
)
def test_what_is_no_target_ends_the_connection(serving: Serving, target: bytes) -> None:
    """Neither a path nor an http URI without user information: 400, and what follows is not read."""
    assert statuses_of(asked(serving, b"GET " + target)) == [400]


def test_the_host_of_the_target_counts(dev: Serving) -> None:
    """`dev` judges the host that is asked for: the target's, where it has one, and not that of `Host`."""
    assert statuses_of(asked(dev, b"GET http://example.com/healthz")) == [421, 200]
    assert statuses_of(asked(dev, b"GET http://localhost/healthz", b"example.com")) == [200, 200]
