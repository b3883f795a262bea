"""Options that several commands take, each said once."""

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
