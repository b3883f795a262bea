"""The console of `dev`: what is asked, what is wrong with it, and what an edit changed."""

import sys
from http import HTTPStatus
from time import perf_counter
from typing import Final

from contract import ASGIApp
from contract.problem import Problem, UnprocessableContent
from contract.request import Receive, Scope, Send
from contract.sending import PROBLEM, STATUS
from imtegrate.access_log import CLIENT_GONE, operation_of
from imtegrate.escaping import discreet, visible
from imtegrate.news import News

_STYLES: Final = {2: "green", 3: "cyan", 4: "yellow", 5: "bold red"}
"""By the class of a status (RFC 9110 §15), in Rich's words."""


class Console:
    """Writes lines to stderr; in colour on a terminal, unless `NO_COLOR` is set (no-color.org)."""

    def __init__(self) -> None:
        self._rich = None
        if sys.stderr.isatty():
            from rich.console import Console as RichConsole  # noqa: PLC0415 (0.1 s, for a terminal only)

            self._rich = RichConsole(stderr=True, highlight=False, soft_wrap=True)

    def say(self, line: str, style: str = "") -> None:
        """Write a line, with whatever would steer the terminal escaped, and without tokens."""
        line = visible(discreet(line))
        if self._rich is None:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 (this is what the console is for)
        else:
            self._rich.print(line, style=style or None, markup=False)


class ConsoleNews(News):
    """Tells what an edit did, on the console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def told(self, line: str) -> None:
        """Something has changed."""
        self._console.say(line, "cyan")

    def warned(self, line: str) -> None:
        """Something is wrong."""
        self._console.say(line, "red")


class RequestLines:
    """Writes a line a request; below one that broke the document, each place and what is wrong there."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and tell of it."""
        began = perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._tell(scope, (perf_counter() - began) * 1000)

    def _tell(self, scope: Scope, milliseconds: float) -> None:
        status = scope.get(STATUS, CLIENT_GONE)
        if status == HTTPStatus.NOT_MODIFIED:
            # The docs page asks each second whether anything is new.
            return
        line = f"{scope['method']} {scope['path']} {status} {milliseconds:.1f} ms {operation_of(scope)}".rstrip()
        self._console.say(line, _STYLES.get(status // 100, ""))
        problem: Problem | None = scope.get(PROBLEM)
        if isinstance(problem, UnprocessableContent):
            for error in problem.errors:
                self._console.say(f"  {'.'.join(map(str, error.loc))}: {error.msg}")
