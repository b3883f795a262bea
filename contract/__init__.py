"""From an OpenAPI document to the behaviour of a service."""

from contract.app import MAX_BODY_SIZE, build_app
from contract.binding import Answer, Bound, bind, guarded_by
from contract.document import Document, load
from contract.fault import DocumentError, Fault
from contract.operation import Contract, Operation, compile_contract
from contract.problem import Forbidden, Problem, ServiceUnavailable, Unauthorized, ValidationError
from contract.request import ASGIApp, Request
from contract.security import Verifiers

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
