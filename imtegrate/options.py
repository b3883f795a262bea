"""Options that several commands take, each said once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_DATABASE_URL: Final = "sqlite:///imtegrate.db"
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000

SPEC: Final = typer.Option(
    envvar="IMTEGRATE_SPEC",
    help="The OpenAPI document. Default: ./openapi.json where there is one, else the installed one.",
)
Spec = Annotated[Path | None, SPEC]
Host = Annotated[str, typer.Option(envvar="IMTEGRATE_HOST", help="The address to listen on.")]
Port = Annotated[int, typer.Option(envvar="IMTEGRATE_PORT", min=0, max=65535, help="The port; 0 takes a free one.")]
DatabaseURL = Annotated[
    str,
    typer.Option(
        envvar="IMTEGRATE_DATABASE_URL",
        show_default=False,
        help=f"SQLite or PostgreSQL: postgresql://user@host:port/name.  [default: {DEFAULT_DATABASE_URL}]",
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print one JSON value, and nothing else.")]


def check_text(texts: Iterable[str], hint: str) -> None:
    """Let only text into what is kept: an argument may be any bytes (PEP 383), a JSON string of ours never is.

    Args:
        texts: what was given.
        hint: the name of the parameter.

    Raises:
        typer.BadParameter: one is not UTF-8.
    """
    for text in texts:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise typer.BadParameter("not UTF-8: see the encoding of your terminal", param_hint=hint)
