"""Swaps one application for the next without losing a request."""

from collections.abc import Awaitable

from contract.request import ASGIApp, Receive, Scope, Send


class Swappable:
    """Hands each request to the application in force when it came; what is under way stays with its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def swap(self, app: ASGIApp) -> None:
        """Put another application in force, from the next request on."""
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        return self._app(scope, receive, send)
