"""Services for the tests: `imtegrate serve` on each engine, and `imtegrate dev`, started once for all that share them.

The PostgreSQL server is the one of `IMTEGRATE_TEST_DATABASE_URL`, whose user may create databases, or one of our own.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import asyncpg
import pytest

from postgresql_server import postgresql_server
from running import DOCUMENT, Serving, create_organisation, imtegrate, running


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server, by the URL of a database that is not touched."""
    url = os.environ.get("IMTEGRATE_TEST_DATABASE_URL")
    if url is not None:
        yield url
        return
    with postgresql_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def make_postgresql_url(server_url: str) -> Iterator[Callable[[], str]]:
    """Makes an empty PostgreSQL database, and gives its URL; all are dropped at the end."""
    names: list[str] = []

    async def execute(*statements: str) -> None:
        connection = await asyncpg.connect(server_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    def make() -> str:
        names.append(f"imtegrate_{secrets.token_hex(8)}")
        asyncio.run(execute(f"CREATE DATABASE {names[-1]}"))
        return urlsplit(server_url)._replace(path=f"/{names[-1]}").geturl()

    yield make
    asyncio.run(execute(*[f"DROP DATABASE {name} WITH (FORCE)" for name in names]))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that keeps keys."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def make_database_url(
    request: pytest.FixtureRequest, engine: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Makes a database of the engine with the schema in it, and gives its URL."""

    def make() -> str:
        folder = tmp_path_factory.mktemp(engine)
        if engine == "sqlite":
            return f"sqlite:///{folder}/imtegrate.db"
        url: str = request.getfixturevalue("make_postgresql_url")()
        done = imtegrate("db", "upgrade", "--database-url", url, cwd=folder)
        assert done.returncode == 0, done.stderr
        return url

    return make


@pytest.fixture(scope="session")
def serving(make_database_url: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve` on each engine, and a root key; shared by all who leave it as it is."""
    folder = tmp_path_factory.mktemp("serve")
    url = make_database_url()
    root = create_organisation(url, folder)
    with (
        running("serve", "--spec", DOCUMENT, "--database-url", url, cwd=folder) as service,
        closing(Serving(service, url, root, folder)) as serving,
    ):
        yield serving


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate dev` in an empty folder, with no option but its port; shared by all who leave it as it is."""
    folder = tmp_path_factory.mktemp("dev")
    with (
        running("dev", cwd=folder) as service,
        closing(Serving(service, f"sqlite:///{folder}/imtegrate.db", {}, folder)) as serving,
    ):
        yield serving
