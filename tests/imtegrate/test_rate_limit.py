"""`--rate-limit-key` and `--rate-limit-address`: how much one caller may ask for."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from running import KEYS, Serving, create_organisation, faults_of, imtegrate, running, unknown_token


@contextmanager
def limited(folder: Path, *arguments: str) -> Iterator[tuple[httpx.Client, Mapping[str, Any]]]:
    """`serve` with rate limits, and a root key of it."""
    url = f"sqlite:///{folder}/imtegrate.db"
    root = create_organisation(url, folder)
    with (
        running("serve", "--database-url", url, *arguments, cwd=folder) as service,
        service.client() as client,
    ):
        yield client, root


def ask(client: httpx.Client, token: str, **headers: str) -> httpx.Response:
    """Ask for a key."""
    return client.post(KEYS, json={"name": "key"}, headers={"Authorization": f"Bearer {token}", **headers})


def test_a_key_has_its_rate(tmp_path: Path) -> None:
    """The requests of one key over its rate are 429, say when to come back, and leave other keys alone."""
    with limited(tmp_path, "--rate-limit-key", "3/hour") as (client, root):
        token = root["token"]
        answers = [ask(client, token) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201] * 3
        assert [re.sub("t=.*", "", answer.headers["RateLimit"]) for answer in answers] == [
            f'"key";r={left};' for left in (2, 1, 0)
        ]
        over = ask(client, token)
        assert [fault["type"] for fault in faults_of(over, 429)] == ["too_many_requests"]
        assert 3500 < int(over.headers["Retry-After"]) <= 3600
        assert over.headers["RateLimit-Policy"] == '"key";q=3;w=3600'
        assert over.headers["RateLimit"] == f'"key";r=0;t={over.headers["Retry-After"]}'
        assert "X-Request-ID" in over.headers
        other = answers[0].json()["token"]
        assert ask(client, other).status_code == 403  # judged, not counted with the first
        assert ask(client, unknown_token()).status_code == 401
        assert client.post(KEYS, json={"name": "key"}).status_code == 401
        assert client.get("/healthz").status_code == 200


def test_an_address_has_its_rate(tmp_path: Path) -> None:
    """An address is counted whatever it sends, also without a key; what a load balancer asks is not counted."""
    with limited(tmp_path, "--rate-limit-address", "2/hour", "--rate-limit-key", "5/hour") as (client, root):
        assert client.post(KEYS).status_code == 401
        last = ask(client, root["token"])
        assert last.status_code == 201
        assert re.fullmatch(r'"key";r=4;t=\d+, "address";r=0;t=\d+', last.headers["RateLimit"])
        assert last.headers["RateLimit-Policy"] == '"key";q=5;w=3600, "address";q=2;w=3600'
        faults_of(client.get("/nowhere"), 429)
        faults_of(ask(client, root["token"], **{"X-Forwarded-For": "192.0.2.1"}), 429)
        assert {client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")} == {200}
        assert 'status="429"' in client.get("/metrics").text


def test_it_counts_by_the_address_that_a_trusted_proxy_tells(tmp_path: Path) -> None:
    """Behind a proxy that is trusted, each client has a rate of its own; IPv6 clients one for their network."""
    with limited(tmp_path, "--rate-limit-address", "1/hour", "--trusted-proxy", "127.0.0.1") as (client, _):

        def status(address: str) -> int:
            return client.get("/nowhere", headers={"X-Forwarded-For": address}).status_code

        assert [status(each) for each in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [404, 404, 429]
        assert [status(each) for each in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")] == [404, 429, 404]


def test_it_is_over_when_it_says(tmp_path: Path) -> None:
    """Who waits as long as `Retry-After` says is answered again."""
    with limited(tmp_path, "--rate-limit-address", "1/second") as (client, _):
        refused = client.get("/nowhere")
        deadline = time.monotonic() + 20
        while refused.status_code != 429:
            assert time.monotonic() < deadline
            refused = client.get("/nowhere")
        time.sleep(int(refused.headers["Retry-After"]) + 0.1)
        assert client.get("/nowhere").status_code == 404


def test_it_is_off_by_default(serving: Serving) -> None:
    """Without the settings nobody is counted, and no answer speaks of rates."""
    answers = [serving.post(token=unknown_token()) for _ in range(150)]
    assert {answer.status_code for answer in answers} == {401}
    assert not any(name.startswith("ratelimit") for name in answers[-1].headers)


def test_nonsense_is_a_usage_error(tmp_path: Path) -> None:
    """What is no rate is told with how one is written, exit 2."""
    for rate in ("", "5", "0/minute", "-1/second", "1/fortnight", "x/day", "1.5/day"):
        done = imtegrate("settings", "--rate-limit-key", rate, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), rate
        assert "write 100/minute" in done.stderr
