"""The load: wrk where it is there, which takes little of the machine from what it measures, else connections of ours."""

import os
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.connections import hold

CONNECTIONS: Final = 32
"""Requests under way at once, unless a row says otherwise."""

BODY: Final = '{"name":"a key of the bench","scopes":["reports:read"],"env":"live"}'

TIMEOUT: Final = 60
"""Seconds after which an answer counts as lost."""

SCRIPT: Final = Path(__file__).with_name("load.lua")

ERRORS_FROM: Final = 400
"""The least status of an error (RFC 9110 §15.5)."""


class LoadFailed(Exception):
    """Answers were lost, or had another status than they should have: what was measured counts for nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked."""

    url: str
    """With the path."""
    token: str = ""
    """Sent as bearer token (RFC 6750 §2.1), unless it is empty."""
    process: int = 0
    """The id of the process that answers."""

    def __repr__(self) -> str:
        # The token is a secret, if a short-lived one.
        return f"Target({self.url!r})"


@dataclass(frozen=True, slots=True)
class Load:
    """What came back."""

    requests: int
    rate: float
    """Answers a second."""
    p50: float
    p99: float
    """Milliseconds, of which half and 99 in 100 of the answers took less."""
    failures: int
    """Answers of the wrong status, and answers that never came."""


def generator() -> str:
    """The name of what makes the load."""
    return "wrk" if shutil.which("wrk") else "asyncio connections"


def apply(target: Target, seconds: float, connections: int = CONNECTIONS, *, refused: bool = False) -> Load:
    """Send the same creation again and again, on each connection the next when the last is answered.

    `refused`: errors are what is asked for. wrk takes whole seconds; anything less than one is measured by ours.

    Raises:
        LoadFailed: an answer was lost or of the wrong status.
    """
    _allow_files(connections)
    load = _wrk(target, round(seconds), connections) if seconds >= 1 and shutil.which("wrk") else None
    if load is None:
        load = _ours(target, seconds, connections)
    requests, microseconds, p50, p99, errors, lost = load
    failures = lost + (requests - errors if refused else errors)
    if failures or not requests:
        raise LoadFailed(f"{failures} of {requests} requests failed")
    return Load(requests, requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3, failures)


Counts = tuple[int, int, int, int, int, int]
"""Requests, duration, p50 and p99 in microseconds, answers that are errors, answers lost."""


def _wrk(target: Target, seconds: int, connections: int) -> Counts:
    # One thread is enough for several times what any of them answers.
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT}s", "-s", SCRIPT, target.url],
        env={**os.environ, "BENCH_TOKEN": target.token, "BENCH_BODY": BODY},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not lines:
        raise LoadFailed(f"wrk: {(done.stderr or done.stdout).strip()}")
    requests, duration, p50, p99, errors, lost = map(int, lines[0].split()[1:])
    return requests, duration, p50, p99, errors, lost


def _ours(target: Target, seconds: float, connections: int) -> Counts:
    split = urlsplit(target.url)
    authorization = f"Authorization: Bearer {target.token}\r\n" if target.token else ""
    request = (
        f"POST {split.path} HTTP/1.1\r\nHost: {split.netloc}\r\n{authorization}"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
    )
    assert split.hostname is not None
    assert split.port is not None
    held = hold(split.hostname, split.port, request.encode(), connections, seconds)
    latencies = sorted(held.latencies) or [0.0]
    p50, p99 = (round(latencies[int(share * (len(latencies) - 1))] * 1e6) for share in (0.5, 0.99))
    errors = sum(status >= ERRORS_FROM for status in held.statuses)
    return len(held.statuses), round(held.seconds * 1e6), p50, p99, errors, held.lost


def _allow_files(connections: int) -> None:
    """Let this process and those it starts open enough files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else hard, hard))
