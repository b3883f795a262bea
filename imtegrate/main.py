"""The command line."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from sqlalchemy import Connection

from contract import MAX_BODY_SIZE, Fault, compile_contract, load
from contract.locate import with_positions
from db import Database, list_keys, revoke_key

from imtegrate.administration import create_organisation_with_key, key_as_json, timestamp, verify
from imtegrate.console import clear_errors, fail, print_json, print_table
from imtegrate.examples import example_request
from imtegrate.logs import configure_logging
from imtegrate.loopback import is_loopback
from imtegrate.settings import (
    DEFAULT_DATABASE_URL,
    DEFAULT_DEADLINE,
    DEFAULT_HOST,
    DEFAULT_PORT,
    ServiceSettings,
    default_spec,
)

T = TypeVar("T")

app = typer.Typer(
    name="imtegrate",
    help="API keys by the document: openapi.json is the service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
orgs = typer.Typer(help="Organisations.", no_args_is_help=True, rich_markup_mode=None)
keys = typer.Typer(help="API keys of every organisation.", no_args_is_help=True, rich_markup_mode=None)
database = typer.Typer(help="The database.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(orgs, name="orgs")
app.add_typer(keys, name="keys")
app.add_typer(database, name="db")

Spec = Annotated[
    Path | None, typer.Option(help="The OpenAPI document. Default: ./openapi.json where there is one, else the installed one.")
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


@app.callback()
def main() -> None:
    """API keys by the document: openapi.json is the service."""


@app.command()
def dev(
    spec: Spec = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
    max_body_size: MaxBodySize = MAX_BODY_SIZE,
    deadline: Deadline = DEFAULT_DEADLINE,
) -> None:
    """Serve for one person, on loopback: a request without a token acts for the organisation "development".

    Example: imtegrate dev --port 8000
    """
    if not is_loopback(host):
        raise typer.BadParameter(f"{host} is not a loopback address; others are served by: imtegrate serve", param_hint="--host")
    settings = ServiceSettings(
        spec or default_spec(), database_url, host, port, 1, True, max_body_size, deadline
    )
    _run(settings, _announce_dev)


@app.command()
def serve(
    spec: Spec = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
    workers: Workers = 1,
    max_body_size: MaxBodySize = MAX_BODY_SIZE,
    deadline: Deadline = DEFAULT_DEADLINE,
) -> None:
    """Serve for everyone who holds a key.

    Example: imtegrate serve --host 0.0.0.0 --workers 2
    """
    settings = ServiceSettings(
        spec or default_spec(), database_url, host, port, workers, False, max_body_size, deadline
    )
    _run(settings, lambda _settings, url: typer.echo(f"Serving {settings.spec} on {url}", err=True))


def _run(settings: ServiceSettings, announce: Callable[[ServiceSettings, str], None]) -> None:
    # Uvicorn and the rest of the service are half of the time that `keys list` would take to start.
    from imtegrate.server import listen, run, url_of  # noqa: PLC0415

    configure_logging()
    with clear_errors():
        with listen(settings.host, settings.port) as listener:
            run(settings, listener, lambda: announce(settings, url_of(listener)))


def _announce_dev(settings: ServiceSettings, url: str) -> None:
    contract = compile_contract(load(settings.spec))
    typer.echo(f"Serving   {settings.spec}", err=True)
    typer.echo(f"Listening {url}", err=True)
    typer.echo(f"Docs      {url}/docs", err=True)
    typer.echo(f"Try       {example_request(contract, url)}", err=True)


@app.command()
def check(
    spec: Spec = None,
    *,
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,  # noqa: ARG001 (every command takes it)
) -> None:
    """Say whether a document can be served, and every fault that it has: one a line, exit 1.

    Example: imtegrate check --spec openapi.json
    """
    from imtegrate.service import faults_of  # noqa: PLC0415

    path = spec or default_spec()
    faults = with_positions(faults_of(path))
    if as_json:
        print_json([_fault_as_json(fault) for fault in faults])
    else:
        for fault in faults:
            typer.echo(str(fault))
    if faults:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"{path}: no faults", err=True)


def _fault_as_json(fault: Fault) -> dict[str, object]:
    return {
        "file": str(fault.path),
        "pointer": fault.pointer,
        "line": fault.line,
        "column": fault.column,
        "message": fault.message,
        "mend": fault.mend,
    }


@orgs.command("create")
def orgs_create(name: str, *, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """Make an organisation and its root key, which is shown once.

    Example: imtegrate orgs create "Example Ltd" --json
    """
    made = _with_database(database_url, create_organisation_with_key(name))
    if as_json:
        print_json(made)
        return
    if sys.stdout.isatty():
        typer.echo("This token is a secret, and is shown only now.", err=True)
    print_table("", ("member", "value"), [(member, _cell(value)) for member, value in made.items()])


@keys.command("list")
def keys_list(*, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """List every key; none of its secret.

    Example: imtegrate keys list --json
    """
    found = _with_database(database_url, list_keys)
    if as_json:
        print_json([key_as_json(key) for key in found])
        return
    columns = ("id", "org_id", "prefix", "name", "scopes", "env", "last_used_at", "revoked_at", "created_at")
    print_table("", columns, [[_cell(value) for value in key_as_json(key).values()] for key in found])


@keys.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id or prefix.")],
    *,
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
) -> None:
    """Revoke a key: it stops working with the next request.

    Example: imtegrate keys revoke imt_live_0a1B2c3D
    """
    now = datetime.now(UTC)
    revoked = _with_database(database_url, lambda connection: revoke_key(connection, key_id, now))
    if revoked is None:
        fail(f"no key has the id or prefix {key_id!r}; see: imtegrate keys list")
    if as_json:
        print_json(key_as_json(revoked))
    else:
        typer.echo(f"{revoked.prefix} is revoked since {timestamp(revoked.revoked_at)}")


@keys.command("verify")
def keys_verify(*, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """Say whether a token is good, read from stdin or asked for; exit 1 if it is not.

    Example: imtegrate keys verify < token.txt
    """
    text = typer.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    verdict = _with_database(database_url, verify(text.strip()))
    if as_json:
        print_json(verdict)
    elif verdict["valid"]:
        typer.echo(f"{verdict['prefix']} is good")
    else:
        typer.echo(f"imtegrate: {verdict['reason']}", err=True)
    if not verdict["valid"]:
        raise typer.Exit(1)


@database.command("upgrade")
def db_upgrade(*, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """Bring the schema of the database up to date.

    Example: imtegrate db upgrade --database-url postgresql://imtegrate@localhost/imtegrate
    """

    async def upgrade() -> str:
        opened = Database(database_url)
        try:
            await opened.upgrade()
        finally:
            await opened.aclose()
        return opened.masked_url

    with clear_errors():
        typer.echo(f"{asyncio.run(upgrade())}: up to date", err=True)


def _with_database(url: str, work: Callable[[Connection], T]) -> T:
    """Do `work` in one transaction."""

    async def run() -> T:
        opened = Database(url)
        try:
            if opened.engine_name == "sqlite":
                await opened.upgrade()
            else:
                await opened.check_schema()
            return await opened.run(work)
        finally:
            await opened.aclose()

    with clear_errors():
        return asyncio.run(run())


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
