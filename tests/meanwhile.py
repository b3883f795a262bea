"""Somebody else, who asks a service again and again while it is busy."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from running import Running

PATIENCE: Final = 10.0
"""Seconds that the first of their answers may take."""

PAUSE: Final = 0.005
"""Seconds between an answer and the next request."""


def is_alive(client: httpx.Client) -> None:
    """Ask whether the service lives."""
    assert client.get("/healthz").status_code == 200


@contextmanager
def others_ask(service: Running, ask: Callable[[httpx.Client], None] = is_alive) -> Iterator[list[float]]:
    """Have somebody ask until the block ends; gives the seconds of each answer, the first of which is there already.

    What `ask` raises is raised when the block ends.
    """
    waits: list[float] = []
    failures: list[BaseException] = []
    begun, done = threading.Event(), threading.Event()

    def go_on() -> None:
        try:
            with service.client() as client:
                while not done.is_set():
                    asked = time.monotonic()
                    ask(client)
                    waits.append(time.monotonic() - asked)
                    begun.set()
                    time.sleep(PAUSE)
        except BaseException as failure:  # noqa: BLE001 - it is raised where the test sees it
            failures.append(failure)

    other = threading.Thread(target=go_on)
    other.start()
    try:
        assert begun.wait(PATIENCE) or failures
        yield waits
    finally:
        done.set()
        other.join()
    if failures:
        raise failures[0]
