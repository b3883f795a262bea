"""Requests that break the document, as the running service refuses them; `tests/contract` compares with FastAPI."""

import json
from typing import Any

import pytest

from running import KEYS, Serving, Wire, faults_of

Fault = tuple[list[str | int], str, str]

MISSING_BODY: list[Fault] = [(["body"], "Field required", "missing")]
JSON = {"Content-Type": "application/json"}


def fault_list(answer: Any) -> list[Fault]:
    """The faults of a 422, as triples."""
    return [(fault["loc"], fault["msg"], fault["type"]) for fault in faults_of(answer, 422)]


INVALID: list[Any] = [
    pytest.param({}, [(["body", "name"], "Field required", "missing")], id="name-missing"),
    pytest.param({"name": None}, [(["body", "name"], "Input should be a valid string", "string_type")], id="name-null"),
    pytest.param({"name": 12}, [(["body", "name"], "Input should be a valid string", "string_type")], id="name-number"),
    pytest.param(
        {"name": "a"}, [(["body", "name"], "String should have at least 2 characters", "string_too_short")], id="short"
    ),
    pytest.param(
        {"name": "\U0001f511"},
        [(["body", "name"], "String should have at least 2 characters", "string_too_short")],
        id="short-astral",
    ),
    pytest.param(
        {"name": "\U0001f511" * 121},
        [(["body", "name"], "String should have at most 120 characters", "string_too_long")],
        id="long-astral",
    ),
    pytest.param(
        {"name": "ab", "scopes": "x"}, [(["body", "scopes"], "Input should be a valid list", "list_type")], id="scopes"
    ),
    pytest.param(
        {"name": "ab", "scopes": None},
        [(["body", "scopes"], "Input should be a valid list", "list_type")],
        id="scopes-null",
    ),
    pytest.param(
        {"name": "ab", "scopes": ["x", 1, None]},
        [
            (["body", "scopes", 1], "Input should be a valid string", "string_type"),
            (["body", "scopes", 2], "Input should be a valid string", "string_type"),
        ],
        id="two-scopes",
    ),
    pytest.param(
        {"name": "ab", "env": "prod"},
        [(["body", "env"], "String should match pattern '^(test|live)$'", "string_pattern_mismatch")],
        id="env",
    ),
    pytest.param(
        {"name": "ab", "env": "test\n"},
        [(["body", "env"], "String should match pattern '^(test|live)$'", "string_pattern_mismatch")],
        id="env-newline",
    ),
    pytest.param(
        {"name": "ab", "env": None}, [(["body", "env"], "Input should be a valid string", "string_type")], id="env-null"
    ),
    pytest.param(
        {"env": "", "scopes": {}, "name": []},
        [
            (["body", "name"], "Input should be a valid string", "string_type"),
            (["body", "scopes"], "Input should be a valid list", "list_type"),
            (["body", "env"], "String should match pattern '^(test|live)$'", "string_pattern_mismatch"),
        ],
        id="all-in-the-document's-order",
    ),
]


@pytest.mark.parametrize(("body", "faults"), INVALID)
def test_every_fault_is_named(serving: Serving, body: object, faults: list[Fault]) -> None:
    """All that breaks the document is named, in its order, as FastAPI and Pydantic name it."""
    assert fault_list(serving.post(body)) == faults


@pytest.mark.parametrize("value", [None, [], "text", 1, 1.5, True, False])
def test_a_body_is_an_object(serving: Serving, value: object) -> None:
    """A body of any other JSON type is named as such."""
    message = "Input should be a valid dictionary or object to extract fields from"
    assert fault_list(serving.post(content=json.dumps(value), headers=JSON)) == [
        (["body"], message, "model_attributes_type")
    ]


