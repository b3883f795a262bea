"""What handlers work with; made by the composition root, found as `request.state`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from db import UnitOfWork

T = TypeVar("T")


class Run(Protocol):
    """Calls a function in a transaction: committed when it returns, rolled back if it raises (`Database.run`)."""

    async def __call__(self, function: Callable[[Connection], T]) -> T:
        """What the function returned.

        Raises:
            DatabaseUnavailable: the database cannot be reached, or failed.
            Exception: whatever the function raised.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process."""

    units: UnitOfWork
    """The hot path: callers looked up and keys made, many at a time."""
    development: UUID | None
    """The organisation for which a request without a token acts; None where nobody may be anonymous."""
    document: bytes | None
    """SHA-256 of the document in force, for the audit trail."""
    run: Run
    """A transaction of any other kind."""
