"""Databases for the tests: SQLite files, and databases of the PostgreSQL server that all tests share."""

import asyncio
import secrets
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

from db import (
    KEY_CREATED,
    ApiKey,
    Caller,
    Database,
    Event,
    NewKey,
    TokenKey,
    ensure_organisation,
    insert_key,
    list_keys,
    uuid7,
)


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

    @property
    def caller(self) -> TokenKey:
        """What the token of the key is looked up by."""
        return self.root.prefix, self.root.digest

    def decide(self, caller: Caller | None, _now: datetime) -> NewKey:
        """Give the caller a new key, whoever it is."""
        assert caller is not None
        return make_key(caller.org_id)

    @staticmethod
    def told_of(key: NewKey) -> Event:
        """What the audit trail is told of a key that an operator made."""
        return Event(uuid7(), key.created_at, KEY_CREATED, None, key.org_id, key.id)

    async def create(self, **members: Any) -> NewKey:
        """Make a key as the root key's holder does."""
        return await self.database.units.create_key(self.caller, lambda *_: make_key(self.root.org_id, **members))

    async def keys(self) -> list[ApiKey]:
        """The keys that were made since."""
        return [key for key in await self.database.run(list_keys) if key.id != self.root.id]


@asynccontextmanager
async def _opened(url: str, deadline: float = 5.0) -> AsyncGenerator[Scene, None]:
    database = Database(url, deadline=deadline)
    try:
        await database.upgrade()
        root = make_key(await database.run(lambda connection: ensure_organisation(connection, "tests")))
        await database.run(lambda connection: insert_key(connection, root, Scene.told_of(root)))
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
