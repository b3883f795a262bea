"""Who calls: bearer tokens (RFC 6750 §2.1) and, where the service allows it, nobody in particular."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contract import Forbidden, Request, Unauthorized
from db import Caller
from handlers import tokens
from handlers.services import Services

WRITE: Final = "api-keys:write"
"""The scope that a key needs to make keys."""

EVERYTHING: Final = "*"
"""The scope that stands for every scope."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request's headers claim; yet to be looked up."""

    digest: bytes | None
    """Of the token; None for an anonymous caller that the service allows."""


ANONYMOUS: Final = Claim(None)


class BearerToken:
    """Guards an operation: a token that is known, not revoked, and holds a scope."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def claim(self, request: Request) -> Claim:
        """The digest of the request's token.

        Raises:
            Unauthorized: no token, several, or one with a typo; nothing was looked up.
        """
        services: Services = request.state
        headers = request.headers(b"authorization")
        if services.development is not None and not any(tokens.FORM.search(header) for header in headers):
            return ANONYMOUS
        digest = bearer_digest(headers)
        if digest is None:
            raise Unauthorized
        return Claim(digest)

    async def admit(self, request: Request) -> None:
        """Look the claim up.

        Raises:
            Unauthorized: unknown or revoked.
            Forbidden: the key does not hold the scope.
        """
        claim: Claim = request.claim
        if claim.digest is not None:
            services: Services = request.state
            self.judge(await services.units.find_caller(claim.digest))

    def judge(self, caller: Caller | None) -> Caller:
        """The caller, if it may.

        Raises:
            Unauthorized: unknown or revoked.
            Forbidden: the key does not hold the scope.
        """
        if caller is None:
            raise Unauthorized
        if not holds(caller.scopes, self._scope):
            raise Forbidden(f"The key should hold the scope {self._scope}")
        return caller


def bearer_digest(headers: Sequence[bytes]) -> bytes | None:
    """The digest of the token in the only Authorization header; None where there is no such token."""
    if len(headers) != 1:
        return None
    scheme, _, token = headers[0].strip().partition(b" ")
    return tokens.read(token.strip()) if scheme.lower() == b"bearer" else None


def holds(scopes: object, scope: object) -> bool:
    """Whether a key's scopes include one."""
    return isinstance(scopes, list) and (EVERYTHING in scopes or scope in scopes)
