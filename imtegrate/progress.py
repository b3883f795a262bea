"""How far a long command is, on stderr: bars on a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from db.copying import Progress

INTERVAL: Final = 5.0
"""Seconds between two lines on one table."""

_STEPS: Final = {"copy": "copied", "check": "checked"}


@contextmanager
def shown_progress() -> "Iterator[Progress]":
    """Show what the yielded function is told."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console  # noqa: PLC0415 (as in `imtegrate.console`)
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def show(step: str, table: str, done: int, total: int) -> None:
            if (step, table) not in tasks:
                tasks[step, table] = bars.add_task(f"{table}, {_STEPS[step]}")
            bars.update(tasks[step, table], completed=done, total=total)

        yield show


def _lines() -> "Progress":
    said: dict[tuple[str, str], float] = {}

    def show(step: str, table: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - said.setdefault((step, table), now) >= INTERVAL:
            said[step, table] = now
            typer.echo(f"{table}: {done} of {total} rows {_STEPS[step]}", err=True)

    return show
