"""What handlers work with; made by the composition root, found as `request.state`."""

from dataclasses import dataclass
from uuid import UUID

from db import UnitOfWork


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process."""

    units: UnitOfWork
    development: UUID | None = None
    """The organisation for which a request without a token acts; None where nobody may be anonymous."""
    document: bytes | None = None
    """SHA-256 of the document in force, for the audit trail."""
