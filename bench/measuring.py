"""One run: whoever several rows need is started and asked once."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bench import load
from bench.contestants import CONTESTANTS
from bench.failures import NotMeasured
from bench.lab import Lab
from bench.load import CONNECTIONS, Load, Target

WARM_UP: Final = 1
"""Seconds that each is asked beforehand: caches, and code that is compiled where it is hot."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run over all rows."""

    lab: Lab
    absent: dict[str, NotMeasured]
    """By contestant, why it could not be measured; kept from one run to the next."""
    loads: dict[str, Load] = field(default_factory=dict)
    """By contestant, what it did at 32 connections."""

    def load(self, name: str) -> Load:
        """What a contestant does at 32 connections, measured when it is first asked for.

        Raises:
            NotMeasured: it could not be measured, in this run or an earlier one.
        """
        if name not in self.loads and name not in self.absent:
            try:
                with CONTESTANTS[name].start(self.lab) as target:
                    self.loads[name] = self.apply(target)
            except NotMeasured as error:
                self.absent[name] = error
        if name in self.absent:
            reason = self.absent[name]
            raise type(reason)(f"{CONTESTANTS[name].title}: {reason}")
        return self.loads[name]

    def present(self, names: Iterable[str]) -> list[str]:
        """Those that can be measured.

        Raises:
            NotMeasured: none can.
        """
        found, reason = [], NotMeasured()
        for name in names:
            try:
                self.load(name)
                found.append(name)
            except NotMeasured as error:
                reason = error
        if not found:
            raise reason
        return found

    def apply(self, target: Target, connections: int = CONNECTIONS, *, refused: bool = False) -> Load:
        """Warm a target up, and measure it.

        Raises:
            Failed: an answer was lost or of the wrong status.
        """
        # What others left to be written would be synced with each commit, as the file system has one journal for all.
        os.sync()
        # Never by a crowd: while a thousand connections are closed, some of the next wait for a second.
        load.apply(target, WARM_UP, min(connections, CONNECTIONS), refused=refused)
        return load.apply(target, self.lab.seconds, connections, refused=refused)
