"""UUIDs of version 7."""

import os
import threading
import time
from itertools import pairwise
from uuid import RFC_4122, UUID

from db import uuid7


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
