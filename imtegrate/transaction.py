"""A command's work on the database: one transaction, and in a line why it could not be done."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from db import Database
from imtegrate.administration import Refused
from imtegrate.console import clear_errors, fail

T = TypeVar("T")


def in_transaction(url: str, work: Callable[[Connection], T]) -> T:
    """Do `work` in one transaction; end with one line on stderr, exit 1, where that cannot be."""

    async def run() -> T:
        opened = Database(url)
        try:
            if opened.engine_name == "sqlite":
                await opened.upgrade()
            else:
                await opened.check_schema()
            return await opened.run(work)
        finally:
            await opened.aclose()

    with clear_errors():
        try:
            return asyncio.run(run())
        except Refused as refused:
            fail(str(refused))
