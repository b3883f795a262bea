"""UUIDs of version 7."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Final
from uuid import RFC_4122, UUID

import pytest

from db import uuid7
from db.identifiers import Generator

NOON: Final = 1_800_000_000 * 10**9
"""A moment in nanoseconds since 1970."""


def _milliseconds(identifier: UUID) -> int:
    return identifier.int >> 80


def test_it_is_a_uuid_of_version_7() -> None:
    """Version, variant and the Unix time in milliseconds stand where RFC 9562 §5.7 puts them."""
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert before <= _milliseconds(made[0]) <= _milliseconds(made[-1]) <= after + 1


def test_each_is_above_the_last() -> None:
    """Ids of one thread ascend, also within one millisecond."""
    made = [uuid7() for _ in range(100_000)]
    assert all(first < second for first, second in pairwise(made))


def stopped() -> int:
    """A clock that stands still."""
    return NOON


_STOPPED: Final = f"""
from db.identifiers import Generator
generator = Generator(lambda: {NOON})
print(*(generator.make().int for _ in range(20_000)))
"""


@pytest.mark.parametrize(
    "clock_at",
    [
        lambda step: NOON - step * 10**9,
        lambda step: NOON + (step % 7) * 10**6 - (step // 1000) * 3600 * 10**9,
        lambda step: NOON if step < 5000 else 0,
    ],
    ids=["runs backwards", "an hour back now and then", "back to 1970"],
)
def test_a_clock_set_back_makes_no_id_twice(clock_at: Callable[[int], int]) -> None:
    """However far the clock is set back, and however often, ids of one process ascend and keep their form."""
    steps = iter(range(10_000))
    generator = Generator(lambda: clock_at(next(steps)))
    made = [generator.make() for _ in range(10_000)]
    assert all(first < second for first, second in pairwise(made))
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    # Ordered enough: no id runs ahead of the latest that the clock ever said.
    assert _milliseconds(made[-1]) <= NOON // 10**6 + 7


def test_randomness_that_overflows_goes_on_in_the_next_millisecond() -> None:
    """An id above the last of a millisecond is one of the next, not one from the beginning."""
    generator = Generator(stopped)
    generator.make()
    generator._random = (1 << 74) - 1  # noqa: SLF001 (2^42 ids in one millisecond would take too long)
    made = generator.make()
    assert _milliseconds(made) == NOON // 10**6 + 1
    assert made < generator.make()


def test_processes_with_the_same_clock_make_different_ids() -> None:
    """Two processes, each begun anew, whose clocks stand still at the same moment never make the same."""
    made = [
        subprocess.run([sys.executable, "-c", _STOPPED], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]
    assert len({*made[0], *made[1]}) == 40_000


def test_threads_never_make_the_same() -> None:
    """Ids made by several threads at once are all different."""
    made: list[UUID] = []
    threads = [threading.Thread(target=lambda: made.extend(uuid7() for _ in range(20_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 80_000


def test_a_forked_process_makes_others() -> None:
    """A child does not go through the randomness that its parent goes through."""
    uuid7()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(uuid7().bytes for _ in range(100)))
        os._exit(0)
    mine = {uuid7().bytes[8:] for _ in range(100)}
    os.waitpid(child, 0)
    theirs = os.read(reading, 1600)
    os.close(reading)
    os.close(writing)
    assert not mine & {theirs[start + 8 : start + 16] for start in range(0, 1600, 16)}
