"""Kills, full disks, locks, and files that are not where they were: nothing acknowledged is lost, nothing is silent."""

import asyncio
import json
import os
import resource
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import Any, Final, Self

import asyncpg
import httpx
import pytest

from db.schema import HEAD
from running import (
    IMTEGRATE,
    KEYS,
    Serving,
    Wire,
    children_of,
    create_organisation,
    eventually,
    faults_of,
    free_port,
    memory_of,
    running,
    workers_of,
)

BODY: Final = {"name": "key", "scopes": ["*"], "env": "live"}

DEADLINE: Final = "2"
"""Seconds that a request waits for its database; a machine under load is slow."""

KILLS: Final = 10
"""Over one database."""


@contextmanager
def served(
    tmp_path: Path, *options: str, database: Path | None = None, root: dict[str, Any] | None = None
) -> Iterator[Serving]:
    """`imtegrate serve` over a SQLite file, and a root key; the log must have no traceback at the end."""
    url = f"sqlite:///{database or tmp_path / 'keys.db'}"
    root = root or create_organisation(url, tmp_path)
    with (
        running("serve", "--database-url", url, *options, cwd=tmp_path) as service,
        closing(Serving(service, url, root, tmp_path)) as serving,
    ):
        yield serving
    assert "Traceback" not in service.log.read_text()


