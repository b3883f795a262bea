"""Bodies of a media type, or in an encoding, that the document does not have."""

import pytest

from running import KEYS, Serving, Wire, faults_of

MEDIA_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/octet-stream",
    "application/jsonl",
    "application/json-patch+json",
    "application/vnd.api+json",
    "text/json",
    "application",
    "json",
    "*/*",
    "application/*",
    ";",
    "application/json, text/plain",
]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_another_media_type_is_refused(serving: Serving, media_type: str) -> None:
    """A body that does not say that it is JSON is 415, though it be JSON; `Accept` names what would do."""
    answer = serving.post(content=b'{"name": "key"}', headers={"Content-Type": media_type})
    faults = faults_of(answer, 415)
    assert [(f["loc"], f["type"]) for f in faults] == [(["header", "Content-Type"], "unsupported_media_type")]
    assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize("content_type", [[], [b"Content-Type: "]], ids=["none", "empty"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_without_a_media_type_is_refused(serving: Serving, content_type: list[bytes], chunked: bool) -> None:
    """A body of no media type is 415, chunked or not."""
    body = b'{"name": "key"}'
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    with Wire(serving.running.url) as wire:
        authorization = f"Authorization: Bearer {serving.token}".encode()
        wire.ask(b"POST", KEYS.encode(), authorization, framing, *content_type)
        if chunked:
            wire.chunk(body)
            wire.chunk(b"")
        else:
            wire.send(body)
        faults = faults_of(wire.answer(), 415)
    assert [(f["loc"], f["type"]) for f in faults] == [(["header", "Content-Type"], "unsupported_media_type")]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "x"])
def test_an_encoded_body_is_refused(serving: Serving, encoding: str) -> None:
    """A compressed body is 415, and the answer says that only plain ones are taken (RFC 9110 §12.5.3)."""
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = serving.post(content=b'{"name": "key"}', headers=headers)
    faults = faults_of(answer, 415)
    assert [(f["loc"], f["type"]) for f in faults] == [(["header", "Content-Encoding"], "unsupported_content_encoding")]
    assert answer.headers["accept-encoding"] == "identity"


def test_identity_is_no_encoding(serving: Serving) -> None:
    """A body that says that it is not encoded is taken."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    assert serving.post(content=b'{"name": "key"}', headers=headers).status_code == 201


def test_it_comes_before_what_the_body_holds(serving: Serving) -> None:
    """A body of another media type is not looked into: 415 though it breaks the document too."""
    faults_of(serving.post(content=b"\xff\x00{", headers={"Content-Type": "text/plain"}), 415)


def test_the_body_is_not_waited_for(serving: Serving) -> None:
    """Another media type is refused though the body never comes."""
    with Wire(serving.running.url) as wire:
        authorization = f"Authorization: Bearer {serving.token}".encode()
        wire.ask(b"POST", KEYS.encode(), authorization, b"Content-Type: text/plain", b"Content-Length: 10")
        faults_of(wire.answer(), 415)


def test_dev_refuses_the_same(dev: Serving) -> None:
    """`dev` takes JSON only, too."""
    faults_of(dev.post(content=b"name=key", headers={"Content-Type": "text/plain"}), 415)
