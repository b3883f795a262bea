"""Requests with very many faults, on a running `imtegrate serve`: the answer is bounded, and others are served."""

from collections.abc import Iterator, Mapping
from typing import Final

import httpx
import pytest

from meanwhile import others_ask
from running import KEYS, Serving, faults_of, memory_of, serve

MAX_FAULTS: Final = 10_000
"""Faults that an answer names at most, before one that says that there are more."""

MAX_ANSWER: Final = 2_000_000
"""Bytes of an answer."""

MAX_GROWTH: Final = 200 << 20
"""Bytes of memory that the service may take for bodies of a megabyte."""

MAX_WAIT: Final = 2.0
"""Seconds that somebody else waits at most; a machine under load is slow, naming half a million faults took seven."""


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve` with the document as it is, and the limits that it has by itself."""
    folder = tmp_path_factory.mktemp("flooded")
    with serve(f"sqlite:///{folder}/keys.db", folder) as serving:
        yield serving


def post(flooded: Serving, body: bytes) -> httpx.Response:
    """Send a body as it is."""
    headers = {"Authorization": f"Bearer {flooded.token}", "Content-Type": "application/json"}
    return flooded.http.post(KEYS, content=body, headers=headers)


def scopes_of(count: int) -> bytes:
    """A body that has `count` faults."""
    return b'{"name":"ab","scopes":[' + b",".join([b"0"] * count) + b"]}"


FLOODS: Final[Mapping[str, bytes]] = {
    "faulty items": scopes_of(500_000),
    "faulty items of several kinds": b'{"name":"ab","scopes":[' + b",".join([b'0,"",{}'] * 100_000) + b"]}",
    "a list for a text": b'{"name":[' + b",".join([b"0"] * 500_000) + b"]}",
    "lists in lists": b'{"name":"ab","scopes":[' + b",".join([b"[[]]"] * 150_000) + b"]}",
}


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_of_faults_holds_nobody_up(flooded: Serving, case: str) -> None:
    """While a megabyte of faults is judged, again and again, others are answered; the answers are small."""
    post(flooded, FLOODS[case])
    before = memory_of(flooded.running.process.pid)
    with others_ask(flooded.running) as waits:
        answers = [post(flooded, FLOODS[case]) for _ in range(3)]
    assert max(waits) < MAX_WAIT
    for answer in answers:
        assert faults_of(answer, 422)
        assert len(answer.content) < MAX_ANSWER
    assert memory_of(flooded.running.process.pid) - before < MAX_GROWTH


def test_faults_are_all_named_up_to_ten_thousand(flooded: Serving) -> None:
    """Ten thousand faults are named one by one, in order, and nothing else is said."""
    named = faults_of(post(flooded, scopes_of(MAX_FAULTS)), 422)
    assert [fault["loc"] for fault in named] == [["body", "scopes", index] for index in range(MAX_FAULTS)]


def test_of_more_faults_the_first_are_named(flooded: Serving) -> None:
    """Beyond ten thousand the first ones are named, and then that there are more."""
    for count in (MAX_FAULTS + 1, 5 * MAX_FAULTS):
        *named, last = faults_of(post(flooded, scopes_of(count)), 422)
        assert [fault["loc"] for fault in named] == [["body", "scopes", index] for index in range(MAX_FAULTS)]
        assert last["type"] == "too_many_errors"
        assert last["loc"] == ["body"]


def test_a_fault_behind_many_items_is_named(flooded: Serving) -> None:
    """A single fault is found behind a hundred thousand items that have none."""
    body = b'{"name":"ab","scopes":[' + b'"a:b",' * 100_000 + b"0]}"
    assert [fault["loc"] for fault in faults_of(post(flooded, body), 422)] == [["body", "scopes", 100_000]]
