"""Refusals in the document's own words: where it has an answer for a status, that is what is sent."""

from collections.abc import Callable
from functools import partial

from contract import json_text
from contract.dispatch import text_of
from contract.examples import Examples
from contract.media import MediaType
from contract.negotiation import choose
from contract.operation import Operation, Response
from contract.preference import NotDefined, Preference
from contract.problem import Problem, UnprocessableContent, render
from contract.request import KEY, ASGIApp, Receive, Request, Scope, Send
from contract.sending import send_answer


class DeclaredErrors:
    """Answers a problem with the response that the operation has for it; with ours where it has none.

    An invalid request is the document's 422, else its 400.
    """

    def __init__(self, app: ASGIApp, *, examples: Examples) -> None:
        self._app = app
        self._examples = examples

    @classmethod
    def middleware(cls, examples: Examples) -> Callable[[ASGIApp], ASGIApp]:
        """The middleware, for a list of such."""
        return partial(cls, examples=examples)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self._app(scope, receive, send)
        except Problem as problem:
            request: Request = scope[KEY]
            found = _declared(request.operation, problem)
            if found is None:
                raise
            status, response = found
            await self._answer(status, response, problem, scope, send)

    async def _answer(self, status: int, response: Response, problem: Problem, scope: Scope, send: Send) -> None:
        _, headers, ours = render(problem)
        own = [header for header in headers if header[0] not in (b"content-type", b"content-length")]
        if not response.content.entries:
            await send_answer(scope, send, status, [*own, (b"content-length", b"0")], b"")
            return
        request: Request = scope[KEY]
        entries = sorted(response.content.entries, key=lambda one: not one.is_json)
        entry = choose(request.headers(b"accept"), entries) or entries[0]
        body = self._body(entry, ours, Preference.of(request).example)
        length = (b"content-length", str(len(body)).encode())
        await send_answer(scope, send, status, [(b"content-type", entry.range.encode()), length, *own], body)

    def _body(self, entry: MediaType, ours: bytes, example: str | None) -> bytes:
        """The example that is preferred, else the document's; else our own words where its schema admits them.

        Ours say what is wrong.

        Raises:
            NotDefined: the document does not have the example that is preferred.
        """
        if example is not None:
            found, value = self._examples.named(entry, example)
            if not found:
                raise NotDefined(f"the example {example!r}")
            return text_of(value, entry)
        is_silent = "example" not in entry.described and "examples" not in entry.described
        if entry.is_json and is_silent and (entry.schema is None or entry.schema.is_valid(json_text.loads(ours))):
            return ours
        found, value = self._examples.value(entry, None)
        return text_of(value, entry) if found else ours


def _declared(operation: Operation, problem: Problem) -> tuple[int, Response] | None:
    statuses = [422, 400] if isinstance(problem, UnprocessableContent) else [problem.status.value]
    for status in statuses:
        response = operation.responses.get(str(status)) or operation.responses.get(f"{status // 100}XX")
        if response is not None:
            return status, response
    return None
