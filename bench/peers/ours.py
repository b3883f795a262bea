"""`imtegrate serve` on a fresh database, as an operator sets it up."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.failures import Failed
from bench.lab import Lab
from bench.load import Target
from bench.processes import Program, started
from running import DOCUMENT, IMTEGRATE, KEYS, free_port, imtegrate


def starter(engine: str, workers: int = 1) -> Callable[[Lab], AbstractContextManager[Target]]:
    """Starts it on an engine, with so many workers."""

    @contextmanager
    def start(lab: Lab) -> Iterator[Target]:
        url, token = prepare(lab, engine)
        with serving(lab, url, workers=workers) as program:
            yield target_of(program, token)

    return start


def prepare(lab: Lab, engine: str) -> tuple[str, str]:
    """A fresh database with a root key: its URL, and the key's token.

    Raises:
        NotMeasured: the database cannot be had.
    """
    url = lab.databases.make(engine)
    _run(lab, "db", "upgrade", "--database-url", url)
    token: str = json.loads(_run(lab, "orgs", "create", "Bench", "--json", "--database-url", url))["token"]
    return url, token


@contextmanager
def serving(lab: Lab, url: str, document: Path = DOCUMENT, workers: int = 1) -> Iterator[Program]:
    """`imtegrate serve`, running."""
    port = free_port()
    options = ("--database-url", url, "--port", str(port), "--workers", str(workers))
    with started([*IMTEGRATE, "serve", "--spec", document, *options], port, lab.folder) as program:
        yield program


def target_of(program: Program, token: str = "") -> Target:
    """Its creations."""
    return Target(f"http://127.0.0.1:{program.port}{KEYS}", program.process, token)


def _run(lab: Lab, *arguments: str) -> str:
    done = imtegrate(*arguments, cwd=lab.folder)
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return done.stdout
