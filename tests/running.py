"""Starts the real program for a test, and stops it: processes, ports, and a client."""

import asyncio
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import asyncpg
import httpx
import jsonschema_rs

START_TIMEOUT: Final = 30
"""Seconds a program may take to answer; a machine under load is slow."""

IMTEGRATE: Final = (sys.executable, "-m", "imtegrate")

KEYS: Final = "/v1/api-keys"
"""The path of the one operation."""


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


def eventually(
    holds: Callable[[], object], told: str | Callable[[], str] = "", patience: float = START_TIMEOUT
) -> None:
    """Wait until something holds, for `patience` seconds at most; `told` says what was there instead."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, told if isinstance(told, str) else told()
        time.sleep(0.02)


def memory_of(pid: int) -> int:
    """Bytes that a process has in memory."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(done.stdout) << 10


def children_of(pid: int) -> Sequence[int]:
    """The processes that a process has started and that still run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def workers_of(service: Running) -> list[int]:
    """The process ids of the workers of `serve --workers`."""
    commands = {}
    for pid in children_of(service.process.pid):
        # One that was killed may be gone meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            commands[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
    # Beside them runs multiprocessing's resource tracker; one that was killed has no command line any more.
    return [pid for pid, command in commands.items() if b"spawn_main" in command]


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
    # One client for all attempts: making one costs more than what is waited for.
    with httpx.Client(timeout=1) as client:
        while time.monotonic() < deadline:
            if service.process.poll() is not None:
                raise AssertionError(f"the program ended:\n{service.log.read_text()}")
            try:
                client.get(service.url + path)
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


def imtegrate_each(commands: Iterable[Sequence[str | Path]], cwd: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run commands side by side, each to its end; in the order given."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda arguments: imtegrate(*arguments, cwd=cwd), commands))


def create_organisation(url: str, cwd: Path, name: str = "Example") -> dict[str, Any]:
    """An organisation with its root key."""
    done = imtegrate("orgs", "create", name, "--json", "--database-url", url, cwd=cwd)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@dataclass
class Serving:
    """A running service, and what its operator knows: its database, and a root key that it was given."""

    running: Running
    database_url: str
    root: Mapping[str, Any]
    """What `orgs create --json` printed; empty for `dev`."""
    folder: Path
    """Where its commands are run."""
    http: httpx.Client = field(init=False)
    """A client of it that sends no credentials of its own."""

    def __post_init__(self) -> None:
        """Make the client: one, however many threads will use it."""
        self.http = self.running.client()

    @property
    def token(self) -> str:
        """The root key's token."""
        token: str = self.root["token"]
        return token

    def post(self, body: object = None, *, token: str | None = None, **options: Any) -> httpx.Response:
        """Ask for a key; as the root key's holder unless another token is given, with none if that is empty."""
        headers = dict(options.pop("headers", {}))
        if token is None:
            token = self.root.get("token", "")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            options["json"] = body
        return self.http.post(KEYS, headers=headers, **options)

    def key(self, **body: Any) -> dict[str, Any]:
        """Make a key: a live one of no scopes, unless told otherwise."""
        answer = self.post({"name": "key", "env": "live", **body})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on its database."""
        return imtegrate(*arguments, "--database-url", self.database_url, cwd=self.folder, stdin=stdin)

    def listed(self) -> dict[str, dict[str, Any]]:
        """Every key as `keys list --json` tells it, by id."""
        done = self.command("keys", "list", "--json")
        assert done.returncode == 0, done.stderr
        return {key["id"]: key for key in json.loads(done.stdout)}

    def kept(self) -> set[str]:
        """The id of every key, as the database itself has it."""
        if self.database_url.startswith("sqlite"):
            with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"))) as connection:
                return {key_id for (key_id,) in connection.execute("SELECT id FROM api_keys")}

        async def ask() -> set[str]:
            connection = await asyncpg.connect(self.database_url)
            rows = await connection.fetch("SELECT id FROM api_keys")
            await connection.close()
            return {str(row["id"]) for row in rows}

        return asyncio.run(ask())

    def close(self) -> None:
        """Let go of the client."""
        self.http.close()

    def revoke(self, key: Mapping[str, Any]) -> None:
        """Revoke a key by the command line."""
        done = self.command("keys", "revoke", key["prefix"])
        assert done.returncode == 0, done.stderr


@contextmanager
def serve(url: str, folder: Path, *options: str | Path) -> Iterator[Serving]:
    """Run `imtegrate serve` over a database, with a new root key, until the block ends."""
    root = create_organisation(url, folder)
    with (
        running("serve", "--database-url", url, *options, cwd=folder) as service,
        closing(Serving(service, url, root, folder)) as serving,
    ):
        yield serving


@dataclass(frozen=True)
class Answer:
    """An answer as it stood on the wire."""

    status: int
    headers: Sequence[tuple[str, str]]
    """In lower case, without those that are each answer's own."""
    body: bytes


