"""Tokens that are typed where none belongs: usage errors, which repeat what they do not understand, leave them out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer
from typer.core import TyperGroup

from imtegrate.configuration import told_with_its_file
from imtegrate.console import clear_errors, ended_if_unwritten
from imtegrate.escaping import discreet

_UsageError: Final[Any] = typer.BadParameter.__base__
"""Click's, of which Typer has a copy of its own or not, by its version."""


class DiscreetGroup(TyperGroup):
    """Commands whose usage errors show no token."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read the arguments before the command."""
        with _discreet(), ended_if_unwritten():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command, which reads its own arguments first, and takes from files what they do not say."""
        with clear_errors(), _discreet(), told_with_its_file(), ended_if_unwritten():
            return super().invoke(ctx)


@contextmanager
def _discreet() -> Iterator[None]:
    try:
        yield
    except _UsageError as error:
        told = error.format_message()
        masked = discreet(told)
        if masked == told:
            raise
        # Not `from error`, which shows it.
        raise _UsageError(masked, error.ctx) from None
