"""The order of a request, readable at a glance."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from contract.binding import Bound
from contract.dispatch import Dispatch
from contract.errors import Errors, Translations
from contract.operation import Contract
from contract.request import ASGIApp
from contract.routing import build_connexion
from contract.security import Extract, Security, Verifiers, extractor
from contract.validation import MAX_BODY_SIZE, Validation


def build_app(
    contract: Contract,
    bound: Mapping[str, Bound],
    *,
    verifiers: Verifiers | None = None,
    extractor_of: Callable[[Mapping[str, Any]], Extract | None] = extractor,
    beside: Mapping[str, ASGIApp] | None = None,
    state: Any = None,
    max_body_size: int = MAX_BODY_SIZE,
    translate: Translations | None = None,
    inner: Sequence[Callable[[ASGIApp], ASGIApp]] = (),
    lenient: bool = False,
) -> ASGIApp:
    """The service of a contract, as an ASGI application.

    Args:
        contract: the compiled document.
        bound: the function of each operation, from `bind`.
        verifiers: by security scheme, the function that verifies its credentials.
        extractor_of: what takes the credentials of a Security Scheme Object out of a request.
        beside: what is answered at paths that the document does not have.
        state: the services that handlers and verifiers find as `request.state`.
        max_body_size: bytes; a larger body is answered 413.
        translate: what an exception from behind the handlers is to a caller.
        inner: further middlewares, behind routing.
        lenient: whether a path that leaves a parameter out (`/pets//toys`) is known as an operation's, which it breaks:
            422 and not 404.

    Raises:
        DocumentError: the document demands a security scheme that nobody verifies.
    """
    return build_connexion(
        contract,
        bound,
        Dispatch(bound),
        outer=[partial(Errors, translate=translate or {})],
        # Connexion's routing stands here: 404, 405.
        inner=[
            *inner,
            *_security(contract, verifiers or {}, extractor_of),
            partial(Validation, max_body_size=max_body_size),
        ],
        beside=beside or {},
        state=state,
        lenient=lenient,
    )


def _security(
    contract: Contract, verifiers: Verifiers, extractor_of: Callable[[Mapping[str, Any]], Extract | None]
) -> Sequence[Callable[[ASGIApp], ASGIApp]]:
    """The step that enforces `security`, where the document demands any."""
    if not any(operation.security for operation in contract.operations.values()):
        return ()
    return [partial(Security, contract=contract, verifiers=verifiers, extractor_of=extractor_of)]
