"""`imtegrate serve`: everyone who holds a key."""

import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import httpx
import pytest

from running import (
    IMTEGRATE,
    KEYS,
    Serving,
    children_of,
    create_organisation,
    eventually,
    faults_of,
    free_port,
    imtegrate,
    running,
    workers_of,
)

LISTED = ["id", "org_id", "prefix", "name", "scopes", "env", "last_used_at", "revoked_at", "created_at"]


@pytest.fixture
def database_url(make_database_url: Callable[[], str]) -> str:
    """A database that no other test uses."""
    return make_database_url()


def test_what_was_acknowledged_outlives_kill(database_url: str, tmp_path: Path) -> None:
    """Every key that was answered 201 before `kill -9` is there after a restart, and works until it is revoked."""
    root = create_organisation(database_url, tmp_path)
    acknowledged: list[dict[str, str]] = []
    arguments = ("serve", "--database-url", database_url)

    def make_until_killed(_: int) -> None:
        with service.client(headers={"Authorization": f"Bearer {root['token']}"}) as client:
            while True:
                try:
                    answer = client.post(KEYS, json={"name": "key", "scopes": ["*"], "env": "live"})
                except httpx.TransportError:
                    return
                assert answer.status_code == 201
                acknowledged.append(answer.json())
                if len(acknowledged) >= 100:
                    enough.set()

    enough = Event()
    with running(*arguments, cwd=tmp_path) as service, ThreadPoolExecutor(8) as pool:
        makers = pool.map(make_until_killed, range(8))
        assert enough.wait(60)
        service.process.kill()
        assert service.process.wait() == -signal.SIGKILL
        assert list(makers) == [None] * 8
    assert len({key["token"] for key in acknowledged}) == len(acknowledged) >= 100
    with (
        running(*arguments, cwd=tmp_path) as service,
        closing(Serving(service, database_url, root, tmp_path)) as serving,
    ):
        listed = serving.listed()
        for key in acknowledged:
            kept = listed[key["id"]]
            assert {member: kept[member] for member in LISTED if member in key} == {
                member: value for member, value in key.items() if member in LISTED
            } | {"last_used_at": kept["last_used_at"]}
        first, last = acknowledged[0], acknowledged[-1]
        assert serving.post({"name": "child"}, token=last["token"]).status_code == 201
        serving.revoke(first)
        faults_of(serving.post({"name": "child"}, token=first["token"]), 401)


def test_it_ends_while_workers_begin(tmp_path: Path) -> None:
    """SIGTERM before the workers answer is the end, as later: exit 0, nobody is waited for."""
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    create_organisation(url, tmp_path)
    command = [*IMTEGRATE, "serve", "--database-url", url, "--port", str(free_port()), "--workers", "128"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            eventually(lambda: len(children_of(process.pid)) > 2, "no worker begins")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stdout is not None
            assert b"Traceback" not in process.stdout.read()
        finally:
            process.kill()


def test_two_workers_serve_alike(database_url: str, tmp_path: Path) -> None:
    """With `--workers 2` two processes answer, credentials are the same to both, and SIGTERM ends all with exit 0."""
    root = create_organisation(database_url, tmp_path)
    arguments = ("serve", "--database-url", database_url, "--workers", "2")
    with (
        running(*arguments, cwd=tmp_path) as service,
        closing(Serving(service, database_url, root, tmp_path)) as serving,
    ):
        made = serving.key(scopes=["*"])
        authorization = {"Authorization": f"Bearer {made['token']}"}
        # A connection for each request, several at once: either worker may take it.
        limits = httpx.Limits(max_keepalive_connections=0)
        with service.client(headers=authorization, limits=limits) as client, ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.post(KEYS, json={"name": "child"}), range(64)))
            assert len({answer.json()["token"] for answer in answers}) == 64
            # With the first key they are 65, whichever worker tells.
            assert {count_of(page) for page in pool.map(lambda _: client.get("/metrics"), range(16))} == {65}
            # Each makes keys while the other stands still.
            for stopped in workers_of(service):
                os.kill(stopped, signal.SIGSTOP)
                try:
                    assert client.post(KEYS, json={"name": "child"}).status_code == 201
                finally:
                    os.kill(stopped, signal.SIGCONT)
            serving.revoke(made)
            for answer in pool.map(lambda _: client.post(KEYS, json={"name": "child"}), range(16)):
                faults_of(answer, 401)
        assert service.stop() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url)


