"""From an OpenAPI document to the behaviour of a service."""

from typing import TYPE_CHECKING, Any

from contract.binding import Answer, Bound, bind, guarded_by
from contract.document import Document, load
from contract.fault import DocumentError, Fault
from contract.operation import Contract, Operation, compile_contract
from contract.problem import Forbidden, Problem, ServiceUnavailable, Unauthorized, ValidationError
from contract.request import ASGIApp, Request
from contract.security import Verifiers
from contract.validation import MAX_BODY_SIZE

if TYPE_CHECKING:
    from contract.app import build_app

__all__ = [
    "MAX_BODY_SIZE",
    "ASGIApp",
    "Answer",
    "Bound",
    "Contract",
    "Document",
    "DocumentError",
    "Fault",
    "Forbidden",
    "Operation",
    "Problem",
    "Request",
    "ServiceUnavailable",
    "Unauthorized",
    "ValidationError",
    "Verifiers",
    "bind",
    "build_app",
    "compile_contract",
    "guarded_by",
    "load",
]


def __getattr__(name: str) -> Any:
    # Connexion takes 0.3 s to import, and only what serves has use for it.
    if name == "build_app":
        from contract.app import build_app  # noqa: PLC0415

        return build_app
    raise AttributeError(name)
