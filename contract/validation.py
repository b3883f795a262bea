"""Request in: who may call, media type, size, and all that the document says of parameters and body, in that order."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from contract.binding import Bound
from contract.body import read_body
from contract.defaults import default_of
from contract.fields import Fields
from contract.findings import Findings
from contract.media import MAY_BE_JSON, MediaType, essence, is_json, without_bytes
from contract.operation import Body
from contract.problem import (
    ContentTooLarge,
    Problem,
    UnprocessableContent,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
    ValidationError,
)
from contract.request import KEY, ASGIApp, Receive, Request, Scope, Send
from contract.shortcut import shortcut_of
from contract.taking import Taking

MAX_BODY_SIZE: Final = 1 << 20
"""Bytes of a request's body, unless a setting says otherwise."""

LARGE: Final = 1 << 10
"""Bytes of a request whose faults may be so many that naming them takes long:
a fault takes two bytes and 45 µs."""

_BODY: Final = ("body",)
_MISSING_BODY: Final = ValidationError(_BODY, "Field required", "missing")


class Validation:
    """Lets through what satisfies the document, as typed values; answers 401, 403, 415, 413 and 422 to the rest."""

    def __init__(self, app: ASGIApp, *, max_body_size: int) -> None:
        """`max_body_size` in bytes."""
        self._app = app
        self._max_body_size = max_body_size
        self._taking: dict[str, Taking] = {}
        """By operation, made when the first request is for it."""
        # One thread: what it takes from the event loop is then bounded, however many ask.
        self._naming = ThreadPoolExecutor(1, "faults")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Validate one request."""
        request: Request = scope[KEY]
        bound = request.bound
        body = bound.operation.body
        if bound.guard is not None:
            # What it can tell by the headers, it tells at once; nothing is looked up before it has to be.
            request.claim = bound.guard.claim(request)
        try:
            text = b"" if body is None else await self._read(request, body, receive)
            findings = self._judge(request, bound, body, text)
            if findings:
                await request.admit()
                raise UnprocessableContent(*await self._named(findings, len(text) + _size_of_text(request)))
        except Problem:
            # Who may not call is told that, and nothing of what is wrong with the request.
            await request.admit()
            raise
        await self._app(scope, receive, send)

    async def _read(self, request: Request, body: Body, receive: Receive) -> bytes:
        """The body, of a media type that the document has."""
        media_type, length, is_encoded, is_asked_for = request.fields.read(_content_of)
        shortcut = shortcut_of(request.scope)
        text = shortcut.take(receive) if shortcut is not None and length <= self._max_body_size else None
        # A body of a few hundred bytes comes in one packet with its head: nearly every request is complete here. Who
        # waits for a word before sending it (RFC 9110 §10.1.1) is looked up before that is given, as all others are.
        if text is None or is_asked_for:
            await request.admit()
        if is_encoded:
            raise UnsupportedContentEncoding
        if (length > 0 or text) and body.content.find(media_type) is None:
            raise UnsupportedMediaType(body.content.ranges)
        if length > self._max_body_size or (text is not None and len(text) > self._max_body_size):
            raise ContentTooLarge(self._max_body_size)
        if text is None:
            text = await read_body(receive, self._max_body_size)
        if text and length == 0 and body.content.find(media_type) is None:
            raise UnsupportedMediaType(body.content.ranges)
        request.body = media_type
        return text

    async def _named(self, findings: Findings, size: int) -> list[ValidationError]:
        """The faults of a request that has `size` bytes to be judged; of many in a thread beside the loop."""
        if size < LARGE and findings.are_quick():
            return findings.named()
        return await asyncio.get_running_loop().run_in_executor(self._naming, findings.named)

    def _judge(self, request: Request, bound: Bound, body: Body | None, text: bytes) -> Findings:
        """Turn text into values; everything that is wrong with them."""
        findings = Findings()
        value: Any = None
        media_type: MediaType | None = None
        if body is not None and text:
            found = body.content.find(request.body)
            assert found is not None  # `_read` has refused other media types
            media_type, parameters = found
            value = media_type.decode(text, parameters)
        taking = self._taking.get(bound.operation.operation_id)
        if taking is None:
            taking = self._taking[bound.operation.operation_id] = Taking(bound)
        request.parameters = taking.take(request, findings)
        if body is not None:
            request.body = _judge_body(body, media_type, value, is_there=bool(text), findings=findings)
        return findings


def _content_of(fields: Fields) -> tuple[bytes, int, bool, bool]:
    """Media type and length of the content, 0 where it is not told; whether it is encoded, and to be asked for."""
    encodings = fields.get(b"content-encoding", (b"",))
    return (
        fields.get(b"content-type", (b"",))[-1],
        int(fields.get(b"content-length", (b"0",))[-1]),
        encodings[-1].strip().lower() not in (b"", b"identity"),
        b"expect" in fields,
    )


def _size_of_text(request: Request) -> int:
    """Bytes in which parameters may stand."""
    scope = request.scope
    return len(scope["raw_path"] or b"") + len(scope["query_string"]) + sum(len(value) for _, value in scope["headers"])


def _judge_body(body: Body, media_type: MediaType | None, value: Any, *, is_there: bool, findings: Findings) -> Any:
    """The body as its schema completes it; its faults go to `findings`."""
    if not is_there or media_type is None:
        if body.required:
            findings.add(_MISSING_BODY)
            return None
        return _default_of(body)
    schema = media_type.schema
    if schema is None:
        return value
    judged = value if media_type.is_json else without_bytes(value)
    if schema.is_valid(judged):
        return value if schema.complete is None else schema.complete(value)
    findings.refuse(schema, judged, _BODY)
    return None


def _default_of(body: Body) -> Any:
    """The default of a body that may be, and is, absent."""
    for entry in body.content.entries:
        if entry.schema is not None and (is_json(entry.range) or essence(entry.range) in MAY_BE_JSON):
            found, value = default_of(entry.schema.node)
            if found:
                return _completed(entry, value)
    return None


def _completed(entry: MediaType, value: Any) -> Any:
    from copy import deepcopy  # noqa: PLC0415

    own = deepcopy(value)
    assert entry.schema is not None  # the default is the schema's
    return own if entry.schema.complete is None else entry.schema.complete(own)
