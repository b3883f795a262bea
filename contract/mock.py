"""Answers any document from its examples and schemas, as Prism's mock does: valid every time, and the same every time.

`Prefer: code=404`, `example=name` and `dynamic=true` choose among the answers that the document has (RFC 7240 §2); the
query parameters `__code`, `__example` and `__dynamic` do the same for those who cannot send headers.
"""

import random
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from contract import json_text
from contract.app import build_app
from contract.binding import Answer, Bound
from contract.declared import DeclaredErrors
from contract.examples import Examples
from contract.negotiation import choose
from contract.operation import Contract, Operation, Response, ResponseHeader
from contract.preference import NotDefined, Preference
from contract.problem import NotAcceptable, Problem, ValidationError
from contract.request import ASGIApp, Request
from contract.security import lenient_extractor
from contract.validation import MAX_BODY_SIZE


class Unanswerable(Problem):
    """No value that the document's schema admits was found (500: it may admit none)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, pointer: str) -> None:
        super().__init__(ValidationError((), f"No value was found that satisfies {pointer}", "unanswerable"))


def mock_app(
    contract: Contract, *, beside: Mapping[str, ASGIApp] | None = None, max_body_size: int = MAX_BODY_SIZE
) -> ASGIApp:
    """A service of a contract that keeps nothing: every operation is answered from the document."""
    examples = Examples(contract)
    mocked = _Mocked(examples)
    bound = {
        name: Bound(operation, mocked.answer, None, takes_body=False, takes_request=True, arguments=_ignored(operation))
        for name, operation in contract.operations.items()
    }
    return build_app(
        contract,
        bound,
        verifiers=dict.fromkeys(contract.security_schemes, _take_any),
        extractor_of=lenient_extractor,
        beside=beside,
        max_body_size=max_body_size,
        inner=[DeclaredErrors.middleware(examples)],
        head_as_get=True,
    )


async def _take_any(_request: Request, _credentials: Any, _scopes: Any) -> None:
    """Credentials of the form that the scheme asks for are good."""


def _ignored(operation: Operation) -> tuple[str, ...]:
    return tuple(f"parameter_{index}" for index, _ in enumerate(operation.parameters))


class _Mocked:
    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    async def answer(self, request: Request, **_parameters: object) -> Answer:
        """What the document has for a request."""
        preference = Preference.of(request)
        status, response = _chosen(request.operation, preference)
        if response is None:
            return Answer(None, status)
        headers = {
            header.name: text
            for header in response.headers
            if (text := self._header(header, dynamic=preference.dynamic)) is not None
        }
        if not response.content.entries:
            return Answer(None, status, headers)
        entry = choose(request.headers(b"accept"), response.content.entries)
        if entry is None:
            raise NotAcceptable(response.content.ranges)
        if preference.example is not None:
            found, value = self._examples.named(entry, preference.example)
            if not found:
                raise NotDefined(f"the example {preference.example!r}")
        else:
            found, value = self._examples.value(entry, self._pick(preference.dynamic))
            if not found:
                raise Unanswerable(entry.pointer)
        return Answer(value, status, headers, media_type=entry.range)

    def _header(self, header: ResponseHeader, *, dynamic: bool) -> str | None:
        found, value = self._examples.of_header(header, self._pick(dynamic))
        return header_text(value, explode=header.style[1]) if found else None

    @staticmethod
    def _pick(dynamic: bool) -> random.Random | None:
        return random.Random() if dynamic else None  # noqa: S311 (nothing is kept secret with it)


def _chosen(operation: Operation, preference: Preference) -> tuple[int, Response | None]:
    """The response that is preferred, else that of success."""
    if preference.code is None:
        return _without_preference(operation)
    if not preference.code.isdigit() or not 100 <= int(preference.code) <= 599:  # noqa: PLR2004 (RFC 9110 §15)
        raise NotDefined(f"the status {preference.code!r}")
    response = operation.response_for(int(preference.code))
    if response is None:
        raise NotDefined(f"the status {preference.code}")
    return int(preference.code), response


def _without_preference(operation: Operation) -> tuple[int, Response | None]:
    """The lowest status of success; else the first status that the document has, as it has no better."""
    lowest = min((name for name in operation.responses if name.startswith("2") and name.isdigit()), default=None)
    status, response = (int(lowest), operation.responses[lowest]) if lowest is not None else operation.success
    if response is not None or not operation.responses:
        return status, response
    name, response = next(iter(operation.responses.items()))
    return int(name[0] + "00") if name[:1].isdigit() and not name.isdigit() else int(name), response


def header_text(value: Any, *, explode: bool = False) -> str:
    """A header's value in the style `simple` (OpenAPI 3.1 §4.8.12.4)."""
    if isinstance(value, dict):
        separator = "=" if explode else ","
        return ",".join(f"{name}{separator}{header_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ",".join(header_text(item) for item in value)
    return value if isinstance(value, str) else json_text.dumps(value).decode()
