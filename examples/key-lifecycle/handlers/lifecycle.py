"""What happens to a key after its making: listed, shown, rotated, revoked. Making it is the installed `api_keys`'s."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from contract import Answer, Forbidden, Problem, Request, ValidationError
from db import KEY_REVOKED, KEY_ROTATED, ApiKey, Caller, KeyFilter, KeyState, Refused, record
from db import (
    get_key as find,
)
from db import (
    list_keys as find_all,
)
from db import (
    revoke_key as mark_revoked,
)
from handlers.api_keys import LIVE
from handlers.audit import changed, refused
from handlers.credentials import Claim, holds
from handlers.rotation import succeed
from handlers.services import Services

T = TypeVar("T")

OVERLAP: Final = 86_400
"""Seconds that a rotated key's token stays good where no body says otherwise; the document's default."""

_SHOWN_ONCE: Final = {"Cache-Control": "no-store"}


class NoSuchKey(Problem):
    """The caller's organisation has no such key, whether another has it or not (RFC 9110 §15.5.5)."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, *loc: str) -> None:
        super().__init__(ValidationError(loc, "There is no such key", "not_found"))


class NotActive(Problem):
    """The key is revoked or has expired, and has no successor any more (RFC 9110 §15.5.10)."""

    status = HTTPStatus.CONFLICT

    def __init__(self, state: KeyState) -> None:
        super().__init__(ValidationError(("path", "key_id"), f"The key is {state}", "conflict"))


async def list_keys(request: Request, limit: int, cursor: str | None = None, state: KeyState | None = None) -> Answer:
    """A page of the organisation's keys, oldest first; a cursor is the id of the last key of the page before.

    Raises:
        NoSuchKey: the cursor is none of the organisation's.
    """
    org_id = _caller(request).org_id

    def look_up(connection: Connection) -> list[ApiKey]:
        last = None if cursor is None else _own(connection, request, cursor, "query", "cursor")
        states: frozenset[KeyState] = frozenset() if state is None else frozenset({state})
        # One more than is shown tells whether there is a next page.
        wanted = KeyFilter(org_id=org_id, states=states, at=datetime.now(UTC), after=last, limit=limit + 1)
        return find_all(connection, wanted)

    services: Services = request.state
    found = await services.run(look_up)
    page = found[:limit]
    return Answer({"items": [_shown(key) for key in page], "next_cursor": str(page[-1].id) if found[limit:] else None})


async def get_key(request: Request, key_id: str) -> Answer:
    """One key.

    Raises:
        NoSuchKey: the organisation has none with this id.
    """
    services: Services = request.state
    return Answer(_shown(await services.run(lambda connection: _own(connection, request, key_id))))


async def revoke_key(request: Request, key_id: str) -> Answer:
    """Revoke a key; one that is revoked already stays so, since the moment it first was.

    Raises:
        NoSuchKey: the organisation has none with this id.
        Forbidden: it may more than the caller.
    """

    def revoke(connection: Connection) -> ApiKey | Refused:
        key = _own(connection, request, key_id, lock=True)
        if (refusal := _refusal(connection, request, key)) is not None:
            return refusal
        if key.revoked_at is None:
            mark_revoked(connection, str(key.id), datetime.now(UTC))
            record(connection, changed(request, KEY_REVOKED, _caller(request), key.id))
        return _own(connection, request, key_id)

    return Answer(_shown(await _decided(request, revoke)))


async def rotate_key(request: Request, key_id: str, body: dict[str, int] | None = None) -> Answer:
    """Make a key's successor, which may what it may, and outlives neither it nor the caller; the old one ends soon.

    Raises:
        NoSuchKey: the organisation has none with this id.
        NotActive: it is no longer good.
        Forbidden: it may more than the caller.
    """
    overlap = timedelta(seconds=(body or {}).get("overlap_seconds", OVERLAP))

    def rotate(connection: Connection) -> dict[str, Any] | Refused:
        # Locked, so that nobody who revokes it meanwhile is left with a successor that lives.
        old = _own(connection, request, key_id, lock=True)
        if (refusal := _refusal(connection, request, old)) is not None:
            return refusal
        now, caller = datetime.now(UTC), _caller(request)
        if (state := old.state(now)) != "active":
            raise NotActive(state)
        told = partial(changed, request, KEY_ROTATED, caller)
        new, token = succeed(connection, old, told, at=now, overlap=overlap, latest=caller.expires_at)
        return {**_shown(_own(connection, request, str(new.id))), "token": token.text}

    return Answer(await _decided(request, rotate), headers=_SHOWN_ONCE)


def _caller(request: Request) -> Caller:
    """Who calls, as the document's security scheme has verified."""
    claim: Claim = request.security["bearerAuth"]
    assert claim.caller is not None  # the verifier has looked it up
    return claim.caller


def _own(connection: Connection, request: Request, key_id: str, *loc: str, lock: bool = False) -> ApiKey:
    """The key of the caller's organisation with this id.

    Raises:
        NoSuchKey: it has none.
    """
    key = find(connection, str(key_id), lock=lock)
    if key is None or key.org_id != _caller(request).org_id:
        raise NoSuchKey(*(loc or ("path", "key_id")))
    return key


def _refusal(connection: Connection, request: Request, key: ApiKey) -> Refused | None:
    """Why the caller may not change this key, kept in the audit trail: nobody changes what they could not have made."""
    caller = _caller(request)
    if caller.env in (key.env, LIVE) and all(holds(caller.scopes, scope) for scope in key.scopes):
        return None
    refusal = refused(request, caller, Forbidden("That key may more than this one"))
    record(connection, refusal.event)
    return refusal


async def _decided(request: Request, decide: Callable[[Connection], T | Refused]) -> T:
    """What was decided in a transaction; a refusal is raised behind it, so that its event stays.

    Raises:
        Exception: what was refused with.
    """
    services: Services = request.state
    decided = await services.run(decide)
    if isinstance(decided, Refused):
        raise decided.error
    return decided


def _shown(key: ApiKey) -> dict[str, Any]:
    """The document's `ApiKey`."""
    return {
        "id": str(key.id),
        "org_id": str(key.org_id),
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "last_used_at": _moment(key.last_used_at),
        "revoked_at": _moment(key.revoked_at),
        "created_at": _moment(key.created_at),
        "env": key.env,
        "expires_at": _moment(key.expires_at),
        "rotated_from": None if key.rotated_from is None else str(key.rotated_from),
    }


def _moment(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
