"""The load: wrk (https://github.com/wg/wrk), which takes little of the machine from what it measures."""

import os
import resource
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.failures import Failed, Unavailable

CONNECTIONS: Final = 32
"""Requests under way at once, unless a row says otherwise."""

BODY: Final = '{"name":"a key of the bench","scopes":["reports:read"],"env":"live"}'

ANSWER_TIMEOUT: Final = 30
"""Seconds after which an answer counts as lost."""

END_TIMEOUT: Final = 30
"""Seconds that wrk may take to end when its time is over."""

OPEN_FILES: Final = 4_096
"""Enough for the most connections of a row, in wrk and in whom it asks."""

SCRIPT: Final = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked."""

    url: str
    """With the path."""
    process: int
    """The id of the process that answers; others may be its children."""
    token: str = field(default="", repr=False)
    """Sent as bearer token (RFC 6750 §2.1), unless it is empty."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came back."""

    requests: int
    rate: float
    """Answers a second."""
    p50: float
    p99: float
    """Milliseconds, of which half and 99 in 100 of the answers took less."""


def prepare() -> None:
    """Let this process, and those it starts, open enough files.

    Raises:
        Unavailable: wrk is not installed.
    """
    if shutil.which("wrk") is None:
        raise Unavailable("wrk, which makes the load, is not installed: apt-get install wrk, or brew install wrk")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def apply(target: Target, seconds: int, connections: int = CONNECTIONS, *, refused: bool = False) -> Load:
    """Send the same creation again and again, on each connection the next when the last is answered.

    `refused`: errors are what is asked for.

    Raises:
        Failed: an answer was lost or of the wrong status.
    """
    # One thread is enough for several times what any of them answers.
    options = ("-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={ANSWER_TIMEOUT}s", "-s", SCRIPT)
    try:
        done = subprocess.run(
            ["wrk", *options, target.url],
            env={**os.environ, "BENCH_TOKEN": target.token, "BENCH_BODY": BODY},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + END_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"wrk did not end {END_TIMEOUT} s after its time") from error
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if done.returncode != 0 or line is None:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no result"]
        raise Failed(f"wrk: {said[-1]}")
    requests, microseconds, p50, p99, errors, lost = map(int, line.split()[1:])
    wrong = requests - errors if refused else errors
    if lost or wrong or not requests:
        raise Failed(f"of {requests} answers {wrong} had the wrong status, and {lost} were lost")
    return Load(requests, requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3)
