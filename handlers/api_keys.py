"""The operations of the tag `api-keys`."""

from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NotRequired, TypedDict, cast

from contract import Answer, Forbidden, Request, guarded_by
from db import Caller, NewKey, Refused, uuid7
from handlers import tokens
from handlers.audit import origin_of, refused
from handlers.credentials import EVERYTHING, WRITE, BearerToken, held_by, holds
from handlers.services import Services

LIVE: Final = "live"
"""The env whose keys may make keys of any env."""


class ApiKeyCreate(TypedDict):
    """The document's `ApiKeyCreate`."""

    name: str
    scopes: NotRequired[list[str]]
    env: NotRequired[str]


class ApiKeyCreated(TypedDict):
    """The document's `ApiKeyCreated`."""

    id: str
    org_id: str
    prefix: str
    name: str
    scopes: list[str]
    last_used_at: str | None
    revoked_at: str | None
    created_at: str
    token: str


_MAY_WRITE: Final = BearerToken(WRITE)
_SHOWN_ONCE: Final = {"Cache-Control": "no-store"}
_OWN: Final = frozenset({"name", "scopes", "env"})
"""Members of the body with a column of their own; any other that the document has is kept beside them."""


@guarded_by(_MAY_WRITE)
async def create_key_v1_api_keys_post(
    request: Request, body: ApiKeyCreate | None = None, **_parameters: object
) -> Answer:
    """Make a key for the caller's organisation; it holds no scope that the caller lacks, and does not outlive it.

    Raises:
        Unauthorized: the caller's token is unknown or revoked.
        Forbidden: the caller may not make this key.
    """
    services: Services = request.state
    # The document may be edited to let a body be absent, or no object, or any of its members absent.
    asked = cast("dict[str, Any]", body if isinstance(body, dict) else {})
    name, scopes, env = asked.get("name", ""), asked.get("scopes", []), asked.get("env", "test")
    token = tokens.make(env)

    def decide(caller: Caller | None, now: datetime) -> NewKey | Refused:
        if request.claim.token is None:
            assert services.development is not None  # nobody else is anonymous
            org_id, expires_at = services.development, None
        else:
            caller = _MAY_WRITE.known(caller)
            refusal = _MAY_WRITE.refusal_of(caller) or _refusal_of(caller, scopes, env)
            if refusal is not None:
                return refused(request, caller, refusal)
            # What a key makes does not outlive it.
            org_id, expires_at = caller.org_id, caller.expires_at
        return NewKey(
            id=uuid7(),
            org_id=org_id,
            prefix=token.prefix,
            digest=token.digest,
            name=name,
            scopes=scopes,
            env=env,
            extra={} if asked.keys() <= _OWN else {name: value for name, value in asked.items() if name not in _OWN},
            created_at=now,
            origin=origin_of(request),
            expires_at=expires_at,
        )

    key = await services.units.create_key(request.claim.token, decide)
    answer = cast("dict[str, Any]", _created(key, token))
    answer["env"] = key.env
    return Answer({**key.extra, **answer} if key.extra else answer, headers=_SHOWN_ONCE)


def _refusal_of(caller: Caller, scopes: object, env: object) -> Forbidden | None:
    """Why a caller may not make this key: it gives only what it holds."""
    if not holds(caller.scopes, EVERYTHING):
        held = held_by(caller)
        for index, scope in enumerate(scopes if isinstance(scopes, list) else [scopes]):
            # A document may be edited to have scopes of any kind; a key holds texts.
            if not isinstance(scope, str) or scope not in held:
                return Forbidden("The key does not hold this scope", ("body", "scopes", index))
    if caller.env not in (env, LIVE):
        return Forbidden(f"A {caller.env} key makes only {caller.env} keys", ("body", "env"))
    return None


@lru_cache(maxsize=4)  # keys that are made together share a moment
def _shown(moment: datetime) -> str:
    """A moment in UTC (RFC 3339)."""
    return moment.isoformat().replace("+00:00", "Z")


def _created(key: NewKey, token: tokens.Token) -> ApiKeyCreated:
    return {
        "id": str(key.id),
        "org_id": str(key.org_id),
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "last_used_at": None,
        "revoked_at": None,
        "created_at": _shown(key.created_at),
        "token": token.text,
    }
