"""`/docs/changes`: what the last edit changed, and what keeps the newest from being in force; under `dev` alone."""

import asyncio
from collections.abc import Sequence

import orjson

from contract import Contract, Fault
from contract.locate import with_positions
from contract.request import Receive, Scope, Send
from imtegrate.news import News, changes_between, place_of
from imtegrate.representation import Static, etag_of


class LastEdit(News):
    """Remembers the news of a reload; compares two documents only once somebody asks.

    The answer: `edition`, the entity tag of `/openapi.json`; `changes`, a line each, as `imtegrate diff` says them;
    `faults`, a line each, of a later edit that could not be put in force.
    """

    def __init__(self, contract: Contract) -> None:
        self._edition = etag_of(contract.document.published)
        self._compared: tuple[Contract, Contract] | None = None
        self._changes: list[str] = []
        self._faults: list[str] = []
        self._static: Static | None = None
        self._comparing = asyncio.Lock()

    def reloaded(self, before: Contract, after: Contract) -> None:
        """Another edition is in force."""
        if before.document.digest != after.document.digest:  # else the handlers alone were edited
            self._edition = etag_of(after.document.published)
            self._compared = before, after
        self._set_faults([])

    def refused(self, faults: Sequence[Fault]) -> None:
        """The document cannot be served."""
        self._set_faults([str(fault) for fault in with_positions(faults)])

    def broken(self, error: Exception) -> None:
        """The handlers cannot be imported."""
        self._set_faults([f"the handlers cannot be imported: {place_of(error)}"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET or HEAD."""
        async with self._comparing:
            # Another edit may come while two editions are compared.
            while self._compared is not None:
                pair, self._compared = self._compared, None
                self._changes = await asyncio.to_thread(changes_between, *pair)
            if self._static is None:
                told = {"edition": self._edition, "changes": self._changes, "faults": self._faults}
                self._static = Static(orjson.dumps(told), "application/json")
            static = self._static
        await static(scope, receive, send)

    def _set_faults(self, faults: list[str]) -> None:
        self._faults = faults
        self._static = None
