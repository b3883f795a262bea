"""Answer out: calls the handler, and sends what it returns once the document has been satisfied."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from contract import json_text
from contract.binding import BODY, REQUEST, Answer, Bound
from contract.defaults import default_of
from contract.media import MediaType, essence, is_written_out, without_bytes
from contract.operation import ResponseHeader
from contract.problem import InternalServerError, NotImplementedYet
from contract.request import KEY, Receive, Request, Scope, Send
from contract.schema import Schema
from contract.sending import send_answer
from contract.shortcut import Headers
from contract.wire import header_text
from contract.xml_text import dumps as xml_text_of
from contract.xml_text import is_xml

logger = logging.getLogger("contract")

_NO_BODY: Final = frozenset({204, 205, 304})
"""Statuses whose answers have no content (RFC 9110 §15.3.5, §15.3.6, §15.4.5)."""

_FINAL: Final = range(200, 600)
"""Statuses that end a request (RFC 9110 §15); what is answered with another would be taken for the next answer."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""Names and values of header fields (RFC 9110 §5.1, §5.5): nothing in them begins another field."""

_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
"""What the server says itself: two words for where an answer ends let the next one be forged (RFC 9112 §6.3)."""

_SHORT: Final = 32
"""Characters of a value that is worth keeping as it was encoded: it comes again, and is no secret."""


class Unsendable(ValueError):
    """A header field that cannot be sent: its name only, as its value may be a secret."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class _Plan:
    """How an answer of one status is made, decided at start."""

    status: int
    is_json: bool
    has_content: bool
    schema: Schema | None
    first: Sequence[tuple[bytes, bytes]]
    """`Content-Type`, where there is content."""
    fixed: Sequence[tuple[bytes, bytes]]
    """Headers whose value the document itself fixes."""
    required: Sequence[bytes]
    """Headers that the answer has to have."""

    def headers_of(self, length: int, more: Mapping[str, str]) -> Headers:
        """The headers of an answer of `length` bytes.

        Raises:
            Unsendable: one of `more` cannot be sent.
        """
        headers = [*self.first, (b"content-length", b"%d" % length)]
        if more:
            headers += [
                _field_again(name, value) if len(value) <= _SHORT else _field(name, value)
                for name, value in more.items()
            ]
        if self.fixed:
            given = {name for name, _ in headers}
            headers += [header for header in self.fixed if header[0] not in given]
        return headers


class Dispatch:
    """The innermost step."""

    def __init__(self, bound: Mapping[str, Bound]) -> None:
        self._plans = {
            operation_id: {None: _plan(each, None), **{s: _plan(each, s) for s in _statuses(each)}}
            for operation_id, each in bound.items()
        }

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request that satisfies the document."""
        request: Request = scope[KEY]
        bound = request.bound
        if bound.function is None:
            raise NotImplementedYet(bound.operation.operation_id)
        # A dictionary of its own: the request's would hold the request.
        arguments = dict(request.parameters)
        if bound.takes_request:
            arguments[REQUEST] = request
        if bound.takes_body:
            arguments[BODY] = request.body
        try:
            returned = await bound.function(**arguments)
        except NotImplementedError:
            raise NotImplementedYet(bound.operation.operation_id) from None
        answer = returned if isinstance(returned, Answer) else Answer(returned)
        plan = self._plan_for(bound, answer.status)
        if answer.media_type is not None:
            plan = _of_media_type(plan, bound, answer.media_type)
        text = _text_of(plan, bound, answer)
        try:
            headers = plan.headers_of(len(text), answer.headers)
        except Unsendable as error:
            logger.error("%s: its answer has a header %r that cannot be sent", bound.operation.operation_id, error.name)  # noqa: TRY400 - the place says it all
            raise InternalServerError from None
        if plan.required:
            _check_headers(plan, bound, headers)
        await send_answer(scope, send, plan.status, headers, text)

    def _plan_for(self, bound: Bound, status: int | None) -> _Plan:
        plans = self._plans[bound.operation.operation_id]
        plan = plans.get(status)
        if plan is None:
            if status is None or status not in _FINAL or bound.operation.response_for(status) is None:
                logger.error("%s answered %s, which the document does not have", bound.operation.operation_id, status)
                raise InternalServerError
            plan = plans[status] = _plan(bound, status)
        return plan


