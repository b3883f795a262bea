"""Verifiers of the security schemes that a document may demand, by the name it gives them.

Each takes the credentials that `contract.security` found in the request: one of our tokens, whatever the scheme.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from contract import Forbidden, Request, Unauthorized, Verifiers
from db import Caller, Refused
from handlers import tokens
from handlers.audit import refused
from handlers.credentials import Claim, holds
from handlers.services import Services


class TokenVerifier:
    """Verifies a token, wherever the scheme has it stand."""

    async def __call__(self, request: Request, credentials: Any, scopes: Sequence[str]) -> Claim:
        """The claim to be the caller whose token it is, found to be true.

        Raises:
            Unauthorized: no token of ours, unknown or revoked.
            Forbidden: it does not hold every scope that the document asks for.
        """
        services: Services = request.state
        # For `basic`, the token is the password, whatever the name.
        text = credentials[1] if isinstance(credentials, tuple) else credentials
        token = tokens.read(text.encode("latin-1", "replace"))
        if token is None:
            raise Unauthorized

        def decide(caller: Caller | None, _now: datetime) -> Caller | Refused:
            if caller is None:
                raise Unauthorized
            for scope in scopes:
                if not holds(caller.scopes, scope):
                    return refused(request, caller, Forbidden(f"The key should hold the scope {scope}"))
            return caller

        return Claim(token, await services.units.admit(token, decide))


_TOKEN: Final = TokenVerifier()

VERIFIERS: Final[Verifiers] = dict.fromkeys(
    (
        "ApiKeyAuth",
        "ApiKeyCookie",
        "ApiKeyHeader",
        "ApiKeyQuery",
        "APIKeyCookie",
        "APIKeyHeader",
        "APIKeyQuery",
        "BasicAuth",
        "BearerAuth",
        "HTTPBasic",
        "HTTPBearer",
        "OAuth2",
        "OAuth2PasswordBearer",
        "OpenID",
        "OpenIdConnect",
        "apiKey",
        "apiKeyAuth",
        "apiKeyCookie",
        "apiKeyHeader",
        "apiKeyQuery",
        "api_key",
        "basic",
        "basicAuth",
        "bearer",
        "bearerAuth",
        "cookieAuth",
        "oauth2",
        "openId",
        "openIdConnect",
        "queryAuth",
        "token",
    ),
    _TOKEN,
)
"""The names under which OpenAPI's own examples and FastAPI write these schemes; any other stops the start."""
