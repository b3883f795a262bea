"""What the program prints: results to stdout, everything else to stderr; colours on a terminal only."""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import typer

from contract import DocumentError
from contract.locate import with_positions
from db import DatabaseError
from imtegrate.configuration import InvalidConfiguration
from imtegrate.escaping import visible
from imtegrate.listening import CannotListen
from imtegrate.tracing import TracingUnavailable

UNFOLDED: Final = 1_000_000
"""Characters of a line that is never folded."""

PATIENCE: Final = 1.0
"""Seconds after which people are told that something is under way."""


def fail(message: str) -> NoReturn:
    """End with one line on stderr, exit 1."""
    typer.echo(f"imtegrate: {message}", err=True)
    raise typer.Exit(1)


@contextmanager
def clear_errors() -> Iterator[None]:
    """What a person can mend is said in a line, without a traceback."""
    try:
        yield
    except DocumentError as error:
        for fault in with_positions(error.faults):
            typer.echo(str(fault), err=True)
        raise typer.Exit(1) from None
    except (DatabaseError, CannotListen, InvalidConfiguration, TracingUnavailable) as error:
        fail(" ".join(str(error).split()))


@contextmanager
def progress(doing: str) -> Iterator[None]:
    """Show on a terminal that something is under way, once it takes over a second."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def show() -> None:
        if over.wait(PATIENCE):
            return
        from rich.console import Console  # noqa: PLC0415 (only what is slow already pays for it)

        with Console(stderr=True).status(doing):
            over.wait()

    shown = threading.Thread(target=show, name="imtegrate-progress", daemon=True)
    shown.start()
    try:
        yield
    finally:
        over.set()
        shown.join()


class Unwritten(Exception):
    """Stdout did not take what was to be shown; why, in a few words."""

    @classmethod
    def by(cls, error: OSError | SystemExit) -> "Unwritten":
        """Of what was raised; rich makes SystemExit of a broken pipe."""
        unread = isinstance(error, SystemExit | BrokenPipeError)
        return (Unread if unread else cls)(getattr(error, "strerror", None) or "stdout is closed")


class Unread(Unwritten):
    """Whoever read stdout has left."""


@contextmanager
def written() -> Iterator[None]:
    """Have what a block prints written to its end.

    Raises:
        Unwritten: stdout took it not, or not all of it.
    """
    if sys.stdout is None:
        raise Unwritten("stdout is closed")
    try:
        yield
        sys.stdout.flush()
    except (OSError, SystemExit) as error:
        # What is left in its buffer would fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unwritten.by(error) from None


@contextmanager
def told_if_unwritten(message: str) -> Iterator[None]:
    """End with a line on stderr, exit 1, where stdout does not take what a block prints."""
    try:
        yield
    except Unwritten as error:
        fail(f"{message} ({error})")


@contextmanager
def ended_if_unwritten() -> Iterator[None]:
    """The same for what nobody has to act on: of a reader that has left, as `head` does, nothing is said."""
    try:
        yield
    except Unread:
        raise typer.Exit(1) from None
    except Unwritten as error:
        fail(f"the result could not be shown ({error})")


def print_line(text: str) -> None:
    """A line, or several, on stdout."""
    with written():
        typer.echo(text)


def print_json(value: Any) -> None:
    """One JSON value on stdout, and nothing else.

    A lone surrogate, as Python has for each byte of a file's name that is not UTF-8 (PEP 383), is escaped as JSON does.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    print_line(text.encode(errors="backslashreplace").decode())


def warn_of_secret() -> None:
    """Say on stderr that what a terminal is about to show is seen only now."""
    if sys.stdout.isatty():
        typer.echo("This token is a secret, and is shown only now.", err=True)


def print_secret(made: Mapping[str, Any], *, as_json: bool) -> None:
    """A key that was made, with its token; where it cannot be shown, that it is there all the same."""
    message = f"the key {made['prefix']} was made, but could not be shown; revoke it, and make another"
    with told_if_unwritten(message), written():
        warn_of_secret()
        print_members(made, as_json=as_json)


def print_members(value: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing and its members: a JSON value for programs, a table for people."""
    if as_json:
        print_json(value)
    else:
        print_table("", ("member", "value"), [(member, cell(each)) for member, each in value.items()])


def cell(value: object) -> str:
    """A value of a table."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people; as wide as it needs where it is not on a terminal."""
    from rich import box  # noqa: PLC0415 (half of the start-up time of a command that prints none)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title or None, box=box.SIMPLE)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[Text(visible(cell)) for cell in row])
    with written():
        # Where nobody looks at it, no cell is folded: it may be searched.
        console = Console() if sys.stdout.isatty() else Console(width=UNFOLDED)
        console.print(table)
