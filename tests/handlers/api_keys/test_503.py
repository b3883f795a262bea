"""The database does not answer."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from running import DOCUMENT, Serving, create_organisation, faults_of, running

DEADLINE = "0.5"
"""Seconds."""


@pytest.fixture(scope="module")
def impatient(make_database_url: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service that waits half a second for its database."""
    folder = tmp_path_factory.mktemp("impatient")
    url = make_database_url()
    root = create_organisation(url, folder)
    arguments = ("serve", "--spec", DOCUMENT, "--database-url", url, "--deadline", DEADLINE)
    with running(*arguments, cwd=folder) as service, closing(Serving(service, url, root, folder)) as serving:
        yield serving


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Keep everybody else from writing keys."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))
        runner.run(connection.execute("BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
        yield
        runner.run(connection.execute("ROLLBACK"))
        runner.run(connection.close())


def test_a_database_that_does_not_answer_is_unavailable(impatient: Serving) -> None:
    """Past the deadline the answer is 503 with `Retry-After` and nothing of the database; then the service recovers."""
    with locked(impatient.database_url):
        answer = impatient.post({"name": "key"})
        faults = faults_of(answer, 503)
        assert [(fault["loc"], fault["type"]) for fault in faults] == [([], "service_unavailable")]
        assert int(answer.headers["retry-after"]) > 0
        assert "cache-control" not in answer.headers
        for word in ("sqlite", "postgres", "lock", "database", "api_keys"):
            assert word not in answer.text.lower()
        # What needs no database has its answer still.
        faults_of(impatient.post({"name": "key"}, token="", headers={"Authorization": "Bearer x"}), 401)
        faults_of(impatient.http.get("/nowhere"), 404)
        assert impatient.http.get("/healthz").status_code == 200
    assert impatient.post({"name": "key"}).status_code == 201


@pytest.fixture
def on_postgresql(make_postgresql_url: Callable[[], str], tmp_path: Path) -> Iterator[Serving]:
    """`dev` on PostgreSQL, which makes its schema itself."""
    url = make_postgresql_url()
    arguments = ("dev", "--database-url", url, "--deadline", DEADLINE)
    with running(*arguments, cwd=tmp_path) as service, closing(Serving(service, url, {}, tmp_path)) as serving:
        yield serving


def test_a_lost_database_is_found_again(on_postgresql: Serving, server_url: str) -> None:
    """While the server refuses us requests are 503 and `/readyz` says so; when it is back they are answered again."""
    assert on_postgresql.post({"name": "key"}).status_code == 201
    with gone(on_postgresql.database_url, server_url):
        faults_of(on_postgresql.post({"name": "key"}), 503)
        ready = on_postgresql.http.get("/readyz")
        assert ready.status_code == 503
        assert len(ready.text.splitlines()) == 1
        assert on_postgresql.http.get("/healthz").status_code == 200
    assert on_postgresql.http.get("/readyz").status_code == 200
    assert on_postgresql.post({"name": "key"}).status_code == 201


@contextmanager
def gone(url: str, server_url: str) -> Iterator[None]:
    """Have the server refuse everybody at a database, those who are connected too."""
    name = urlsplit(url).path[1:]

    async def execute(*statements: str) -> None:
        connection = await asyncpg.connect(server_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
    asyncio.run(execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", f"{end}'{name}'"))
    yield
    asyncio.run(execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
