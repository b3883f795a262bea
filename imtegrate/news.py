"""What a reload has to tell: the log by default; `dev` tells it on its console."""

import logging
from collections.abc import Sequence

from contract import Contract, Fault
from contract.locate import with_positions

logger = logging.getLogger("imtegrate")


class News:
    """Tells an operator, in the log."""

    def reloaded(self, before: Contract, after: Contract) -> None:
        """Another edition is in force."""
        for line in changes_between(before, after):
            self.told(line)
        self.told(f"the document {after.document.path} is in force")

    def refused(self, faults: Sequence[Fault]) -> None:
        """The document cannot be served: the last good one stays in force."""
        for fault in with_positions(faults):
            self.warned(str(fault))
        self.warned("the last good document stays in force")

    def broken(self, error: Exception) -> None:
        """The handlers cannot be imported: the last good ones stay in force."""
        self.warned(f"the handlers cannot be imported, and the last good ones stay in force: {place_of(error)}")

    def told(self, line: str) -> None:
        """Something has changed."""
        logger.info("%s", line)

    def warned(self, line: str) -> None:
        """Something is wrong."""
        logger.error("%s", line)


def changes_between(before: Contract, after: Contract) -> list[str]:
    """What callers will notice, a line each."""
    from contract.diff import compare  # noqa: PLC0415 (needed only when something changed)

    return [str(change) for change in compare(before, after)]


def place_of(error: Exception) -> str:
    """An exception's kind, message, and the innermost place it came from."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}: " if trace is not None else ""
    return f"{where}{type(error).__name__}: {error}"