def _of_media_type(plan: _Plan, bound: Bound, media_type: str) -> _Plan:
    """The plan for an answer of a media type that the function chose."""
    response = bound.operation.response_for(plan.status)
    entry = next((one for one in response.content.entries if one.range == media_type), None) if response else None
    if entry is None:
        logger.error("%s answered %s, which the document does not have", bound.operation.operation_id, media_type)
        raise InternalServerError
    first = [(b"content-type", _sent(media_type))]
    return replace(
        plan, is_json=entry.is_json, has_content=plan.status not in _NO_BODY, schema=entry.schema, first=first
    )


def _sent(media_type: str) -> bytes:
    """What a range of media types is sent as: it is no media type itself."""
    return {"*/*": b"application/json", "application/*": b"application/json", "text/*": b"text/plain"}.get(
        media_type, media_type.encode()
    )


def _statuses(bound: Bound) -> list[int | None]:
    return [int(status) for status in bound.operation.responses if status.isdigit() and int(status) in _FINAL]


def _plan(bound: Bound, status: int | None) -> _Plan:
    response = None if status is None else bound.operation.response_for(status)
    if status is None:
        status, response = bound.operation.success
    entries = response.content.entries if response is not None else ()
    entry = next((one for one in entries if one.is_json), entries[0] if entries else None)
    headers = response.headers if response is not None else ()
    fixed = [(header.name.lower().encode(), value) for header in headers if (value := _fixed_value(header)) is not None]
    return _Plan(
        status=status,
        is_json=entry is None or entry.is_json,
        has_content=status not in _NO_BODY and (entry is not None or response is None),
        schema=entry.schema if entry is not None else None,
        first=[(b"content-type", _sent(entry.range))] if entry is not None and status not in _NO_BODY else [],
        fixed=fixed,
        required=[header.name.lower().encode() for header in headers if header.required],
    )


def _fixed_value(header: ResponseHeader) -> bytes | None:
    """What the document alone lets a header be: its `const`, only `enum` or `default`."""
    if header.schema is None:
        return None
    target = header.schema.node.target().value
    if isinstance(target, Mapping):
        if "const" in target:
            return _header_value(header, target["const"])
        if isinstance(target.get("enum"), list) and len(target["enum"]) == 1:
            return _header_value(header, target["enum"][0])
    found, value = default_of(header.schema.node)
    return _header_value(header, value) if found else None


def _header_value(header: ResponseHeader, value: Any) -> bytes:
    if header.in_json:
        return json_text.dumps(value)
    return header_text(value, explode=header.style[1]).encode("latin-1", "replace")


def _text_of(plan: _Plan, bound: Bound, answer: Answer) -> bytes:
    """The body of an answer, checked against the document."""
    if not plan.has_content:
        return b""
    value = answer.body
    schema = plan.schema
    if schema is not None and (plan.is_json or not is_written_out(value, schema)):
        if schema.project is not None:
            value = schema.project(value)
        judged = value if plan.is_json else without_bytes(value)
        if not schema.is_valid(judged):
            # Places and kinds only: an answer may hold secrets.
            faults = [f"{'/'.join(map(str, error.loc))}: {error.type}" for error in schema.errors(judged, ("answer",))]
            logger.error("%s: its answer breaks the document: %s", bound.operation.operation_id, "; ".join(faults))
            raise InternalServerError
    if plan.is_json:
        return json_text.dumps(value)
    return _written(value, plan.first[0][1].decode("latin-1") if plan.first else "", schema)


def text_of(value: Any, entry: MediaType) -> bytes:
    """The text of a value as a media type: JSON; bytes and text as they are; XML; else as JSON writes it."""
    return json_text.dumps(value) if entry.is_json else _written(value, entry.range, entry.schema)


def _written(value: Any, media_type: str, schema: Schema | None) -> bytes:
    if isinstance(value, bytes):
        return value
    if is_xml(essence(media_type)):
        return xml_text_of(value, schema.node.target().value if schema is not None else None).encode()
    return value.encode() if isinstance(value, str) else json_text.dumps(value)


def _field(name: str, value: str) -> tuple[bytes, bytes]:
    """A header field as it is sent.

    Raises:
        Unsendable: it cannot be.
    """
    if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None or name.lower() in _FRAMING:
        raise Unsendable(name)
    return name.lower().encode(), value.encode("latin-1")


_field_again: Final = lru_cache(maxsize=256)(_field)


def _check_headers(plan: _Plan, bound: Bound, headers: Sequence[tuple[bytes, bytes]]) -> None:
    given = {name for name, _ in headers}
    for name in plan.required:
        if name not in given:
            logger.error("%s: its answer has no header %s", bound.operation.operation_id, name.decode())
            raise InternalServerError
