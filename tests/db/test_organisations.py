"""Organisations, on both engines."""

import asyncio
from typing import Any

import pytest

from db import create_organisation, ensure_organisation


@pytest.mark.parametrize("name", ["development", "", "a\0b", "\U0001f511 \u202e 'é\""])
def test_an_organisation_is_found_again_by_name(url: str, opened: Any, name: str) -> None:
    """The first call makes it, each further one finds it, whatever its name; another of that name changes nothing."""

    async def scenario() -> None:
        async with opened(url) as scene:
            run = scene.database.run
            made = await run(lambda connection: ensure_organisation(connection, name))
            assert await run(lambda connection: ensure_organisation(connection, name)) == made
            assert await run(lambda connection: create_organisation(connection, name)) != made
            assert await run(lambda connection: ensure_organisation(connection, name)) == made
            assert await run(lambda connection: ensure_organisation(connection, f"{name}!")) != made

    asyncio.run(scenario())
