"""Where it is measured: a folder, databases, and how long."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.databases import Databases

UVICORN: Final = (
    *(sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--loop", "uvloop", "--http", "httptools"),
    *("--ws", "none", "--no-access-log", "--no-server-header", "--no-proxy-headers", "--log-level", "warning"),
)
"""Uvicorn with what ours gives it."""

ROOT: Final = Path(__file__).parents[1]
"""The checkout."""


@dataclass(frozen=True, slots=True)
class Lab:
    """What a measurement has."""

    folder: Path
    databases: Databases
    seconds: int
    """How long each is asked."""
    keys: int
    """Keys that a filled table has."""
    creations: int
    """Creations after which the memory is looked at again."""
