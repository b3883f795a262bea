"""Starts the real program for a test, and stops it: processes, ports, and a client."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

START_TIMEOUT: Final = 30
"""Seconds a program may take to answer; a machine under load is slow."""

IMTEGRATE: Final = (sys.executable, "-m", "imtegrate")


@dataclass
class Running:
    """A running program."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def client(self, **options: Any) -> httpx.Client:
        """A client of it."""
        return httpx.Client(base_url=self.url, timeout=30, **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=START_TIMEOUT)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, path: str = "/healthz"
) -> Iterator[Running]:
    """Run `imtegrate` with a free port until the block ends; its output is in a file of `cwd`."""
    port = free_port()
    log = cwd / f"log-{port}.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*IMTEGRATE, *map(str, arguments), "--port", str(port)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        service = Running(process, f"http://127.0.0.1:{port}", log)
        try:
            _wait_until_ready(service, path)
            yield service
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_until_ready(service: Running, path: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise AssertionError(f"the program ended:\n{service.log.read_text()}")
        try:
            httpx.get(service.url + path, timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the program did not answer:\n{service.log.read_text()}")


def imtegrate(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*IMTEGRATE, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def create_organisation(url: str, cwd: Path, name: str = "Example") -> dict[str, Any]:
    """An organisation with its root key."""
    done = imtegrate("orgs", "create", name, "--json", "--database-url", url, cwd=cwd)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def as_arguments(options: Mapping[str, str]) -> Sequence[str]:
    """`{"database_url": u}` → `--database-url u`."""
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
