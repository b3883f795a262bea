"""Paths and methods that the document does not have."""

import pytest

from running import KEYS, Serving, Wire, faults_of

METHODS = ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"]

PATHS = [
    "/",
    "/v1",
    "/v1/",
    "/v1/api-keys/",
    "/v1/api-keys/1",
    "//v1/api-keys",
    "/v1//api-keys",
    "/V1/API-KEYS",
    "/v1%2Fapi-keys",
    "/v1/api-keys%00",
    "/v1/api-keys;x=1",
    "/v1/%ff%fe",
    "/v2/api-keys",
    "/v1/../v1/api-keys",
    "/openapi.json/",
    "/docs/../docs",
    "/docs/nothing",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("authorized", [True, False], ids=["key", "no-key"])
def test_other_methods_are_not_allowed(serving: Serving, method: str, authorized: bool) -> None:
    """Every method but POST is 405, whoever asks, and `Allow` names the one that is."""
    headers = {"Authorization": f"Bearer {serving.token}"} if authorized else {}
    answer = serving.http.request(method, KEYS, headers=headers)
    assert [(fault["loc"], fault["type"]) for fault in faults_of(answer, 405)] == [(["method"], "method_not_allowed")]
    assert answer.headers["allow"] == "POST"


def test_head_is_not_allowed(serving: Serving) -> None:
    """HEAD is answered like the GET that is not there: 405, `Allow`, the length of a body and none."""
    head, get = serving.http.head(KEYS), serving.http.get(KEYS)
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/start.js", "/healthz", "/readyz", "/metrics"])
def test_what_stands_beside_the_document_is_only_read(serving: Serving, path: str) -> None:
    """What is beside the document takes GET, and HEAD with the same headers, and says so."""
    assert serving.http.get(path).status_code == 200
    head = serving.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = serving.http.request(method, path)
        faults_of(answer, 405)
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths_are_not_found(serving: Serving, path: str, method: str) -> None:
    """A path that the document does not have to the letter is 404, whoever asks and whatever is sent."""
    with Wire(serving.running.url) as wire:
        wire.ask(method.encode(), path.encode(), b"Content-Type: application/json", b"Content-Length: 2", body=b"{}")
        faults = faults_of(wire.answer(method), 404)
    assert [(fault["loc"], fault["type"]) for fault in faults] == [(["path"], "not_found")]


@pytest.mark.parametrize("target", [b"*", b"/v1/api-keys?x=%ff", b"http://localhost/v1/api-keys", b"/v1/api%2Dkeys"])
def test_forms_of_a_target_have_an_answer(serving: Serving, target: bytes) -> None:
    """Whatever form RFC 9112 §3.2 gives a request's target, the answer is an error of ours and never 5xx."""
    with Wire(serving.running.url) as wire:
        wire.ask(b"OPTIONS", target)
        answer = wire.answer("OPTIONS")
    assert answer.status in (404, 405)
    faults_of(answer, answer.status)


def test_an_unread_body_does_not_become_a_request(serving: Serving) -> None:
    """What a refused request carries as its body is never taken for the next request on the connection."""
    inner = b"POST /v1/api-keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    with Wire(serving.running.url) as wire:
        wire.ask(b"POST", b"/nowhere", b"Content-Length: %d" % len(inner), body=inner)
        faults_of(wire.answer(), 404)
        wire.ask(b"GET", b"/healthz")
        assert wire.answer("GET").status == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /v1/api-keys HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/api-keys HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /v1/api-keys HTTP/1.1\r\nHost : x\r\n\r\n",
        b"FOO /v1/api-keys HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"no HTTP at all\r\n\r\n",
    ],
    ids=["length", "two-lengths", "space-before-colon", "unknown-method", "tls", "garbage"],
)
def test_what_is_no_request_has_the_one_error_shape(serving: Serving, request_: bytes) -> None:
    """What cannot be read as a request is answered in the shape of every other error, and the connection closed."""
    with Wire(serving.running.url) as wire:
        wire.send(request_)
        answer = wire.answer()
        faults_of(answer, 400)
        assert wire.ended()


def test_dev_has_the_same_paths(dev: Serving) -> None:
    """`dev` knows no path and no method that `serve` does not."""
    faults_of(dev.http.get("/nowhere"), 404)
    assert dev.http.get(KEYS).headers["allow"] == "POST"
