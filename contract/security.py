"""Security from the document: its schemes, bound by name to verifying functions (OpenAPI 3.1 §4.8.27, §4.8.30)."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qsl

from contract.document import path_of
from contract.fault import DocumentError, Fault
from contract.operation import Contract
from contract.problem import Problem, Unauthorized
from contract.request import KEY, ASGIApp, Receive, Request, Scope, Send

Verify = Callable[[Request, Any, Sequence[str]], Awaitable[Any]]
"""Takes the request, the credentials (a token or key; name and password for `basic`) and the scopes that the document
asks for; returns what the handler is to know of the caller; raises `Unauthorized` or `Forbidden`."""

Verifiers = Mapping[str, Verify]

Extract = Callable[[Request], Any]
"""Takes the credentials of a scheme out of a request; None where there are none."""


@dataclass(frozen=True, slots=True)
class _Scheme:
    name: str
    extract: Extract
    verify: Verify
    challenge: str
    loc: tuple[str, str]
    """Where its credentials stand in a request."""


@dataclass(frozen=True, slots=True)
class _Demand:
    """One alternative: every scheme of it has to be satisfied."""

    schemes: tuple[tuple[_Scheme, Sequence[str]], ...]


class Security:
    """Enforces `security`: AND within an alternative, OR between them, `{}` for none."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        contract: Contract,
        verifiers: Verifiers,
        extractor_of: Callable[[Mapping[str, Any]], Extract | None] | None = None,
    ) -> None:
        self._app = app
        extractor_of = extractor_of or extractor
        faults: list[Fault] = []
        schemes = {
            name: scheme
            for name, described in contract.security_schemes.items()
            if (scheme := _compile(name, described, extractor_of(described), verifiers)) is not None
        }
        self._demands: dict[str, tuple[_Demand, ...]] = {}
        for operation in contract.operations.values():
            demands = []
            for index, alternative in enumerate(operation.security):
                missing = [name for name in alternative if name not in schemes]
                faults += [
                    Fault(
                        path_of(operation.place.uri),
                        f"{operation.pointer}/security/{index}/{name}",
                        *_unbindable(name, contract.security_schemes.get(name), extractor_of),
                    )
                    for name in missing
                ]
                demands.append(_Demand(tuple((schemes[n], s) for n, s in alternative.items() if n in schemes)))
            if demands:
                self._demands[operation.operation_id] = tuple(demands)
        if faults:
            raise DocumentError(faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through if it satisfies one alternative."""
        request: Request = scope[KEY]
        demands = self._demands.get(request.bound.operation.operation_id)
        if demands is not None:
            await _enforce(request, demands)
        await self._app(scope, receive, send)


async def _enforce(request: Request, demands: Sequence[_Demand]) -> None:
    refusal: Problem | None = None
    # Where credentials are missing, and where there are some that do not count.
    missing = wrong = None
    for demand in demands:
        verified: dict[str, Any] = {}
        try:
            for scheme, scopes in demand.schemes:
                credentials = scheme.extract(request)
                if credentials is None:
                    raise Unauthorized
                verified[scheme.name] = await scheme.verify(request, credentials, scopes)
        except Problem as problem:
            if credentials is None:
                missing = missing or scheme.loc
            else:
                wrong = wrong or scheme.loc
            # Credentials that count and do not suffice say more than credentials that are not there.
            if refusal is None or isinstance(refusal, Unauthorized):
                refusal = problem
            continue
        request.security = verified
        return
    if refusal is None or isinstance(refusal, Unauthorized):
        # A verifier knows its own scheme; all that would do is named, each once (RFC 9110 §11.6.1).
        challenges = dict.fromkeys(scheme.challenge for demand in demands for scheme, _ in demand.schemes)
        raise Unauthorized(", ".join(challenges), wrong or missing or ())
    raise refusal


def _unbindable(
    name: str, described: Mapping[str, Any] | None, extractor_of: Callable[[Mapping[str, Any]], Extract | None]
) -> tuple[str, str]:
    """Why a scheme that is demanded cannot be enforced, and the mend."""
    if described is None:
        return f"the document has no security scheme {name!r}", f"describe {name} in components, or do not demand it"
    if extractor_of(described) is None:
        kind = " ".join(str(described[key]) for key in ("type", "scheme", "in") if key in described)
        return (
            f"nobody verifies the security scheme {name!r}: credentials of the kind {kind!r} cannot be read",
            "make it http bearer or basic, apiKey, oauth2 or openIdConnect, or do not demand it",
        )
    return f"nobody verifies the security scheme {name!r}", f"write a verifier for {name}, or do not demand it"


def _compile(name: str, described: Mapping[str, Any], extract: Extract | None, verifiers: Verifiers) -> _Scheme | None:
    verify = verifiers.get(name)
    if extract is None or verify is None:
        return None
    return _Scheme(name, extract, verify, challenge_of(described), place_of(described))


def extractor(described: Mapping[str, Any]) -> Extract | None:
    """What takes the credentials of a Security Scheme Object out of a request; None for schemes that we do not know."""
    kind = described.get("type")
    if kind == "apiKey":
        made = _API_KEYS.get(str(described.get("in")))
        return made(str(described.get("name"))) if made is not None else None
    if kind in ("oauth2", "openIdConnect"):
        return _bearer
    if kind == "http":
        return _HTTP.get(str(described.get("scheme")).lower())
    return None


def lenient_extractor(described: Mapping[str, Any]) -> Extract:
    """Like `extractor`, and for the schemes that we do not know too: their credentials are there, whatever they say."""
    known = extractor(described)
    if known is not None:
        return known
    if described.get("type") == "http":
        return _of_scheme(str(described.get("scheme")).lower().encode("latin-1", "replace"))
    # Mutual TLS is the transport's: the request itself shows nothing of it.
    return _shown_elsewhere


def place_of(described: Mapping[str, Any]) -> tuple[str, str]:
    """Where the credentials of a Security Scheme Object stand in a request, as `loc` says it."""
    if described.get("type") == "apiKey":
        return str(described.get("in")), str(described.get("name"))
    return "header", "Authorization"


def challenge_of(described: Mapping[str, Any]) -> str:
    """What `WWW-Authenticate` says (RFC 9110 §11.6.1); an API key has no scheme that is registered."""
    if described.get("type") == "apiKey":
        return "APIKey"
    if described.get("type") == "http" and (scheme := str(described.get("scheme"))).lower() != "bearer":
        return f'{scheme.capitalize()} realm="api"'
    return "Bearer"


def _authorization(request: Request, scheme: bytes) -> bytes | None:
    """The credentials of the one Authorization header; two are never chosen between."""
    headers = request.headers(b"authorization")
    if len(headers) != 1:
        return None
    name, _, credentials = headers[0].strip().partition(b" ")
    return credentials.strip() if name.lower() == scheme and credentials.strip() else None


def _bearer(request: Request) -> str | None:
    found = _authorization(request, b"bearer")
    return found.decode("latin-1") if found is not None else None


def _of_scheme(scheme: bytes) -> Extract:
    """Credentials of an authentication scheme that has no form known here (RFC 9110 §11.4)."""

    def extract(request: Request) -> str | None:
        found = _authorization(request, scheme)
        return found.decode("latin-1") if found is not None else None

    return extract


def _shown_elsewhere(_request: Request) -> bool:
    return True


def _basic(request: Request) -> tuple[str, str] | None:
    """RFC 7617 §2."""
    found = _authorization(request, b"basic")
    if found is None:
        return None
    try:
        name, colon, password = base64.b64decode(found, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def _key_in_header(name: str) -> Extract:
    wanted = name.lower().encode("latin-1", "replace")

    def extract(request: Request) -> str | None:
        values = request.headers(wanted)
        return values[0].decode("latin-1") if len(values) == 1 else None

    return extract


def _key_in_query(name: str) -> Extract:
    def extract(request: Request) -> str | None:
        query = request.scope["query_string"].decode("latin-1")
        values = [value for key, value in parse_qsl(query, keep_blank_values=True) if key == name]
        return values[0] if len(values) == 1 else None

    return extract


def _key_in_cookie(name: str) -> Extract:
    def extract(request: Request) -> str | None:
        jar: SimpleCookie = SimpleCookie()
        try:
            for header in request.headers(b"cookie"):
                jar.load(header.decode("latin-1"))
        except CookieError:
            return None
        return jar[name].value if name in jar else None

    return extract


_API_KEYS: Final[Mapping[str, Callable[[str], Extract]]] = {
    "header": _key_in_header,
    "query": _key_in_query,
    "cookie": _key_in_cookie,
}

_HTTP: Final[Mapping[str, Extract]] = {"bearer": _bearer, "basic": _basic}
