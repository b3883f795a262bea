"""Who did what: events that are only ever appended, each in the transaction of the thing itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from db.tables import AUDIT_EVENTS

KEY_CREATED: Final = "key.created"
KEY_REFUSED: Final = "key.refused"
"""A caller lacked the right."""
KEY_REVOKED: Final = "key.revoked"
KEY_ROTATED: Final = "key.rotated"
ORGANISATION_CREATED: Final = "organisation.created"


@dataclass(slots=True)
class Event:
    """One thing that somebody did, or was refused. It holds no secret."""

    id: UUID
    at: datetime
    """Aware."""
    action: str
    key_id: UUID | None
    """The key that did it; None for an operator at the command line, and for an anonymous caller."""
    org_id: UUID | None
    """The organisation that it was done for."""
    subject_id: UUID | None
    """What was made, revoked or rotated; None where it came to nothing."""
    address: str = ""
    """Of the client; empty at the command line."""
    request_id: str = ""
    document: bytes | None = None
    """SHA-256 of the document in force (FIPS 180-4)."""
    detail: str = ""
    """Why it was refused."""


@dataclass(slots=True)
class Origin:
    """Where a request came from. With the key that it made, it is all that the event `KEY_CREATED` tells."""

    address: str = ""
    """Of the client."""
    request_id: str = ""
    document: bytes | None = None
    """SHA-256 of the document in force (FIPS 180-4)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A decision against a request: `error` is raised where it is awaited, once `event` is kept."""

    error: Exception
    event: Event


def record(connection: sa.Connection, event: Event) -> None:
    """Append one event, in the transaction of what it tells of."""
    values = {column.name: getattr(event, column.name) for column in AUDIT_EVENTS.columns}
    connection.execute(sa.insert(AUDIT_EVENTS).values(values))


def list_events(
    connection: sa.Connection, *, since: datetime | None = None, org_id: UUID | None = None, limit: int | None = None
) -> Sequence[Event]:
    """Events, oldest first; those from a moment on, of one organisation; the newest `limit` of them."""
    query: sa.Select[Any] = sa.select(AUDIT_EVENTS)
    if since is not None:
        query = query.where(AUDIT_EVENTS.c.at >= since)
    if org_id is not None:
        query = query.where(AUDIT_EVENTS.c.org_id == org_id)
    rows = connection.execute(query.order_by(AUDIT_EVENTS.c.id.desc()).limit(limit))
    return [Event(**row) for row in reversed(rows.mappings().all())]
