"""`imtegrate serve` on a fresh database, as an operator sets it up."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from running import DOCUMENT, KEYS, create_organisation, free_port, imtegrate

from bench.lab import ROOT, Lab
from bench.load import Target
from bench.processes import Program, Unavailable, started


def starter(engine: str, workers: int = 1) -> Callable[[Lab], AbstractContextManager[Target]]:
    """Starts it on an engine, with so many workers."""

    @contextmanager
    def start(lab: Lab) -> Iterator[Target]:
        url, token = prepare(lab, engine)
        with serving(lab, url, workers=workers) as (program, port):
            yield Target(f"http://127.0.0.1:{port}{KEYS}", token, program.process)

    return start


def prepare(lab: Lab, engine: str) -> tuple[str, str]:
    """A fresh database with a root key: its URL, and the key's token.

    Raises:
        Unavailable: the database cannot be had.
    """
    url = lab.databases.make(engine)
    done = imtegrate("db", "upgrade", "--database-url", url, cwd=ROOT)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip())
    token: str = create_organisation(url, ROOT, "Bench")["token"]
    return url, token


@contextmanager
def serving(lab: Lab, url: str, document: Path = DOCUMENT, workers: int = 1) -> Iterator[tuple[Program, int]]:
    """`imtegrate serve`, running, and its port."""
    port = free_port()
    command = [sys.executable, "-m", "imtegrate", "serve", "--spec", document, "--database-url", url]
    with started([*command, "--port", str(port), "--workers", str(workers)], port, lab.folder) as program:
        yield program, port
