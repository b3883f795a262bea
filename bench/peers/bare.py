"""The limit of the server: a bare ASGI function that parses the body and answers, and does nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.lab import ROOT, UVICORN, Lab
from bench.load import Target
from bench.processes import started
from running import KEYS, free_port


@contextmanager
def start(lab: Lab) -> Iterator[Target]:
    """Start it."""
    port = free_port()
    command = [*UVICORN, "--lifespan", "off", "--app-dir", str(ROOT), "--port", str(port), "bench.peers.bare_app:app"]
    with started(command, port, lab.folder) as program:
        yield Target(f"http://127.0.0.1:{port}{KEYS}", program.process)
