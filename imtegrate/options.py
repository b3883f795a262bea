"""Options that several commands take, each said once."""

from pathlib import Path
from typing import Annotated

import typer

from imtegrate.settings import DEFAULT_DATABASE_URL

Spec = Annotated[
    Path | None,
    typer.Option(help="The OpenAPI document. Default: ./openapi.json where there is one, else the installed one."),
]
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
Workers = Annotated[int, typer.Option(envvar="IMTEGRATE_WORKERS", min=1, help="Serving processes.")]
MaxBodySize = Annotated[
    int, typer.Option(envvar="IMTEGRATE_MAX_BODY_SIZE", min=1, help="Bytes that a request's body may have.")
]
Deadline = Annotated[
    float, typer.Option(envvar="IMTEGRATE_DEADLINE", min=0.1, help="Seconds that a request waits for the database.")
]
