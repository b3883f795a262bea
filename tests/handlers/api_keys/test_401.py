"""Credentials that do not count: one answer for all, before anything else of the request is looked at."""

import pytest

from running import KEYS, Answer, Serving, Wire, faults_of, unknown_token

UNAUTHORIZED = [{"loc": ["header", "Authorization"], "msg": "Valid credentials are required", "type": "unauthorized"}]

CREDENTIALS = [
    "none",
    "empty",
    "no token",
    "another scheme",
    "no scheme",
    "not of our form",
    "a byte more",
    "something behind",
    "a list",
    "not ASCII",
    "twice",
    "in another header",
    "mistyped",
    "in other case",
    "unknown",
    "prefix only",
    "revoked",
]
"""Of each of the five kinds (none, malformed, mistyped, unknown, revoked) at least one."""

BODIES = {
    "good": (b"Content-Type: application/json", b'{"name": "key"}'),
    "breaks the document": (b"Content-Type: application/json", b'{"name": 1}'),
    "not JSON": (b"Content-Type: application/json", b"{"),
    "another media type": (b"Content-Type: text/plain", b"name=key"),
    "no media type": (b"X-Nothing: 1", b"name=key"),
    "encoded": (b"Content-Encoding: gzip", b"\x1f\x8b"),
    "empty": (b"X-Nothing: 1", b""),
}


def mistyped(token: str) -> str:
    """A token with one character wrong."""
    return token[:20] + ("b" if token[20] == "a" else "a") + token[21:]


@pytest.fixture(scope="module")
def credentials(serving: Serving) -> dict[str, list[bytes]]:
    """Header lines that hold no credentials that count."""
    revoked = serving.key(scopes=["*"])
    serving.revoke(revoked)
    bearer = b"Authorization: Bearer "
    token = serving.token.encode()
    return {
        "none": [],
        "empty": [b"Authorization: "],
        "no token": [b"Authorization: Bearer"],
        "another scheme": [b"Authorization: Basic " + token],
        "no scheme": [b"Authorization: " + token],
        "not of our form": [bearer + b"abc"],
        "a byte more": [bearer + token + b"0"],
        "something behind": [bearer + token + b" x"],
        "a list": [bearer + token + b", Bearer " + token],
        "not ASCII": [bearer + "імт".encode()],
        "twice": [bearer + token] * 2,
        "in another header": [b"X-API-Key: " + token],
        "mistyped": [bearer + mistyped(serving.token).encode()],
        "in other case": [bearer + token.swapcase()],
        "unknown": [bearer + unknown_token().encode()],
        "prefix only": [bearer + serving.root["prefix"].encode()],
        "revoked": [bearer + revoked["token"].encode()],
    }


def refused(serving: Serving, *headers: bytes, body: bytes = b"") -> Answer:
    """What a request is answered that may send less than its headers promise."""
    with Wire(serving.running.url) as wire:
        wire.ask(b"POST", KEYS.encode(), *headers, body=body)
        return wire.answer()


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_it_is_unauthorized(serving: Serving, credentials: dict[str, list[bytes]], kind: str) -> None:
    """None, malformed, mistyped, unknown and revoked credentials are 401, with the challenge that RFC 9110 asks for."""
    content_type, body = BODIES["good"]
    length = b"Content-Length: %d" % len(body)
    answer = refused(serving, *credentials[kind], content_type, length, body=body)
    assert faults_of(answer, 401) == UNAUTHORIZED
    assert dict(answer.headers)["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("body", BODIES)
def test_they_cannot_be_told_apart(serving: Serving, credentials: dict[str, list[bytes]], body: str) -> None:
    """Whatever the body, bad credentials of every kind have the same answer to the byte, the moment apart."""
    content_type, content = BODIES[body]
    length = b"Content-Length: %d" % len(content)
    answers = [refused(serving, *lines, content_type, length, body=content) for lines in credentials.values()]
    assert faults_of(answers[0], 401) == UNAUTHORIZED
    assert answers == [answers[0]] * len(answers)


@pytest.mark.parametrize(
    "framing",
    [
        (b"Content-Type: application/json", b"Content-Length: 10"),
        (b"Content-Type: application/json", b"Transfer-Encoding: chunked"),
        (b"Content-Type: application/json", b"Content-Length: 10", b"Expect: 100-continue"),
        (b"Content-Type: application/json", b"Content-Length: 99999999"),
        (b"Content-Type: text/plain", b"Content-Length: 10"),
        (b"Content-Length: 10",),
    ],
    ids=["length", "chunked", "expect", "too-large", "media-type", "no-media-type"],
)
def test_the_body_is_not_read(
    serving: Serving, credentials: dict[str, list[bytes]], framing: tuple[bytes, ...]
) -> None:
    """The answer comes though the body never does: no 100, no 413, no 415, the same for every kind of credentials."""
    answers = [refused(serving, *lines, *framing) for lines in credentials.values()]
    assert faults_of(answers[0], 401) == UNAUTHORIZED
    assert answers == [answers[0]] * len(answers)


def test_a_revoked_key_stops_with_the_next_request(serving: Serving) -> None:
    """A key that has just made one makes none once it is revoked: credentials are not remembered."""
    made = serving.key(scopes=["*"])
    assert serving.post({"name": "before"}, token=made["token"]).status_code == 201
    serving.revoke(made)
    assert faults_of(serving.post({"name": "after"}, token=made["token"]), 401) == UNAUTHORIZED


def test_a_refused_request_makes_nothing(serving: Serving, credentials: dict[str, list[bytes]]) -> None:
    """Nothing is kept of a request that was refused."""
    before = serving.kept()
    body = b'{"name": "should not be"}'
    length = b"Content-Length: %d" % len(body)
    for lines in credentials.values():
        refused(serving, *lines, b"Content-Type: application/json", length, body=body)
    assert serving.kept() == before


def test_the_input_is_not_echoed(serving: Serving) -> None:
    """Neither a wrong token nor the body of a refused request is in the answer."""
    token = unknown_token()
    answer = serving.post({"name": "a secret name"}, token=token)
    assert token not in answer.text
    assert "a secret name" not in answer.text


def test_dev_refuses_tokens_of_our_form(dev: Serving) -> None:
    """`dev` judges a token of our form as `serve` does: mistyped, unknown and revoked ones are 401, not anonymous."""
    made = dev.key(scopes=["*"])
    dev.revoke(made)
    for token in (made["token"], mistyped(made["token"]), unknown_token(), unknown_token("test")):
        answer = dev.post({"name": "key"}, token=token)
        assert faults_of(answer, 401) == UNAUTHORIZED
        assert answer.headers["www-authenticate"] == "Bearer"


def test_dev_refuses_tokens_in_any_scheme(dev: Serving) -> None:
    """A token of our form that stands in a header that `dev` cannot take makes nobody anonymous."""
    for header in (unknown_token(), f"Basic {unknown_token()}", f"Bearer {unknown_token()}, x"):
        assert faults_of(dev.post({"name": "key"}, headers={"Authorization": header}), 401) == UNAUTHORIZED
