"""Starts a program, waits until it answers, and stops it; and tells how much memory it has."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.failures import Failed, Unavailable

START_TIMEOUT: Final = 60
"""Seconds that a program may take to answer."""

STOP_TIMEOUT: Final = 20
"""Seconds that it may take to end."""

POLL: Final = 0.005
"""Seconds between two looks at whether it answers: the precision of the time to start."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that answers."""

    process: int
    port: int
    """Of loopback."""
    seconds: float
    """From its start to its first answer."""


@contextmanager
def started(
    command: Sequence[str | Path], port: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a command that listens on a port of loopback until the block ends; its output is in a file of `folder`.

    Raises:
        Unavailable: it is not installed.
        Failed: it ended, or did not answer in time.
    """
    log = folder / f"log-{port}.txt"
    began = time.perf_counter()
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **(env or {})}, stdout=output, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise Unavailable(f"{command[0]}: {error.strerror}") from error
    try:
        _wait(process, port, log)
        yield Program(process.pid, port, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines() or [f"it ended with {process.returncode}"]
            raise Failed(lines[-1])
        if _answers(port):
            return
        time.sleep(POLL)
    raise Failed(f"no answer within {START_TIMEOUT} s")


def _answers(port: int) -> bool:
    """Whether anything at all, an error included, is answered."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=START_TIMEOUT) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False


def memory(process: int) -> float:
    """What a process and all its children have, by proportional share (Linux: PSS of smaps_rollup), in 10^6 bytes.

    Raises:
        Unavailable: the system does not tell.
    """
    folder = Path(f"/proc/{process}")
    try:
        found = re.search(r"^Pss: +(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE)
        children = [child for path in folder.glob("task/*/children") for child in path.read_text().split()]
    except OSError:
        found, children = None, []
    if found is None:
        raise Unavailable("this system does not tell a process's memory as Linux does")
    return int(found[1]) * 1024 / 1e6 + sum(memory(int(child)) for child in children)
