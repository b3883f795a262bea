"""Bodies that are too large."""

from collections.abc import Iterator

import httpx
import pytest

from running import KEYS, Serving, Wire, faults_of, memory_of, running

LIMIT = 1 << 20
"""Bytes: the default."""

MEBIBYTE = 1 << 20


def headers_of(serving: Serving, framing: bytes) -> list[bytes]:
    """The header lines of a request that may be made."""
    return [f"Authorization: Bearer {serving.token}".encode(), b"Content-Type: application/json", framing]


def test_a_length_above_the_limit_is_refused_unread(serving: Serving) -> None:
    """Who says that more than 1 MiB will follow is answered 413 before any of it comes, and the connection closed."""
    with Wire(serving.running.url) as wire:
        wire.ask(b"POST", KEYS.encode(), *headers_of(serving, b"Content-Length: %d" % (LIMIT + 1)))
        answer = wire.answer()
        assert [(f["loc"], f["type"]) for f in faults_of(answer, 413)] == [(["body"], "content_too_large")]
        assert str(LIMIT) in answer.body.decode()
        assert wire.ended()


@pytest.mark.parametrize("length", [b"9" * 18, b"0" * 30 + b"1048577"])
def test_any_length_is_a_length(serving: Serving, length: bytes) -> None:
    """However long the number, what is above the limit is 413."""
    with Wire(serving.running.url) as wire:
        wire.ask(b"POST", KEYS.encode(), *headers_of(serving, b"Content-Length: " + length))
        faults_of(wire.answer(), 413)


def test_a_byte_too_many_in_chunks_is_refused(serving: Serving) -> None:
    """With the first byte beyond 1 MiB the answer is 413, though the last chunk has not come."""
    with Wire(serving.running.url) as wire:
        wire.ask(b"POST", KEYS.encode(), *headers_of(serving, b"Transfer-Encoding: chunked"))
        wire.chunk(b" " * LIMIT)
        wire.chunk(b" ")
        answer = wire.answer()
        assert [(f["loc"], f["type"]) for f in faults_of(answer, 413)] == [(["body"], "content_too_large")]
        assert wire.ended()


def test_a_large_body_is_not_held(serving: Serving) -> None:
    """Sixteen clients that send as much as they are let leave no more in memory than the limit would allow them."""
    before = memory_of(serving.running.process.pid)
    wires = [Wire(serving.running.url) for _ in range(16)]
    for wire in wires:
        wire.ask(b"POST", KEYS.encode(), *headers_of(serving, b"Transfer-Encoding: chunked"))
    peak = before
    for _ in range(16):
        for wire in wires:
            try:
                wire.chunk(b" " * MEBIBYTE)
            except OSError:
                # The service has closed the connection: nobody takes the rest.
                wire.close()
        peak = max(peak, memory_of(serving.running.process.pid))
    for wire in wires:
        wire.close()
    assert peak - before < 2 * 16 * LIMIT
    assert serving.http.get("/healthz").status_code == 200


def test_it_comes_after_the_media_type(serving: Serving) -> None:
    """A large body of another media type is 415: what is not taken at all is not measured."""
    answer = serving.post(content=b" " * (LIMIT + 1), headers={"Content-Type": "text/plain"})
    faults_of(answer, 415)


def test_dev_has_the_same_limit(dev: Serving) -> None:
    """`dev` takes as much as `serve`, and no more."""
    headers = {"Content-Type": "application/json"}
    assert dev.post(content=b'{"name": "key"}'.ljust(LIMIT), headers=headers).status_code == 201
    faults_of(dev.post(content=b'{"name": "key"}'.ljust(LIMIT + 1), headers=headers), 413)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with a limit of 100 bytes."""
    folder = tmp_path_factory.mktemp("small")
    with running("dev", "--max-body-size", "100", cwd=folder) as service, service.client() as client:
        yield client


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_the_limit_is_a_setting(small: httpx.Client, chunked: bool) -> None:
    """`--max-body-size` says how many bytes are taken, to the byte, chunked or not."""
    for length, status in ((100, 201), (101, 413)):
        body = b'{"name": "key"}'.ljust(length)
        content = iter([body[:50], body[50:]]) if chunked else body
        answer = small.post(KEYS, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
