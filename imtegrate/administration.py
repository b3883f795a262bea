"""What an operator does with organisations and keys, by the command line; each with its line in the audit trail."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from db import (
    KEY_CREATED,
    KEY_REVOKED,
    KEY_ROTATED,
    ORGANISATION_CREATED,
    ApiKey,
    Event,
    NewKey,
    Organisation,
    create_organisation,
    find_key,
    find_organisations,
    get_key,
    insert_key,
    record,
    revoke_key,
    uuid7,
)
from handlers import tokens
from handlers.credentials import EVERYTHING
from handlers.rotation import succeed

ROOT_NAME: Final = "root"
"""Name of the key that an organisation begins with."""


class Refused(Exception):
    """What an operator asks for cannot be done; the message says why, and repeats nothing that may be a token."""


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
        record(connection, operator_event(ORGANISATION_CREATED, org_id, org_id))
        insert_key(connection, key, operator_event(KEY_CREATED, org_id, key.id))
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


def operator_event(action: str, org_id: UUID, subject_id: UUID, detail: str = "") -> Event:
    """What the audit trail is told of an operator's doing."""
    return Event(uuid7(), datetime.now(UTC), action, None, org_id, subject_id, detail=detail)


def the_organisation(connection: Connection, id_or_name: str) -> Organisation:
    """The one organisation with this id or name.

    Raises:
        Refused: there is none, or there are several.
    """
    found = find_organisations(connection, id_or_name)
    if not found:
        raise Refused("no organisation has this id or name; see: imtegrate orgs list")
    if len(found) > 1:
        raise Refused(f"{len(found)} organisations have this name: give the id of one; see: imtegrate orgs list")
    return found[0]


def the_key(connection: Connection, id_or_prefix: str, *, lock: bool = False) -> ApiKey:
    """The key with this id or prefix; `lock` keeps others from changing it before this transaction ends.

    Raises:
        Refused: there is none.
    """
    found = get_key(connection, id_or_prefix, lock=lock)
    if found is None:
        # Not repeated: it may be a token.
        raise Refused("no key has this id or prefix; see: imtegrate keys list")
    return found


def create_key(
    org: str, name: str, scopes: list[str], env: str, expires_at: datetime | None
) -> Callable[[Connection], dict[str, Any]]:
    """Makes a key for an organisation, by its id or name: what programs see of it, and its token."""

    def create(connection: Connection) -> dict[str, Any]:
        token = tokens.make(env)
        key = NewKey(
            id=uuid7(),
            org_id=the_organisation(connection, org).id,
            prefix=token.prefix,
            digest=token.digest,
            name=name,
            scopes=list(dict.fromkeys(scopes)),
            env=env,
            extra={},
            created_at=datetime.now(UTC),
            expires_at=expires_at,
        )
        insert_key(connection, key, operator_event(KEY_CREATED, key.org_id, key.id))
        return {**details_as_json(the_key(connection, str(key.id))), "token": token.text}

    return create


def rotate_key(id_or_prefix: str, overlap: timedelta) -> Callable[[Connection], dict[str, Any]]:
    """Makes a key's successor, which may what it may and ends when it would have; the old one ends after an overlap.

    Raises:
        Refused: there is no such key, or it is no longer good.
    """

    def rotate(connection: Connection) -> dict[str, Any]:
        # Locked, so that nobody who revokes it meanwhile is left with a successor that lives.
        old = the_key(connection, id_or_prefix, lock=True)
        now = datetime.now(UTC)
        if old.state(now) != "active":
            raise Refused(f"{old.prefix} is {old.state(now)}: only a key that is good can be rotated")
        new, token = succeed(connection, old, partial(operator_event, KEY_ROTATED, old.org_id), at=now, overlap=overlap)
        return {**details_as_json(the_key(connection, str(new.id))), "token": token.text}

    return rotate


def revoke(id_or_prefix: str) -> Callable[[Connection], ApiKey]:
    """Revokes a key; one that is revoked already stays so, since the moment it first was.

    Raises:
        Refused: there is no such key.
    """

    def do(connection: Connection) -> ApiKey:
        key = the_key(connection, id_or_prefix, lock=True)
        if key.revoked_at is None:
            revoke_key(connection, str(key.id), datetime.now(UTC))
            record(connection, operator_event(KEY_REVOKED, key.org_id, key.id))
        return the_key(connection, str(key.id))

    return do


def verify(text: str) -> Callable[[Connection], dict[str, Any]]:
    """Says whether a token is good; if not, why not."""

    def look_up(connection: Connection) -> dict[str, Any]:
        token = tokens.read(text.encode(errors="replace"))
        if token is None:
            return {"valid": False, "reason": "this is no token of ours: its form or its checksum is wrong"}
        key = find_key(connection, token)
        if key is None:
            return {"valid": False, "reason": "no key has this token"}
        state = key.state(datetime.now(UTC))
        if state == "active":
            return {"valid": True, **details_as_json(key)}
        since = key.revoked_at if state == "revoked" else key.expires_at
        return {"valid": False, "reason": f"{state} since {timestamp(since)}", **details_as_json(key)}

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


def details_as_json(key: ApiKey) -> dict[str, Any]:
    """The same, and how long it lives."""
    return {
        **key_as_json(key),
        "expires_at": timestamp(key.expires_at),
        "rotated_from": None if key.rotated_from is None else str(key.rotated_from),
    }


def event_as_json(event: Event) -> dict[str, Any]:
    """A line of the audit trail as programs see it."""
    return {
        "at": timestamp(event.at),
        "action": event.action,
        "key_id": None if event.key_id is None else str(event.key_id),
        "org_id": None if event.org_id is None else str(event.org_id),
        "subject_id": None if event.subject_id is None else str(event.subject_id),
        "address": event.address,
        "request_id": event.request_id,
        "document": None if event.document is None else event.document.hex(),
        "detail": event.detail,
    }


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