def writer_of(pid: int) -> int:
    """The process that writes to SQLite for a serving process."""
    (found,) = [child for child in children_of(pid) if b"sqlite_process" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return found


@dataclass
class Load:
    """Clients that make keys, one after another each, until told to stop; one that is cut off connects anew."""

    serving: Serving
    clients: int = 8
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    refused: list[httpx.Response] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Why connections broke."""
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._make) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def reach(self, count: int) -> None:
        """Wait until so many keys are acknowledged."""
        eventually(lambda: len(self.acknowledged) >= count, lambda: f"{len(self.acknowledged)} keys of {count}", 60)

    def more(self, count: int = 40) -> None:
        """Wait until so many more are."""
        self.reach(len(self.acknowledged) + count)

    def _make(self) -> None:
        headers = {"Authorization": f"Bearer {self.serving.token}"}
        with self.serving.running.client(headers=headers) as client:
            while not self._over.is_set():
                try:
                    answer = client.post(KEYS, json=BODY)
                except httpx.TransportError as error:
                    self.lost.append(repr(error))
                    time.sleep(0.02)
                    continue
                (self.acknowledged if answer.status_code == 201 else self.refused).append(
                    answer.json() if answer.status_code == 201 else answer
                )


def assert_kept(serving: Serving, acknowledged: Sequence[dict[str, Any]], every: int = 1) -> None:
    """Each acknowledged key is there, once; each so many-th makes another."""
    ids = [key["id"] for key in acknowledged]
    assert len(set(ids)) == len({key["token"] for key in acknowledged}) == len(ids)
    path = serving.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        found = [key_id for (key_id,) in connection.execute("SELECT id FROM api_keys")]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(found) == len(set(found))
    assert {key_id.replace("-", "") for key_id in ids} <= {key_id.replace("-", "") for key_id in found}
    for key in acknowledged[::every]:
        assert serving.post({"name": "child"}, token=key["token"]).status_code == 201


def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    """After each of ten `kill -9` under load, over one database, every acknowledged key is there and works."""
    acknowledged: list[dict[str, Any]] = []
    root = create_organisation(f"sqlite:///{tmp_path / 'keys.db'}", tmp_path)
    for _ in range(KILLS):
        with served(tmp_path, root=root) as serving:
            with Load(serving) as load:
                load.reach(60)
                writer = writer_of(serving.running.process.pid)
                serving.running.process.kill()
                assert serving.running.process.wait() == -signal.SIGKILL
            # Nobody is left to hold the file: the process that wrote ends by itself.
            eventually(lambda writer=writer: not Path(f"/proc/{writer}/exe").exists(), "the writing process lives on")
            acknowledged += load.acknowledged
    with served(tmp_path, root=root) as serving:
        assert_kept(serving, acknowledged, every=5)
    assert len(acknowledged) >= KILLS * 60


def test_ten_kills_of_the_writing_process_lose_nothing(tmp_path: Path) -> None:
    """The service survives ten `kill -9` of the process that writes: no request fails, each key is made once."""
    with served(tmp_path, "--deadline", "20") as serving:
        pid = serving.running.process.pid
        with Load(serving) as load:
            load.more()
            for _ in range(KILLS):
                os.kill(writer_of(pid), signal.SIGKILL)
                load.more()
        assert load.refused == []
        assert load.lost == []
        assert_kept(serving, load.acknowledged, every=7)
        assert len(serving.kept()) == len(load.acknowledged) + 1 + len(load.acknowledged[::7])
        assert serving.running.log.read_text().count("exit code -9") == KILLS


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    """Of `--workers 2` either may be killed, ten times: the log says so, another comes, no acknowledged key is lost."""
    with served(tmp_path, "--workers", "2") as serving:
        eventually(lambda: "Serving" in serving.running.log.read_text(), "not begun")
        with Load(serving) as load:
            load.more()
            for number in range(KILLS):
                before = workers_of(serving.running)
                os.kill(before[number % 2], signal.SIGKILL)
                eventually(
                    lambda before=before: len(set(workers_of(serving.running)) - set(before)) == 1, "not replaced"
                )
                load.more()
        assert_kept(serving, load.acknowledged, every=7)
        assert serving.running.stop() == 0
        assert serving.running.log.read_text().count("has ended (exit code -9): replaced by another") == KILLS


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder that holds 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_refuses_until_there_is_room(tmp_path: Path, small: Path) -> None:
    """With no room requests are 503 and `/readyz` says why; with room both are well again; nothing is half-written."""
    with served(tmp_path, database=small / "keys.db") as serving:
        made = [serving.key(**BODY)]
        filler = small / "filler"
        for _ in range(500):
            # Again and again: a log that is folded into the file makes room.
            with filler.open("ab") as file:
                subprocess.run(["dd", "if=/dev/zero", "bs=512"], check=False, stdout=file, stderr=subprocess.DEVNULL)
            answer = serving.post(BODY)
            ready = serving.http.get("/readyz")
            if answer.status_code == 201:
                made.append(answer.json())
            elif ready.status_code != 200:
                break
        faults_of(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert (ready.status_code, ready.text) == (503, f"{small / 'keys.db'} cannot grow: the disk is full\n")
        filler.unlink()
        made.append(serving.key(**BODY))
        assert serving.http.get("/readyz").status_code == 200
        assert len(serving.kept()) == len(made) + 1
        assert_kept(serving, made, every=20)


def test_a_limit_on_files_refuses_until_it_is_raised(tmp_path: Path) -> None:
    """At the limit of a file's size (RLIMIT_FSIZE) requests are 503, not the end of the process; then they work."""
    with served(tmp_path) as serving:
        made = [serving.key(**BODY)]
        writer = writer_of(serving.running.process.pid)
        unlimited = resource.prlimit(writer, resource.RLIMIT_FSIZE)
        resource.prlimit(writer, resource.RLIMIT_FSIZE, (20_000, unlimited[1]))
        for _ in range(100):
            answer = serving.post(BODY)
            if answer.status_code != 201:
                break
            made.append(answer.json())
        faults_of(answer, 503)
        assert writer_of(serving.running.process.pid) == writer
        resource.prlimit(writer, resource.RLIMIT_FSIZE, unlimited)
        made.append(serving.key(**BODY))
        assert len(serving.kept()) == len(made) + 1
        assert_kept(serving, made, every=20)


def test_a_lock_of_two_seconds_is_waited_for_in_order(tmp_path: Path) -> None:
    """While another process holds the file for 2 s requests wait; then they are answered in the order they came in."""
    with served(tmp_path, "--deadline", "20") as serving, ExitStack() as stack:
        serving.key(**BODY)
        path = serving.database_url.removeprefix("sqlite:///")
        wires = [stack.enter_context(Wire(serving.running.url)) for _ in range(8)]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            for number, wire in enumerate(wires):
                body = b'{"name": "key %d"}' % number
                token = b"Authorization: Bearer " + serving.token.encode()
                length = b"Content-Length: %d" % len(body)
                wire.ask(b"POST", KEYS.encode(), token, b"Content-Type: application/json", length, body=body)
                time.sleep(0.1)
            time.sleep(max(0.0, began + 2 - time.monotonic()))
            assert not select([wire.fileno() for wire in wires], [], [], 0)[0]
            other.execute("ROLLBACK")
        assert [wire.answer().status for wire in wires] == [201] * 8
        with closing(sqlite3.connect(path)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM api_keys ORDER BY rowid")]
        assert names[-8:] == [f'"key {number}"' for number in range(8)]


def is_refused(serving: Serving, *words: str) -> None:
    """Requests are 503, and `/readyz` says why in one line that names the file."""
    faults_of(serving.post(BODY), 503)
    ready = serving.http.get("/readyz")
    assert ready.status_code == 503
    assert len(ready.text.splitlines()) == 1
    for word in (serving.database_url.removeprefix("sqlite:///"), *words):
        assert word in ready.text
    assert serving.http.get("/healthz").status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_file_that_is_removed_is_missed(tmp_path: Path, workers: str) -> None:
    """No key is acknowledged that a removed file has, and no fresh file is made; put back, it serves again."""
    with served(tmp_path, "--workers", workers) as serving:
        made = [serving.key(**BODY) for _ in range(4)]
        path, aside = tmp_path / "keys.db", tmp_path / "aside.db"
        with Load(serving) as load:
            load.more()
            path.rename(aside)
            eventually(lambda: len(load.refused) > 20, "keys are still acknowledged")
            if workers == "2":
                before = workers_of(serving.running)
                os.kill(before[0], signal.SIGKILL)
                eventually(lambda: set(workers_of(serving.running)) - set(before) != set(), "not replaced")
                time.sleep(1)
            is_refused(serving, "was removed while it was in use: put it back")
            assert not path.exists()
            aside.rename(path)
            load.more()
        assert_kept(serving, made + load.acknowledged, every=10)
        assert serving.http.get("/readyz").status_code == 200


def test_a_file_that_is_replaced_is_left_alone(tmp_path: Path) -> None:
    """Another database in the file's place is neither written nor read, so that the log of the old cannot damage it."""
    with served(tmp_path) as serving:
        made = [serving.key(**BODY) for _ in range(4)]
        path, aside, other = tmp_path / "keys.db", tmp_path / "aside.db", tmp_path / "other.db"
        create_organisation(f"sqlite:///{other}", tmp_path)
        content = other.read_bytes()
        path.rename(aside)
        other.rename(path)
        is_refused(serving, "was replaced while it was in use", "-wal")
        assert path.read_bytes() == content
        aside.rename(path)
        assert serving.http.get("/readyz").status_code == 200
        made.append(serving.key(**BODY))
        assert_kept(serving, made)


def test_a_worker_that_comes_later_takes_no_other_file(tmp_path: Path) -> None:
    """A worker that begins after the file was replaced serves the new one no more than its elders do."""
    with served(tmp_path, "--workers", "2") as serving:
        made = [serving.key(**BODY) for _ in range(4)]
        path, aside, other = tmp_path / "keys.db", tmp_path / "aside.db", tmp_path / "other.db"
        foreign = create_organisation(f"sqlite:///{other}", tmp_path)
        content = other.read_bytes()
        path.rename(aside)
        other.rename(path)
        before = workers_of(serving.running)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(workers_of(serving.running)) - set(before)) == 2, "not replaced")
        for _ in range(4):
            is_refused(serving, "was replaced while it was in use")
            assert serving.post(BODY, token=foreign["token"]).status_code == 503
        assert path.read_bytes() == content
        aside.rename(path)
        made.append(serving.key(**BODY))
        assert_kept(serving, made)


