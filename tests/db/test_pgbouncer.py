"""The service behind PgBouncer in transaction mode: a server connection is another's after each transaction."""

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import pytest

from postgresql_server import postgresql_server
from running import DOCUMENT, KEYS, START_TIMEOUT, Serving, create_organisation, free_port, imtegrate, running

CALLERS: Final = 32


def find_pgbouncer() -> str:
    """Where PgBouncer is; fails saying what to install."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.fail("PgBouncer is missing: apt-get install pgbouncer")
    return found


def version(program: str) -> tuple[int, ...]:
    """Its version: prepared statements are followed from one server connection to another since 1.21."""
    told = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"PgBouncer (\d+)\.(\d+)", told)
    assert match is not None, told
    return int(match[1]), int(match[2])


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[list[str]]:
    """The same database through PgBouncer, by each URL that is to work with its version."""
    program = find_pgbouncer()
    with postgresql_server(tcp=True) as server:
        port = free_port()
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            # Fewer than callers, so that they do share.
            "default_pool_size": 3,
            "logfile": server.folder / "pgbouncer.log",
        }
        follows = version(program) >= (1, 21)
        if follows:
            settings["max_prepared_statements"] = 100
        lines = [
            "[databases]",
            f"postgres = host=127.0.0.1 port={server.port} user=postgres",
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in settings.items()),
        ]
        server.write("pgbouncer.log", b"")
        server.write("pgbouncer.ini", "\n".join(lines).encode())
        # As root it refuses to run, as PostgreSQL does.
        user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        process = subprocess.Popen([program, "-q", server.folder / "pgbouncer.ini"], user=user, cwd=server.folder)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            yield [f"{url}?prepared_statement_cache_size=0", *([url] if follows else [])]
        finally:
            process.terminate()
            process.wait(START_TIMEOUT)


def test_it_serves_behind_pgbouncer(urls: list[str], tmp_path: Path) -> None:
    """The schema is made, hundreds of keys are made over 32 connections, and a revoked key stops with the next request.

    Requests that make nothing go among them, so that the look-up alone is shared as well.
    """
    for url in urls:
        upgrade(url, tmp_path)
        root = create_organisation(url, tmp_path, name=f"behind {len(url)}")
        options = ("--spec", DOCUMENT, "--database-url", url, "--workers", "2")
        with (
            running("serve", *options, cwd=tmp_path) as service,
            closing(Serving(service, url, root, tmp_path)) as serving,
        ):
            made = create_over_many_connections(serving, 10)
            assert len(made) == CALLERS * 10
            assert made <= set(serving.listed())
            key = serving.key(scopes=["api-keys:write"])
            assert serving.post({"name": "mine", "env": "live"}, token=key["token"]).status_code == 201
            serving.revoke(key)
            assert {serving.post({"name": "mine"}, token=key["token"]).status_code for _ in range(8)} == {401}


def create_over_many_connections(serving: Serving, each: int) -> set[str]:
    """Make keys, each caller over a connection of its own; their ids."""

    def call(_: int) -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {serving.token}"}
        with serving.running.client(headers=headers) as client:
            answers = []
            for number in range(each):
                assert client.post(KEYS, json={"name": 7}).status_code == 422
                answers.append(client.post(KEYS, json={"name": f"key {number}", "env": "live"}))
            return answers

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = [answer for answers in pool.map(call, range(CALLERS)) for answer in answers]
    assert {answer.status_code for answer in answers} == {201}
    return {answer.json()["id"] for answer in answers}


def upgrade(url: str, folder: Path) -> None:
    """Make the schema, once PgBouncer listens."""
    deadline = time.monotonic() + START_TIMEOUT
    while (done := imtegrate("db", "upgrade", "--database-url", url, cwd=folder)).returncode:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.1)
