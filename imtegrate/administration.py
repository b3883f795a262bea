"""What an operator does with organisations and keys, by the command line."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from db import (
    KEY_CREATED,
    ORGANISATION_CREATED,
    ApiKey,
    Event,
    NewKey,
    create_organisation,
    find_key,
    insert_key,
    record,
    uuid7,
)
from handlers import tokens
from handlers.credentials import EVERYTHING

ROOT_NAME: Final = "root"
"""Name of the key that an organisation begins with."""


def create_organisation_with_key(name: str) -> Callable[[Connection], dict[str, Any]]:
    """Makes an organisation and its root key, in one transaction."""

    def create(connection: Connection) -> dict[str, Any]:
        token = tokens.make("live")
        org_id = create_organisation(connection, name)
        key = NewKey(
            id=uuid7(),
            org_id=org_id,
            prefix=token.prefix,
            digest=token.digest,
            name=ROOT_NAME,
            scopes=[EVERYTHING],
            env="live",
            extra={},
            created_at=datetime.now(UTC),
        )
        insert_key(connection, key)
        for action, subject in ((ORGANISATION_CREATED, org_id), (KEY_CREATED, key.id)):
            record(connection, operator_event(action, org_id, subject))
        return {
            "org_id": str(org_id),
            "name": name,
            "key_id": str(key.id),
            "prefix": key.prefix,
            "token": token.text,
            "scopes": key.scopes,
            "env": key.env,
            "created_at": timestamp(key.created_at),
        }

    return create


def operator_event(action: str, org_id: UUID, subject_id: UUID) -> Event:
    """What the audit trail is told of an operator's doing."""
    return Event(uuid7(), datetime.now(UTC), action, None, org_id, subject_id)


def verify(text: str) -> Callable[[Connection], dict[str, Any]]:
    """Says whether a token is good; if not, why not."""

    def look_up(connection: Connection) -> dict[str, Any]:
        digest = tokens.read(text.encode(errors="replace"))
        if digest is None:
            return {"valid": False, "reason": "this is no token of ours: its form or its checksum is wrong"}
        key = find_key(connection, digest)
        if key is None:
            return {"valid": False, "reason": "no key has this token"}
        if key.revoked_at is not None:
            return {"valid": False, "reason": f"revoked since {timestamp(key.revoked_at)}", **key_as_json(key)}
        return {"valid": True, **key_as_json(key)}

    return look_up


def key_as_json(key: ApiKey) -> dict[str, Any]:
    """A key as programs see it."""
    return {
        "id": str(key.id),
        "org_id": str(key.org_id),
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "env": key.env,
        "last_used_at": timestamp(key.last_used_at),
        "revoked_at": timestamp(key.revoked_at),
        "created_at": timestamp(key.created_at),
    }


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
