"""A caller who is known, and may not."""

from typing import Any

import pytest

from running import KEYS, Serving, Wire, faults_of


@pytest.mark.parametrize(
    "scopes", [[], ["reports:read"], ["api-keys:read"], ["API-KEYS:WRITE"], ["api-keys:*"], ["**"]]
)
def test_a_key_needs_the_right(serving: Serving, scopes: list[str]) -> None:
    """A key without `api-keys:write` or `*`, to the letter, makes no key."""
    made = serving.key(scopes=scopes)
    faults = faults_of(serving.post({"name": "child"}, token=made["token"]), 403)
    assert [(fault["loc"], fault["type"]) for fault in faults] == [(["header", "Authorization"], "forbidden")]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (["reports:write"], 0),
        (["*"], 0),
        (["reports:read", "api-keys:write", "*"], 2),
        (["reports:read", "Reports:read"], 1),
        (["reports:read\0"], 0),
        ([""], 0),
    ],
)
def test_a_key_gives_only_what_it_holds(serving: Serving, asked: list[str], index: int) -> None:
    """A key that asks for a scope that it does not hold is told which of them, and makes none."""
    made = serving.key(scopes=["api-keys:write", "reports:read"])
    faults = faults_of(serving.post({"name": "child", "scopes": asked}, token=made["token"]), 403)
    assert [(fault["loc"], fault["type"]) for fault in faults] == [(["body", "scopes", index], "forbidden")]


@pytest.mark.parametrize("scopes", [["*"], ["api-keys:write"]])
def test_a_test_key_makes_no_live_keys(serving: Serving, scopes: list[str]) -> None:
    """A test key makes no live key, whatever it holds."""
    made = serving.key(scopes=scopes, env="test")
    faults = faults_of(serving.post({"name": "child", "env": "live"}, token=made["token"]), 403)
    assert [(fault["loc"], fault["type"]) for fault in faults] == [(["body", "env"], "forbidden")]


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"name": 1}},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b"x", "headers": {"Content-Type": "text/plain"}},
        {"content": b" " * ((1 << 20) + 1), "headers": {"Content-Type": "application/json"}},
        {"content": iter([b" " * (1 << 20), b" "]), "headers": {"Content-Type": "application/json"}},
        {},
    ],
    ids=["breaks-the-document", "not-json", "media-type", "too-large", "too-large-in-chunks", "empty"],
)
def test_it_comes_before_what_is_wrong_with_the_body(serving: Serving, request_: dict[str, Any]) -> None:
    """Who has not the right is told that, whatever the body: nothing of what is wrong with it."""
    made = serving.key()
    assert faults_of(serving.post(token=made["token"], **request_), 403)[0]["loc"] == ["header", "Authorization"]


def test_the_body_is_not_read(serving: Serving) -> None:
    """Who has not the right is told so though the body never comes."""
    made = serving.key()
    authorization = f"Authorization: Bearer {made['token']}".encode()
    for framing in (b"Content-Length: 10", b"Transfer-Encoding: chunked"):
        with Wire(serving.running.url) as wire:
            wire.ask(b"POST", KEYS.encode(), authorization, b"Content-Type: application/json", framing)
            faults_of(wire.answer(), 403)


def test_a_refused_request_makes_nothing(serving: Serving) -> None:
    """Nothing is kept of a key that was asked for and may not be."""
    weak = serving.key()
    test = serving.key(scopes=["*"], env="test")
    before = serving.kept()
    assert serving.post({"name": "child"}, token=weak["token"]).status_code == 403
    assert serving.post({"name": "child", "env": "live"}, token=test["token"]).status_code == 403
    assert serving.kept() == before


def test_dev_judges_a_token_as_serve_does(dev: Serving) -> None:
    """With a token `dev` holds its key to what it may, though without one everything is allowed."""
    weak = dev.key(env="test")
    writer = dev.key(scopes=["api-keys:write"], env="test")
    faults_of(dev.post({"name": "child"}, token=weak["token"]), 403)
    faults_of(dev.post({"name": "child", "scopes": ["*"]}, token=writer["token"]), 403)
    faults_of(dev.post({"name": "child", "env": "live"}, token=writer["token"]), 403)
