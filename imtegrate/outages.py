"""Has the log say why requests are answered 503, while they are; `/readyz` says it to who asks at that moment."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from contract import Problem, ServiceUnavailable
from db import DatabaseUnavailable
from imtegrate.logs import MEMBERS

logger = logging.getLogger("imtegrate")

INTERVAL: Final = 10.0
"""Seconds from one line to the next: an outage is to be seen in the log, and not to fill it."""


class Outages:
    """Turns what the database did not do into the answer of its request."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._told: float | None = None
        self._untold = 0

    def translate(self, error: Exception) -> Problem:
        """The problem that a `DatabaseUnavailable` is to a caller, who is not told the reason."""
        assert isinstance(error, DatabaseUnavailable)
        self._untold += 1
        now = self._clock()
        if self._told is None or now - self._told >= INTERVAL:
            requests, self._untold, self._told = self._untold, 0, now
            logger.error(
                "%s (answered 503: %d)", error.reason, requests, extra={MEMBERS: {"status": 503, "requests": requests}}
            )
        return ServiceUnavailable()
