"""One log line a request, for who asks for it."""

import logging
from time import perf_counter
from typing import Final

from contract import ASGIApp
from contract.request import KEY, Receive, Scope, Send
from contract.sending import STATUS
from imtegrate.logs import MEMBERS, SCOPE

logger = logging.getLogger("imtegrate.access")

CLIENT_GONE: Final = 499
"""The status of a request whose client left before there was an answer, as nginx counts it."""


def operation_of(scope: Scope) -> str:
    """The operationId that a request was for; empty where the document has none."""
    request = scope.get(KEY)
    return request.operation.operation_id if request is not None else ""


class AccessLog:
    """Logs each request when it is answered: neither query, headers nor bodies, which may hold secrets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and log it."""
        began = perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            milliseconds = round((perf_counter() - began) * 1000, 3)
            status = scope.get(STATUS, CLIENT_GONE)
            members = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "duration_ms": milliseconds,
                "operation_id": operation_of(scope),
                "client": (scope.get("client") or ("",))[0],
            }
            logger.info("%s %s %d", scope["method"], scope["path"], status, extra={SCOPE: scope, MEMBERS: members})