def count_of(metrics: httpx.Response) -> int:
    """The keys that were made, as a worker tells."""
    found = re.search(r'^imtegrate_requests_total\{.*status="201".*\} (\S+)$', metrics.text, flags=re.MULTILINE)
    return int(float(found[1])) if found else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_and_ends(tmp_path: Path, number: signal.Signals) -> None:
    """In an empty folder it makes files that only its user reads, refuses everybody, and ends with exit 0, quietly."""
    before = os.umask(0)
    try:
        with running("serve", cwd=tmp_path) as service:
            files = list(tmp_path.glob("imtegrate.db*"))
            assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * len(files) != []
            faults_of(httpx.post(service.url + KEYS, json={"name": "key"}), 401)
            assert service.stop(number) == 0
            log = service.log.read_text()
    finally:
        os.umask(before)
    assert log.startswith("Serving ")
    assert service.url in log
    assert len(log.splitlines()) == 1


def test_an_outdated_schema_is_refused(make_postgresql_url: Callable[[], str], tmp_path: Path) -> None:
    """On PostgreSQL without the schema it does not start: one line that says `imtegrate db upgrade`, exit 1."""
    url = make_postgresql_url()
    for arguments in (("serve",), ("serve", "--workers", "2"), ("keys", "list")):
        port = ("--port", str(free_port())) if arguments[0] == "serve" else ()
        done = imtegrate(*arguments, *port, "--database-url", url, cwd=tmp_path)
        assert_one_line(done.stdout, done.stderr, done.returncode)
        assert "imtegrate db upgrade" in done.stderr


def assert_one_line(stdout: str, stderr: str, code: int) -> None:
    """A failure that a person can mend: exit 1, one line on stderr, nothing else."""
    assert code == 1, stderr
    assert stdout == ""
    assert len(stderr.splitlines()) == 1, stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_used_port_is_told(tmp_path: Path, command: str) -> None:
    """A port that is in use is one line that says so and how to take another, exit 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = imtegrate(command, "--port", port, cwd=tmp_path)
    assert_one_line(done.stdout, done.stderr, done.returncode)
    assert port in done.stderr
    assert "--port" in done.stderr


def test_a_foreign_address_is_told(tmp_path: Path) -> None:
    """An address that is not this machine's is one line that says so, exit 1."""
    host = "192.0.2.1"
    done = imtegrate("serve", "--host", host, "--port", str(free_port()), cwd=tmp_path)
    assert_one_line(done.stdout, done.stderr, done.returncode)
    assert host in done.stderr
    assert "--host" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"{", "not JSON"),
        (b'{"openapi": "2.0"}', "only OpenAPI"),
        (b'{"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"x": {}}}', "/paths"),
    ],
    ids=["missing", "truncated", "version", "structure"],
)
def test_a_broken_document_is_told(tmp_path: Path, content: bytes | None, words: str) -> None:
    """A document that cannot be read or served is a line that names file, place and mend, exit 1; nothing is made."""
    path = tmp_path / "document.json"
    if content is not None:
        path.write_bytes(content)
    done = imtegrate("serve", "--spec", path, "--port", str(free_port()), cwd=tmp_path)
    assert_one_line(done.stdout, done.stderr, done.returncode)
    assert str(path) in done.stderr
    assert words in done.stderr
    assert not (tmp_path / "imtegrate.db").exists()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///nowhere/imtegrate.db", "does not exist"),
        ("sqlite:////proc/imtegrate.db", "/proc"),
        ("mysql://user:s3cr3t@localhost/x", "scheme"),
        ("postgresql://user:s3cr3t@127.0.0.1:1/x", "refused"),
        ("postgresql://user:s3cr3t@127.0.0.1:port/x", "port"),
    ],
)
def test_a_bad_database_is_told(tmp_path: Path, url: str, words: str) -> None:
    """A database that cannot be used is one line that says why, without the URL's password, exit 1."""
    done = imtegrate("serve", "--port", str(free_port()), "--database-url", url, cwd=tmp_path)
    assert_one_line(done.stdout, done.stderr, done.returncode)
    assert words in done.stderr
    assert "s3cr3t" not in done.stderr


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A file of another kind is left as it is, and one line says so, exit 1."""
    path = tmp_path / "imtegrate.db"
    path.write_text("this is a letter\n" * 100)
    done = imtegrate("serve", "--port", str(free_port()), cwd=tmp_path)
    assert_one_line(done.stdout, done.stderr, done.returncode)
    assert str(path) in done.stderr
    assert path.read_text() == "this is a letter\n" * 100
