"""FastAPI with an async session of SQLAlchemy a request, on SQLite (aiosqlite) or PostgreSQL (asyncpg)."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

from bench.failures import Unavailable
from bench.lab import ROOT, UVICORN, Lab
from bench.load import Target
from bench.processes import started
from running import KEYS, free_port

DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}


def starter(engine: str) -> Callable[[Lab], AbstractContextManager[Target]]:
    """Starts it on an engine."""

    @contextmanager
    def start(lab: Lab) -> Iterator[Target]:
        driver = DRIVERS[engine]
        missing = [package for package in ("fastapi", driver) if find_spec(package) is None]
        if missing:
            raise Unavailable(f"not installed: {', '.join(missing)}")
        port, token = free_port(), secrets.token_hex(32)
        url = lab.databases.make(engine).replace(f"{engine}:", f"{engine}+{driver}:", 1)
        command = [*UVICORN, "--app-dir", str(ROOT), "--port", str(port), "bench.peers.fastapi_app:app"]
        env = {"BENCH_DATABASE_URL": url, "BENCH_TOKEN": token}
        with started(command, port, lab.folder, env) as program:
            yield Target(f"http://127.0.0.1:{port}{KEYS}", program.process, token)

    return start
