"""Callers as they were when the database last told of them: a guess, good for nothing until the database confirms it.

Most requests come from keys that made one before. What a key may do is judged by the guess, and the statement that
writes the outcome also sees whether the guess still holds, so that one round trip does for both. Nothing is ever
answered by a guess alone: a revoked key stops with the next request.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from db.keys import Caller, TokenKey

MAX_GUESSES: Final = 4096
"""Callers remembered by one process: about 2 MB."""


@dataclass(frozen=True, slots=True)
class Known:
    """A caller, and the columns that the judgement on it rests on, as the engine's driver has them."""

    caller: Caller
    columns: tuple[Any, ...]


class Guesses:
    """Known callers by token, those not met for the longest forgotten first."""

    def __init__(self, size: int = MAX_GUESSES) -> None:
        self._size = size
        self._known: OrderedDict[TokenKey, Known] = OrderedDict()

    def get(self, token: TokenKey) -> Known | None:
        """The caller with this token, if it was met."""
        known = self._known.get(token)
        if known is not None:
            self._known.move_to_end(token)
        return known

    def learn(self, token: TokenKey, known: Known | None) -> None:
        """Remember what the database told; None: there is no such caller, or no longer."""
        if known is None:
            self._known.pop(token, None)
            return
        self._known[token] = known
        if len(self._known) > self._size:
            self._known.popitem(last=False)
