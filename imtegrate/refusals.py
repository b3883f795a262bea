"""Tells of requests that the server refuses by itself: no middleware sees them, so none counts or logs them."""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contract.request import REQUEST_ID
from contract.sending import REQUEST_ID_HEADER
from imtegrate.logs import MEMBERS, SCOPE
from imtegrate.metrics import Metrics
from imtegrate.request_ids import sane_id_of

logger = logging.getLogger("imtegrate.access")

REFUSALS: Final = "imtegrate.refusals"
"""Where the state of ASGI's lifespan holds the `Refusals` of the application, for the server's connections."""

_ID_SIZE: Final = 16
"""Random bytes of an id."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Counts and logs, as far as it was asked to."""

    metrics: Metrics | None = None
    logged: bool = False

    def tell(self, status: int, kind: str, request_id: str, client: str) -> None:
        """Have a refusal known; nothing that the client wrote is in it but a sane id.

        Args:
            status: of the answer.
            kind: the `type` of the fault.
            request_id: of the answer.
            client: the address of the peer; a proxy's, where one stands between: nobody could read what it said.
        """
        if self.metrics is not None:
            self.metrics.refused(status)
        if self.logged:
            members = {"status": status, "type": kind, "operation_id": "", "client": client}
            logger.info("refused %d %s", status, kind, extra={SCOPE: {REQUEST_ID: request_id}, MEMBERS: members})


def id_for(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id of a refused request: the client's if that is sane, a new one otherwise."""
    asked = [value for name, value in headers if name == REQUEST_ID_HEADER]
    return sane_id_of(asked) or secrets.token_hex(_ID_SIZE)
