"""The outermost step: whatever is raised becomes an answer in the one error shape."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from contract.body import ClientDisconnected
from contract.problem import InternalServerError, Problem, ServiceUnavailable, render
from contract.request import ASGIApp, Receive, Scope, Send
from contract.sending import PROBLEM, STATUS, send_answer

logger = logging.getLogger("contract")

Translations = Mapping[type[Exception], Callable[[Exception], Problem]]
"""Exceptions of what lies behind the handlers, and the problems they are to callers."""


class Errors:
    """Renders problems; what is no problem is logged with its traceback, and answered 500 without it."""

    def __init__(self, app: ASGIApp, *, translate: Translations) -> None:
        self._app = app
        self._translate = translate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, come what may."""
        try:
            await self._app(scope, receive, send)
        except Problem as problem:
            await respond(problem, scope, send)
        except ClientDisconnected:
            return
        except asyncio.CancelledError:
            # The server ends, and has waited for as long as it does.
            if STATUS in scope:
                raise
            await respond(ServiceUnavailable(), scope, send)
        except Exception as error:
            started = STATUS in scope
            if not started and (translated := self._translated(error)) is not None:
                await respond(translated, scope, send)
                return
            logger.exception("%s %s failed", scope["method"], scope["path"], exc_info=error, extra={"scope": scope})
            if started:
                # Half an answer is out: only a broken connection tells the client.
                raise
            await respond(InternalServerError(), scope, send)

    def _translated(self, error: Exception) -> Problem | None:
        for kind, make in self._translate.items():
            if isinstance(error, kind):
                return make(error)
        return None


async def respond(problem: Problem, scope: Scope, send: Send) -> None:
    """Send a problem as an answer."""
    scope[PROBLEM] = problem
    status, headers, body = render(problem)
    await send_answer(scope, send, status, headers, body)
