"""UUID version 7 (RFC 9562 §5.7): ids that sort by the time they were made."""

import os
import threading
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from asyncpg.pgproto import pgproto

_BYTES: Final = 16
_RANDOM_BITS: Final = 74
"""rand_a (12 bits) and rand_b (62), taken as one number (RFC 9562 §5.7)."""
_RANDOM_BYTES: Final = 10
_INCREMENT_BITS: Final = 32
"""Within one millisecond each id is a random step of up to this many bits above the last (RFC 9562 §6.2, method 2)."""
_POOL_BYTES: Final = 4096
"""Randomness fetched at once: a system call per id would cost more than the id."""
_RAND_B_BITS: Final = 62
_RAND_B_MASK: Final = (1 << _RAND_B_BITS) - 1
_VERSION: Final = 7 << 76
_VARIANT: Final = 0b10 << _RAND_B_BITS


class Generator:
    """Makes ids, each above the last, from any thread; `clock` gives nanoseconds since 1970, and may be set back."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pool = b""
        self._used = 0
        self._millisecond = 0
        self._random = 0

    def make(self) -> UUID:
        """Make an id."""
        with self._lock:
            now = self._clock() // 1_000_000
            if now > self._millisecond:
                self._millisecond = now
                self._random = self._take(_RANDOM_BYTES) >> (8 * _RANDOM_BYTES - _RANDOM_BITS)
            else:
                # Same millisecond, or the clock was set back: stay monotonic.
                self._random += self._take(_INCREMENT_BITS // 8) + 1
                if self._random >> _RANDOM_BITS:
                    self._millisecond += 1
                    self._random &= (1 << _RANDOM_BITS) - 1
            random = self._random
            rand_a, rand_b = random >> _RAND_B_BITS, random & _RAND_B_MASK
            return uuid_of((self._millisecond << 80 | _VERSION | rand_a << 64 | _VARIANT | rand_b).to_bytes(_BYTES))

    def _take(self, count: int) -> int:
        start = self._used
        if start + count > len(self._pool):
            self._pool, start = os.urandom(_POOL_BYTES), 0
        self._used = start + count
        return int.from_bytes(self._pool[start : self._used])


def uuid_of(value: str | bytes) -> UUID:
    """A UUID of its text or its 16 bytes: asyncpg's, which is made and written in a fifth of the time.

    It is equal to the standard library's, and an instance of it.
    """
    made: UUID = pgproto.UUID(value)
    return made


_generator = Generator()


def uuid7() -> UUID:
    """Make an id that is above every other made by this process, and random beyond its millisecond."""
    return _generator.make()


def _after_fork() -> None:
    # A child that kept the pool would make its parent's ids.
    global _generator  # noqa: PLW0603 - one process, one generator
    _generator = Generator()


os.register_at_fork(after_in_child=_after_fork)
