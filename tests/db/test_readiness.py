"""`Database.ping`: what `/readyz` answers by."""

import asyncio
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from db import Database, DatabaseUnavailable

Opened = Any
"""The fixture `opened`."""

MISSING: Final = {
    "sqlite": (
        ("ALTER TABLE audit_events RENAME TO away", "ALTER TABLE away RENAME TO audit_events"),
        ("ALTER TABLE api_keys RENAME COLUMN extra TO away", "ALTER TABLE api_keys RENAME COLUMN away TO extra"),
    ),
    "postgresql": (
        ("ALTER TABLE audit_events RENAME TO away", "ALTER TABLE away RENAME TO audit_events"),
        ("ALTER TABLE api_keys RENAME COLUMN extra TO away", "ALTER TABLE api_keys RENAME COLUMN away TO extra"),
    ),
}
"""What takes away something that keys are made of, and what brings it back."""


def test_it_is_not_ready_while_no_key_can_be_made(url: str, opened: Opened) -> None:
    """Once a creation has failed for want of a table or a column, nothing is ready before that is back."""

    async def scenario() -> None:
        async with opened(url, 2) as scene:
            database: Database = scene.database
            for taken, brought in MISSING[database.engine_name]:
                await database.ping()
                await database.run(lambda c, s=taken: c.exec_driver_sql(s).close())
                with pytest.raises(DatabaseUnavailable):
                    await scene.create()
                for _ in range(2):
                    with pytest.raises(DatabaseUnavailable, match=r"audit_events|extra"):
                        await database.ping()
                await database.run(lambda c, s=brought: c.exec_driver_sql(s).close())
                await database.ping()
                await scene.create()

    asyncio.run(scenario())


def test_it_is_not_ready_where_it_is_read_only(make_postgresql_url: Callable[[], str]) -> None:
    """PostgreSQL that takes no writes is not ready, though nobody has tried to write yet."""
    url = make_postgresql_url()

    async def scenario() -> None:
        database = Database(url)
        await database.upgrade()
        await database.ping()
        await database.aclose()
        other = await asyncpg.connect(url)
        name = urlsplit(url).path.removeprefix("/")
        for state in ("on", "off"):
            await other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {state}')
            database = Database(url)
            if state == "on":
                with pytest.raises(DatabaseUnavailable, match="read-only"):
                    await database.ping()
            else:
                await database.ping()
            await database.aclose()
        await other.close()

    asyncio.run(scenario())
