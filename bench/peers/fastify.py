"""Fastify with pg: one look-up and one insert a request. Its packages are installed once, in the user's cache."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.failures import Unavailable
from bench.lab import Lab
from bench.load import Target
from bench.processes import started
from running import KEYS, free_port

PROGRAM: Final = Path(__file__).with_name("fastify")

INSTALL_TIMEOUT: Final = 300
"""Seconds that npm may take."""


@contextmanager
def start(lab: Lab) -> Iterator[Target]:
    """Start it."""
    folder = _install()
    port, token = free_port(), secrets.token_hex(32)
    env = {"BENCH_DATABASE_URL": lab.databases.make("postgresql"), "BENCH_TOKEN": token, "PORT": str(port)}
    with started(["node", folder / "server.mjs"], port, lab.folder, {**env, "NODE_ENV": "production"}) as program:
        yield Target(f"http://127.0.0.1:{port}{KEYS}", program.process, token)


def _install() -> Path:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is not installed")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imtegrate-bench"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (PROGRAM / "package.json").read_bytes()
    package = folder / "package.json"
    there = package.is_file() and package.read_bytes() == wanted and (folder / "node_modules" / "pg").is_dir()
    shutil.copy(PROGRAM / "server.mjs", folder)
    if there:
        return folder
    shutil.copy(PROGRAM / "package.json", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        package.unlink()
        raise Unavailable(f"npm install took more than {INSTALL_TIMEOUT} s") from error
    if done.returncode != 0:
        package.unlink()
        raise Unavailable(f"npm install: {(done.stderr.strip().splitlines() or ['failed'])[0]}")
    return folder
