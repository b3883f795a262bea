"""`--cors-origin`: the pages of which origins may read answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from running import KEYS, Running, Serving, faults_of, imtegrate, running

ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def open_to_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`dev` with one origin."""
    with running("dev", "--cors-origin", ORIGIN, cwd=tmp_path_factory.mktemp("cors")) as service:
        yield service


def preflight(origin: str) -> dict[str, str]:
    """What a browser asks before a request of a page."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }


def test_a_named_origin_reads_answers(open_to_one: Running) -> None:
    """Its preflight is answered, and answers and errors may be read, of no other origin's page."""
    with open_to_one.client() as client:
        asked = client.options(KEYS, headers=preflight(ORIGIN))
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert asked.headers["Access-Control-Allow-Methods"] == "POST"
        assert asked.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        for body, status in (({"name": "key"}, 201), ({}, 422)):
            answer = client.post(KEYS, json=body, headers={"Origin": ORIGIN})
            assert answer.status_code == status
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert answer.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", f"{ORIGIN}.evil.example", "null"])
def test_another_origin_reads_nothing(open_to_one: Running, origin: str) -> None:
    """What is not named, by scheme, host and port, has no header of CORS."""
    with open_to_one.client() as client:
        asked = client.options(KEYS, headers=preflight(origin))
        faults_of(asked, 405)
        answer = client.post(KEYS, json={"name": "key"}, headers={"Origin": origin})
        for each in (asked, answer, client.get("/healthz")):
            assert not any(name.startswith("access-control") for name in each.headers)
            assert each.headers["Vary"] == "Origin"


def test_no_origin_does_by_default(serving: Serving, dev: Serving) -> None:
    """Without the setting no answer has a header of CORS, of `serve` and `dev` alike."""
    for each in (serving, dev):
        for path in (KEYS, "/healthz", "/openapi.json", "/docs", "/metrics", "/nowhere"):
            for answer in (
                each.http.get(path, headers={"Origin": ORIGIN}),
                each.http.options(path, headers=preflight(ORIGIN)),
            ):
                assert not any(name.startswith("access-control") for name in answer.headers), path
        assert each.http.options(KEYS, headers=preflight(ORIGIN)).status_code == 405


def test_every_origin_may_be_let_in(tmp_path: Path) -> None:
    """`*` lets every page read; a request of no page has no header of CORS."""
    with running("dev", "--cors-origin", "*", cwd=tmp_path) as service, service.client() as client:
        assert client.get("/healthz", headers={"Origin": ORIGIN}).headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Origin" not in client.get("/healthz").headers


def test_what_is_no_origin_is_told(tmp_path: Path) -> None:
    """An origin that no browser sends is a usage error."""
    for origin in ("app.example", f"{ORIGIN}/", "https://App.example", "ftp://a.example", "https://u@a.example", ""):
        done = imtegrate("dev", "--cors-origin", origin, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), origin
        assert "is no origin: write https://app.example" in done.stderr