@pytest.mark.parametrize("headers", [{}, JSON, {"Content-Type": "text/plain"}], ids=["none", "json", "another"])
@pytest.mark.parametrize("framing", [b"Content-Length: 0", b"Transfer-Encoding: chunked", b""])
def test_an_empty_body_is_missing(serving: Serving, headers: dict[str, str], framing: bytes) -> None:
    """No body is 422 `missing`, whatever its media type, or none: the document asks for a body."""
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    with Wire(serving.running.url) as wire:
        wire.ask(
            b"POST",
            KEYS.encode(),
            f"Authorization: Bearer {serving.token}".encode(),
            *lines,
            *([framing] if framing else []),
        )
        if b"chunked" in framing:
            wire.chunk(b"")
        assert fault_list(wire.answer()) == MISSING_BODY


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="truncated"),
        pytest.param(b'{"name": "key"', id="unclosed"),
        pytest.param(b'{"name": "key"}}', id="something-behind"),
        pytest.param(b'{"name": "key",}', id="trailing-comma"),
        pytest.param(b"{'name': 'key'}", id="single-quotes"),
        pytest.param(b'{"name": NaN}', id="nan"),
        pytest.param(b'{"name": Infinity}', id="infinity"),
        pytest.param(b'{"name": "a\nb"}', id="control-character"),
        pytest.param(b'{"name": "\\ud800x"}', id="lone-surrogate"),
        pytest.param(b'{"name": "\\udc00\\ud800"}', id="surrogates-swapped"),
        pytest.param(b'{"name": "\xff\xfe"}', id="bad-utf-8"),
        pytest.param(b'{"name": "\xed\xa0\x80"}', id="surrogate-in-utf-8"),
        pytest.param(b'{"name": "\xc0\x80"}', id="overlong-utf-8"),
        pytest.param('{"name": "key"}'.encode("utf-16"), id="utf-16"),
        pytest.param(b"[" * 100_000, id="deep-unclosed"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deep"),
        pytest.param(b'{"x":' * 50_000 + b"1" + b"}" * 50_000, id="deep-objects"),
        pytest.param(b" ", id="blank"),
        pytest.param(b"\0", id="null-byte"),
    ],
)
def test_what_is_no_json_is_invalid(serving: Serving, body: bytes) -> None:
    """What is no JSON of RFC 8259, or no UTF-8, is 422 `json_invalid` at a place in the body, and never 5xx."""
    faults = faults_of(serving.post(content=body, headers=JSON), 422)
    assert [fault["type"] for fault in faults] == ["json_invalid"]
    assert faults[0]["loc"][0] == "body"
    assert serving.http.get("/healthz").status_code == 200


def test_a_byte_order_mark_is_passed_over(serving: Serving) -> None:
    """A byte order mark before the text is no fault (RFC 8259 §8.1 lets it be passed over)."""
    assert serving.post(content=b'\xef\xbb\xbf{"name": "key"}', headers=JSON).status_code == 201


def test_the_last_of_duplicate_members_counts(serving: Serving) -> None:
    """Of a member that stands twice the last one counts, as everywhere in Python."""
    assert serving.post(content=b'{"name": 1, "name": "key"}', headers=JSON).status_code == 201
    answer = serving.post(content=b'{"name": "key", "name": 1}', headers=JSON)
    assert fault_list(answer) == [(["body", "name"], "Input should be a valid string", "string_type")]


def test_ten_thousand_wrong_scopes_are_all_named(serving: Serving) -> None:
    """However many faults there are, each is named by its place."""
    faults = fault_list(serving.post({"name": "key", "scopes": [1] * 10_000}))
    assert [fault[0] for fault in faults] == [["body", "scopes", index] for index in range(10_000)]


@pytest.mark.parametrize("body", [b'{"name": 1, "secret": "s3cr3t"}', b'{"name": "s3cr3t" x}', b'["s3cr3t"]'])
def test_the_input_is_not_echoed(serving: Serving, body: bytes) -> None:
    """No error repeats what was sent: it may be a secret that stands in the wrong place."""
    assert "s3cr3t" not in serving.post(content=body, headers=JSON).text


def test_a_refused_request_makes_nothing(serving: Serving) -> None:
    """Nothing is kept of a request that breaks the document."""
    before = serving.kept()
    faults_of(serving.post({"name": "should not be", "env": "x"}), 422)
    assert serving.kept() == before


@pytest.mark.parametrize(("body", "faults"), INVALID)
def test_dev_names_the_same_faults(dev: Serving, body: object, faults: list[Fault]) -> None:
    """`dev` refuses what `serve` does, in the same words."""
    assert fault_list(dev.post(body)) == faults
