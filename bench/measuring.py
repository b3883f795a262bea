"""One run: whoever several rows need is started and asked once."""

from dataclasses import dataclass, field

from bench import load
from bench.contestants import CONTESTANTS
from bench.lab import Lab
from bench.load import CONNECTIONS, Load, LoadFailed, Target
from bench.processes import Unavailable

WARM_UP: float = 0.25
"""Of the time that is measured, what is asked for beforehand: caches, and code that is compiled where it is hot."""


@dataclass
class Run:
    """One run over all rows."""

    lab: Lab
    absent: dict[str, str]
    """Who could not be measured, and why; kept from one run to the next."""
    _loads: dict[str, Load] = field(default_factory=dict)

    def load(self, name: str) -> Load:
        """What a contestant does at 32 connections.

        Raises:
            Unavailable: it could not be started, in this run or an earlier one.
            LoadFailed: it did not do what it was asked.
        """
        if name in self.absent:
            raise Unavailable(f"{CONTESTANTS[name].title}: {self.absent[name]}")
        if name not in self._loads:
            try:
                with CONTESTANTS[name].start(self.lab) as target:
                    self._loads[name] = self.apply(target)
            except (Unavailable, LoadFailed) as error:
                self.absent[name] = str(error)
                raise type(error)(f"{CONTESTANTS[name].title}: {error}") from error
        return self._loads[name]

    @property
    def loads(self) -> dict[str, Load]:
        """By contestant, all that was measured."""
        return dict(self._loads)

    def apply(self, target: Target, connections: int = CONNECTIONS, *, refused: bool = False) -> Load:
        """Warm a target up, and measure it.

        Raises:
            LoadFailed: an answer was lost or of the wrong status.
        """
        load.apply(target, self.lab.seconds * WARM_UP, connections, refused=refused)
        return load.apply(target, self.lab.seconds, connections, refused=refused)
