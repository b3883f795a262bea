"""API keys: what is kept of them, and the statements for administration. `unit_of_work` serves the requests."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa

from db.audit import Event, Origin, record
from db.tables import API_KEYS

KeyState = Literal["active", "revoked", "expired"]

TokenKey = tuple[str, bytes]
"""What a token is looked up by: its prefix, by which its key is found, and its SHA-256 digest, which the key must have.

A digest is unique because its prefix is: it needs no index of its own, in which each new one would have its place on a
page of its own."""

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that is making a request."""

    id: UUID
    org_id: UUID
    scopes: Any
    """JSON value; a list of strings unless the document was edited to allow others."""
    env: Any
    """JSON value, likewise a string."""
    expires_at: datetime | None = None
    """Aware; None for never. What it makes is to end with it."""


@dataclass(slots=True)
class NewKey:
    """A key to insert. Not frozen: making a frozen one of nine fields takes three times as long."""

    id: UUID
    org_id: UUID
    prefix: str
    """The part of the token that may be shown."""
    digest: bytes
    """SHA-256 of the token, 32 bytes; the token begins with the prefix."""
    name: Any
    """JSON value, as are `scopes`, `env` and those of `extra`."""
    scopes: Any
    env: Any
    extra: dict[str, Any]
    """Members of the request that have no column of their own."""
    created_at: datetime
    """Aware."""
    origin: Origin = field(default_factory=Origin)
    """Of the request that makes it."""
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

    def state(self, at: datetime) -> KeyState:
        """Whether it is good at a moment; a key that is both is revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "active"


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys are wanted: those that fulfil all of it."""

    org_id: UUID | None = None
    env: str | None = None
    scope: str | None = None
    """One of its scopes, to the letter."""
    prefix: str = ""
    """What its prefix begins with."""
    name_contains: str = ""
    states: frozenset[KeyState] = frozenset()
    """Any of them at the moment `at`; empty: any at all."""
    at: datetime = LONG_AGO
    after: ApiKey | None = None
    """The last of the page before."""
    limit: int | None = None

    def admits(self, key: ApiKey) -> bool:
        """Whether a key has what is asked of its scopes, name and state."""
        return (
            (self.scope is None or (isinstance(key.scopes, list) and self.scope in key.scopes))
            and (not self.name_contains or (isinstance(key.name, str) and self.name_contains in key.name))
            and (not self.states or key.state(self.at) in self.states)
        )


EVERY_KEY: Final = KeyFilter()

ROWS_AT_A_TIME: Final = 1000
"""Keys fetched in one go."""

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


def insert_key(connection: sa.Connection, key: NewKey, event: Event) -> None:
    """Insert one key, and the event that tells of it.

    Raises:
        sqlalchemy.exc.IntegrityError: its id or prefix is taken, or there is no such organisation.
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
    record(connection, event)


def list_keys(connection: sa.Connection, wanted: KeyFilter = EVERY_KEY) -> list[ApiKey]:
    """Keys that pass a filter, oldest first; revoked ones too."""
    if not wanted.prefix.isascii() or "\0" in wanted.prefix:
        return []  # no prefix holds one, and PostgreSQL refuses to compare with it
    query = _KEPT.where(*_conditions(wanted)).order_by(API_KEYS.c.created_at, API_KEYS.c.id)
    # Streamed: what SQL cannot compare exactly, within JSON text, is compared here, and no more is read than is wanted.
    rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_A_TIME})
    try:
        found = (key for key in (ApiKey(*row) for row in rows) if wanted.admits(key))
        return list(islice(found, wanted.limit))
    finally:
        rows.close()


def _conditions(wanted: KeyFilter) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.org_id is not None:
        yield API_KEYS.c.org_id == wanted.org_id
    if wanted.env is not None:
        yield API_KEYS.c.env == wanted.env
    if wanted.prefix:
        # Not LIKE, which on SQLite takes capital and small letters for the same.
        yield sa.func.substr(API_KEYS.c.prefix, 1, len(wanted.prefix)) == wanted.prefix
    if wanted.after is not None:
        last = wanted.after
        yield sa.or_(
            API_KEYS.c.created_at > last.created_at,
            sa.and_(API_KEYS.c.created_at == last.created_at, API_KEYS.c.id > last.id),
        )


def get_key(connection: sa.Connection, id_or_prefix: str, *, lock: bool = False) -> ApiKey | None:
    """Find the key with this id or prefix; None if there is none. `lock` keeps it as it is until the transaction ends.

    SQLite's transactions keep everything so.
    """
    named = _named(id_or_prefix)
    if named is None:
        return None
    query = _KEPT.where(named)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else ApiKey(*row)


def find_key(connection: sa.Connection, token: TokenKey) -> ApiKey | None:
    """Find the key, revoked or not, that has this token."""
    prefix, digest = token
    query = _KEPT.where(API_KEYS.c.prefix == prefix, API_KEYS.c.digest == digest)
    row = connection.execute(query).one_or_none()
    return None if row is None else ApiKey(*row)


def revoke_key(connection: sa.Connection, id_or_prefix: str, at: datetime) -> ApiKey | None:
    """Revoke the key with this id or prefix and give it; None if there is none.

    A key that is revoked already keeps the moment it first was.
    """
    named = _named(id_or_prefix)
    if named is None:
        return None
    connection.execute(sa.update(API_KEYS).where(named, API_KEYS.c.revoked_at.is_(None)).values(revoked_at=at))
    return get_key(connection, id_or_prefix)


def expire_key(connection: sa.Connection, key_id: UUID, at: datetime) -> None:
    """Have a key end at a moment; one that ends before is never prolonged."""
    sooner = sa.or_(API_KEYS.c.expires_at.is_(None), API_KEYS.c.expires_at > at)
    connection.execute(sa.update(API_KEYS).where(API_KEYS.c.id == key_id, sooner).values(expires_at=at))


def _named(id_or_prefix: str) -> sa.ColumnElement[bool] | None:
    """What a key of this id or prefix fulfils; None where no key can."""
    try:
        return API_KEYS.c.id == UUID(id_or_prefix)
    except ValueError:
        # A prefix holds only ASCII: no NUL, no lone surrogate, which PostgreSQL refuses to compare with.
        return API_KEYS.c.prefix == id_or_prefix if id_or_prefix.isascii() and "\0" not in id_or_prefix else None