def test_garbage_in_the_file_is_told(tmp_path: Path) -> None:
    """A file that is overwritten while it is in use is no database any more: 503 and its name, not the end."""
    with served(tmp_path) as serving:
        serving.key(**BODY)
        path = tmp_path / "keys.db"
        os.kill(writer_of(serving.running.process.pid), signal.SIGKILL)
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        path.write_bytes(b"no database " * 1000)
        is_refused(serving, "is not a SQLite database")


def test_a_log_without_its_file_is_no_beginning(tmp_path: Path) -> None:
    """Where the file is gone and its log is not, nothing is begun anew over what may hold acknowledged keys."""
    with served(tmp_path) as serving:
        serving.key(**BODY)
        # Together, as when the power fails: the writing process would fold the log into the file.
        writer = writer_of(serving.running.process.pid)
        os.kill(writer, signal.SIGSTOP)
        serving.running.process.kill()
        os.kill(writer, signal.SIGKILL)
        serving.running.process.wait()
    (tmp_path / "keys.db").unlink()
    log = (tmp_path / "keys.db-wal").read_bytes()
    assert log
    assert_told(tmp_path, "keys.db is missing, and its log keys.db-wal is there")
    assert (tmp_path / "keys.db-wal").read_bytes() == log


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A file that a later release has changed does not start, and is left as it is."""
    create_organisation(f"sqlite:///{tmp_path / 'keys.db'}", tmp_path)
    with closing(sqlite3.connect(tmp_path / "keys.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert_told(tmp_path, "revision 9999, which this release does not know")


def test_a_newer_schema_while_serving_is_told(make_database_url: Callable[[], str], tmp_path: Path) -> None:
    """Once a later release has migrated, `/readyz` is 503 and says so; keys are made right, as long as they can be."""
    url = make_database_url()
    root = create_organisation(url, tmp_path)
    with (
        running("serve", "--database-url", url, cwd=tmp_path) as service,
        closing(Serving(service, url, root, tmp_path)) as serving,
    ):
        made = [serving.key(name="before")]
        # A later release adds: what this one writes still has its place.
        on_database(url, "ALTER TABLE api_keys ADD COLUMN colour VARCHAR(9)")
        on_database(url, "UPDATE alembic_version SET version_num = '9999'")
        ready = serving.http.get("/readyz")
        assert ready.status_code == 503
        assert ready.text == "the database is at revision 9999, which this release does not know: install a later one\n"
        made.append(serving.key(name="after", scopes=["a"]))
        # And where it has taken away what is written, nothing is acknowledged.
        on_database(url, "ALTER TABLE api_keys RENAME COLUMN name TO label")
        faults_of(serving.post(BODY), 503)
        assert serving.http.get("/healthz").status_code == 200
        on_database(url, "ALTER TABLE api_keys RENAME COLUMN label TO name")
        on_database(url, f"UPDATE alembic_version SET version_num = '{HEAD}'")  # noqa: S608 - ours
        made.append(serving.key(name="again"))
        assert serving.http.get("/readyz").status_code == 200
        assert [serving.listed()[key["id"]]["name"] for key in made] == ["before", "after", "again"]
        assert "Traceback" not in service.log.read_text()


def on_database(url: str, statement: str) -> None:
    """Run a statement over a connection of another program's."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute(statement)
        return

    async def execute() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


