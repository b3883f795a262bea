"""API keys: what is kept of them, and the statements for administration. `unit_of_work` serves the requests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from db.audit import Event, record
from db.tables import API_KEYS


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that is making a request."""

    id: UUID
    org_id: UUID
    scopes: Any
    """JSON value; a list of strings unless the document was edited to allow others."""
    env: Any
    """JSON value, likewise a string."""


@dataclass(slots=True)
class NewKey:
    """A key to insert. Not frozen: making a frozen one of nine fields takes three times as long."""

    id: UUID
    org_id: UUID
    prefix: str
    """The part of the token that may be shown."""
    digest: bytes
    """SHA-256 of the token, 32 bytes."""
    name: Any
    """JSON value, as are `scopes`, `env` and those of `extra`."""
    scopes: Any
    env: Any
    extra: dict[str, Any]
    """Members of the request that have no column of their own."""
    created_at: datetime
    """Aware."""
    event: Event | None = None
    """What the audit trail tells of it, kept with it."""
    expires_at: datetime | None = None
    rotated_from: UUID | None = None
    """The key whose successor it is."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept, its digest apart."""

    id: UUID
    org_id: UUID
    prefix: str
    name: Any
    scopes: Any
    env: Any
    extra: dict[str, Any]
    last_used_at: datetime | None
    """UTC, exact to `unit_of_work.LAST_USED_INTERVAL`."""
    revoked_at: datetime | None
    created_at: datetime
    expires_at: datetime | None
    rotated_from: UUID | None


_KEPT: Final[sa.Select[Any]] = sa.select(
    API_KEYS.c.id,
    API_KEYS.c.org_id,
    API_KEYS.c.prefix,
    API_KEYS.c.name,
    API_KEYS.c.scopes,
    API_KEYS.c.env,
    API_KEYS.c.extra,
    API_KEYS.c.last_used_at,
    API_KEYS.c.revoked_at,
    API_KEYS.c.created_at,
    API_KEYS.c.expires_at,
    API_KEYS.c.rotated_from,
)


def insert_key(connection: sa.Connection, key: NewKey) -> None:
    """Insert one key.

    Raises:
        sqlalchemy.exc.IntegrityError: its id, prefix or digest is taken, or there is no such organisation.
    """
    connection.execute(
        sa.insert(API_KEYS).values(
            id=key.id,
            org_id=key.org_id,
            prefix=key.prefix,
            digest=key.digest,
            name=key.name,
            scopes=key.scopes,
            env=key.env,
            extra=key.extra,
            created_at=key.created_at,
            expires_at=key.expires_at,
            rotated_from=key.rotated_from,
        )
    )
    if key.event is not None:
        record(connection, key.event)


def list_keys(connection: sa.Connection) -> list[ApiKey]:
    """Every key, revoked ones too, oldest first."""
    rows = connection.execute(_KEPT.order_by(API_KEYS.c.created_at, API_KEYS.c.id))
    return [ApiKey(*row) for row in rows]


def find_key(connection: sa.Connection, digest: bytes) -> ApiKey | None:
    """Find the key, revoked or not, whose token has this SHA-256 digest."""
    row = connection.execute(_KEPT.where(API_KEYS.c.digest == digest)).one_or_none()
    return None if row is None else ApiKey(*row)


def revoke_key(connection: sa.Connection, id_or_prefix: str, at: datetime) -> ApiKey | None:
    """Revoke the key with this id or prefix and give it; None if there is none.

    A key that is revoked already keeps the moment it first was.
    """
    named = API_KEYS.c.prefix == id_or_prefix
    try:
        named = API_KEYS.c.id == UUID(id_or_prefix)
    except ValueError:
        if "\0" in id_or_prefix:
            return None  # no prefix holds one, and PostgreSQL refuses to compare with it
    connection.execute(sa.update(API_KEYS).where(named, API_KEYS.c.revoked_at.is_(None)).values(revoked_at=at))
    row = connection.execute(_KEPT.where(named)).one_or_none()
    return None if row is None else ApiKey(*row)