_OWN_EACH: Final = frozenset({"date", "x-request-id"})


class _Reading(io.BufferedReader):
    """What comes over a connection: read ahead by one answer, it is there for the next."""

    def makefile(self, _mode: str) -> Self:
        """Itself, as `HTTPResponse` asks a socket."""
        return self

    def close(self) -> None:
        """Stay open: an answer closes what it was read from."""


class Wire:
    """A connection on which a test says every byte itself."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._socket = socket.create_connection((split.hostname, split.port), timeout=START_TIMEOUT)
        self._file = _Reading(self._socket.makefile("rb", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._file.raw.close()
        self._socket.close()

    def fileno(self) -> int:
        """The descriptor, for who wants to wait for several."""
        return self._socket.fileno()

    def send(self, *pieces: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(b"".join(pieces))

    def send_no_more(self) -> None:
        """Close the one half of the connection (TCP's FIN); what is answered can still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def send_what_is_taken(self, data: bytes) -> int:
        """Send as much as the service takes within a second, reading nothing: the bytes that it took."""
        self._socket.settimeout(1)
        sent = 0
        with suppress(TimeoutError, ConnectionError):
            while sent < len(data):
                sent += self._socket.send(data[sent : sent + (1 << 16)])
        self._socket.settimeout(START_TIMEOUT)
        return sent

    def ask(self, method: bytes, target: bytes, *headers: bytes, body: bytes = b"") -> None:
        """Send a request with these header lines, and `Host`."""
        lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", *headers, b"", body]
        self.send(b"\r\n".join(lines))

    def chunk(self, data: bytes) -> None:
        """Send a chunk (RFC 9112 §7.1); an empty one is the last."""
        self.send(b"%x\r\n" % len(data), data, b"\r\n")

    def answer(self, method: str = "POST") -> Answer:
        """Wait for an answer, and take it whole."""
        response = HTTPResponse(self._file, method=method)  # type: ignore[arg-type] # all that it asks for is a file
        response.begin()
        headers = [(name.lower(), value) for name, value in response.getheaders() if name.lower() not in _OWN_EACH]
        return Answer(response.status, headers, response.read())

    def interim(self) -> int:
        """Wait for an interim answer (1xx): its status."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._file.read(1)
        return int(head.split()[1])

    def rest(self) -> bytes:
        """Everything until the service closes the connection."""
        pieces = []
        while piece := self._file.read1(1 << 16):
            pieces.append(piece)
        return b"".join(pieces)

    def ended(self) -> bool:
        """Whether the service has closed the connection, once nothing more comes."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


def faults_of(answer: httpx.Response | Answer, status: int) -> list[dict[str, Any]]:
    """What an error says is wrong, once it has proved to have that status and the document's shape of an error."""
    if isinstance(answer, Answer):
        assert answer.status == status, answer
        body, media_type = answer.body, dict(answer.headers)["content-type"]
    else:
        assert answer.status_code == status, answer.text
        body, media_type = answer.content, answer.headers["content-type"]
    assert media_type == "application/json"
    value = json.loads(body)
    _ERROR.validate(value)
    assert value.keys() == {"detail"}
    assert value["detail"]
    for fault in value["detail"]:
        assert fault.keys() == {"loc", "msg", "type"}
    detail: list[dict[str, Any]] = value["detail"]
    return detail


def checksum_of(text: str) -> str:
    """The CRC-32 of a text in six base-62 digits, written the plain way: it judges the service's own."""
    number, digits = zlib.crc32(text.encode("ascii")), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[digit] + digits
    assert number == 0
    return digits


def unknown_token(env: str = "live") -> str:
    """A token with the right form and checksum that no service has made."""
    body = f"imt_{env}_" + "0" * 40
    return body + checksum_of(body)


DOCUMENT: Final = Path(__file__).parent.parent / "openapi.json"

_ERROR: Final = jsonschema_rs.Draft202012Validator(
    {**json.loads(DOCUMENT.read_bytes()), "$ref": "#/components/schemas/HTTPValidationError"}
)