def assert_told(tmp_path: Path, words: str) -> None:
    """`serve` on `keys.db` ends with exit 1 and one line, with one worker or two."""
    for workers in ("1", "2"):
        arguments = ("serve", "--database-url", f"sqlite:///{tmp_path / 'keys.db'}", "--workers", workers)
        done = subprocess.run(
            [*IMTEGRATE, *arguments, "--port", str(free_port())],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert words in done.stderr


def test_a_read_only_file_system_is_told(tmp_path: Path, small: Path) -> None:
    """Made read-only while in use: 503 and the reason; writable again, it serves."""
    with served(tmp_path, database=small / "keys.db") as serving:
        made = [serving.key(**BODY)]
        # A file that is open for writing keeps its file system writable: the writing process is to open it anew.
        os.kill(writer_of(serving.running.process.pid), signal.SIGKILL)
        eventually(lambda: "exit code -9" in serving.running.log.read_text(), "not noticed")
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        is_refused(serving, "cannot be written")
        subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        made.append(serving.key(**BODY))
        assert serving.http.get("/readyz").status_code == 200
        assert_kept(serving, made)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_orderly(tmp_path: Path, workers: str, number: signal.Signals) -> None:
    """What was accepted is answered, nothing new is taken, idle connections keep nobody: exit 0."""
    with served(tmp_path, "--workers", workers, "--deadline", "20") as serving, ThreadPoolExecutor(8) as pool:
        serving.key(**BODY)
        path = serving.database_url.removeprefix("sqlite:///")
        with Wire(serving.running.url), closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            asked = [pool.submit(serving.post, BODY) for _ in range(8)]
            time.sleep(1)
            serving.running.process.send_signal(number)
            time.sleep(1.5)
            with pytest.raises(httpx.ConnectError):
                httpx.get(serving.running.url + "/healthz")
            other.execute("ROLLBACK")
            assert [one.result().status_code for one in asked] == [201] * 8
        assert serving.running.process.wait(30) == 0
    assert len(serving.kept()) == 10


def test_a_writing_process_that_hangs_does_not_keep_the_end_off(tmp_path: Path) -> None:
    """Where the writing process stands still, SIGTERM still ends the service, exit 0, and takes that process along."""
    with served(tmp_path, "--deadline", DEADLINE) as serving:
        serving.key()
        writer = writer_of(serving.running.process.pid)
        os.kill(writer, signal.SIGSTOP)
        try:
            assert serving.post(BODY).status_code == 503
            assert serving.running.stop() == 0
            assert not Path(f"/proc/{writer}").exists()
        finally:
            with suppress(ProcessLookupError):
                os.kill(writer, signal.SIGKILL)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_stalls_does_not_spoil_the_end(tmp_path: Path, workers: str) -> None:
    """Asked to end, it tells a client amid its body 408, and lets go of one that reads nothing: no error in the log."""
    with served(tmp_path, "--workers", workers) as serving, ExitStack() as stack:
        stalled, deaf = (stack.enter_context(Wire(serving.running.url)) for _ in range(2))
        authorization = b"Authorization: Bearer " + serving.token.encode()
        lines = (authorization, b"Content-Type: application/json", b"Content-Length: 9")
        stalled.ask(b"POST", KEYS.encode(), *lines, body=b"{")
        deaf.send_what_is_taken(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200_000)
        assert serving.running.stop() == 0
        assert [fault["type"] for fault in faults_of(stalled.answer(), 408)] == ["request_timeout"]
        assert '"error"' not in serving.running.log.read_text()


def test_what_the_end_cannot_wait_for_is_unavailable(tmp_path: Path) -> None:
    """A request that the database keeps waiting for longer than the end may take is answered 503."""
    with served(tmp_path, "--deadline", "60") as serving, Wire(serving.running.url) as wire:
        serving.key(**BODY)
        path = serving.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
            other.execute("BEGIN IMMEDIATE")
            head = [b"Authorization: Bearer " + serving.token.encode(), b"Content-Type: application/json"]
            body = json.dumps(BODY).encode()
            wire.ask(b"POST", KEYS.encode(), *head, b"Content-Length: %d" % len(body), body=body)
            time.sleep(0.5)
            ending = pool.submit(serving.running.stop)
            assert [fault["type"] for fault in faults_of(wire.answer(), 503)] == ["service_unavailable"]
            other.execute("ROLLBACK")
            assert ending.result() == 0
        assert "Exception in ASGI" not in serving.running.log.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_asked_twice_it_ends_at_once(tmp_path: Path, workers: str) -> None:
    """A second SIGTERM waits for nobody, not for a client that stalls nor for the database."""
    with served(tmp_path, "--workers", workers, "--deadline", "60") as serving, Wire(serving.running.url) as stalled:
        stalled.send(b"POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.5)
        serving.running.process.send_signal(signal.SIGTERM)
        time.sleep(1.5)
        began = time.monotonic()
        serving.running.process.send_signal(signal.SIGTERM)
        serving.running.process.wait(30)
        assert time.monotonic() - began < 4


def test_a_thousand_connections_are_all_answered(tmp_path: Path) -> None:
    """1,000 connections at once: nobody is dropped, each makes a key; those that leave early cost nobody."""
    with served(tmp_path, "--deadline", "60") as serving:
        before = memory_of(serving.running.process.pid)
        request = httpx.Request("POST", serving.running.url + KEYS, json=BODY)
        head = (
            f"POST {KEYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {serving.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(request.content)}\r\n\r\n"
        ).encode()
        wires = [Wire(serving.running.url) for _ in range(1000)]
        leaving = [Wire(serving.running.url) for _ in range(100)]
        for wire in (*wires, *leaving):
            wire.send(head, request.content)
        for wire in leaving:
            wire.close()
        statuses = [wire.answer().status for wire in wires]
        for wire in wires:
            wire.close()
        assert statuses == [201] * 1000
        assert memory_of(serving.running.process.pid) - before < 100_000_000
