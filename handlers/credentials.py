"""Who calls: bearer tokens (RFC 6750 §2.1) and, where the service allows it, nobody in particular."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contract import Forbidden, Request, Unauthorized
from db import Caller, Refused, TokenKey
from handlers import tokens
from handlers.audit import refused
from handlers.services import Services

WRITE: Final = "api-keys:write"
"""The scope that a key needs to make keys."""

EVERYTHING: Final = "*"
"""The scope that stands for every scope."""


@dataclass(slots=True)
class Claim:
    """Whose token a request holds; the key is looked up again in the transaction that relies on it."""

    token: TokenKey | None
    """What it is looked up by; None for an anonymous caller that the service allows."""
    caller: Caller | None = None
    """Whose token it is, where a security scheme of the document has had it looked up."""


ANONYMOUS: Final = Claim(None)


class BearerToken:
    """Guards an operation: a token that is known, not revoked, and holds a scope."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def claim(self, request: Request) -> Claim:
        """The request's token: the one that a scheme of the document took, else that of the headers.

        Raises:
            Unauthorized: no token, several, or one with a typo; nothing was looked up.
        """
        verified: Claim
        for verified in request.security.values():
            # Of several that are demanded together, the first says who calls.
            return verified
        services: Services = request.state
        if services.development is not None and not request.fields.read(_hold_a_token):
            return ANONYMOUS
        token = request.fields.read(bearer_token)
        if token is None:
            raise Unauthorized
        return Claim(token)

    async def admit(self, request: Request) -> None:
        """Look the claim up.

        Raises:
            Unauthorized: unknown, revoked or expired.
            Forbidden: the key does not hold the scope.
        """
        claim: Claim = request.claim
        if claim.token is None:
            return

        def decide(caller: Caller | None, _now: datetime) -> Caller | Refused:
            known = self.known(caller)
            refusal = self.refusal_of(known)
            return known if refusal is None else refused(request, known, refusal)

        services: Services = request.state
        await services.units.admit(claim.token, decide)

    @staticmethod
    def known(caller: Caller | None) -> Caller:
        """The caller, if there is one.

        Raises:
            Unauthorized: unknown, revoked or expired.
        """
        if caller is None:
            raise Unauthorized
        return caller

    def refusal_of(self, caller: Caller) -> Forbidden | None:
        """Why a caller may not call the operation, if it may not."""
        return None if holds(caller.scopes, self._scope) else Forbidden(f"The key should hold the scope {self._scope}")


def bearer_token(fields: Mapping[bytes, Sequence[bytes]]) -> TokenKey | None:
    """What the token in the only Authorization field is looked up by; None where there is no such token."""
    headers = fields.get(b"authorization", ())
    if len(headers) != 1:
        return None
    scheme, _, token = headers[0].strip().partition(b" ")
    return tokens.read(token.strip()) if scheme.lower() == b"bearer" else None


def _hold_a_token(fields: Mapping[bytes, Sequence[bytes]]) -> bool:
    """Whether something of a token's form stands in an Authorization field."""
    return any(tokens.FORM.search(header) for header in fields.get(b"authorization", ()))


def held_by(caller: Caller) -> frozenset[str]:
    """The scopes of a key: each look is the same, however many there are."""
    scopes = caller.scopes if isinstance(caller.scopes, list) else ()
    return frozenset(scope for scope in scopes if isinstance(scope, str))


def holds(scopes: object, scope: object) -> bool:
    """Whether a key's scopes include one."""
    return isinstance(scopes, list) and (EVERYTHING in scopes or scope in scopes)
