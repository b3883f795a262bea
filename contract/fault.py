"""What is wrong with a document: where, what, and how to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that makes a document unusable."""

    path: Path
    pointer: str
    """JSON Pointer of the place (RFC 6901)."""
    message: str
    mend: str
    line: int | None = None
    """From 1; None where it has not been looked up."""
    column: int | None = None
    stops: bool = True
    """Whether the document cannot be served for it; an example that its schema refuses misleads people only."""
    follows: bool = False
    """Whether it may be nothing but the consequence of a fault elsewhere, as when a schema refers to a broken one."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else str(self.path)
        return f"{place}: {self.pointer or '/'}: {self.message} ({self.mend})"


class DocumentError(Exception):
    """A document cannot be served; `faults` says why, all at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)
