"""Rotation: a key's successor, made the same way whoever asks for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from db import ApiKey, Event, NewKey, expire_key, insert_key, uuid7
from handlers import tokens


def succeed(
    connection: Connection,
    old: ApiKey,
    told: Callable[[UUID, str], Event],
    *,
    at: datetime,
    overlap: timedelta,
    latest: datetime | None = None,
) -> tuple[NewKey, tokens.Token]:
    """Insert a key's successor, which may what the old one may, and ends no later; the old one ends after an overlap.

    Args:
        connection: of the transaction in which the old key was found to be good, and is locked.
        old: the key.
        told: what the audit trail is told of the successor with this id, and in which words.
        at: now.
        overlap: how long the old key stays good; one that ends before is not prolonged.
        latest: when the successor ends at the latest, for who may not give more than that.

    Raises:
        sqlalchemy.exc.IntegrityError: its id or prefix is taken.
    """
    token = tokens.make(old.env)
    new = NewKey(
        id=uuid7(),
        org_id=old.org_id,
        prefix=token.prefix,
        digest=token.digest,
        name=old.name,
        scopes=old.scopes,
        env=old.env,
        extra=old.extra,
        created_at=at,
        expires_at=min(filter(None, (old.expires_at, latest)), default=None),
        rotated_from=old.id,
    )
    insert_key(connection, new, told(new.id, f"rotated from {old.prefix}"))
    expire_key(connection, old.id, at + overlap)
    return new, token
