"""`orgs` and `keys`: who may make keys, and which there are."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from sqlalchemy import Connection

from db import Database, list_keys, revoke_key
from imtegrate.administration import create_organisation_with_key, key_as_json, timestamp, verify
from imtegrate.console import clear_errors, fail, print_json, print_table
from imtegrate.options import DEFAULT_DATABASE_URL, AsJSON, DatabaseURL

T = TypeVar("T")

orgs = typer.Typer(help="Organisations.", no_args_is_help=True, rich_markup_mode=None)
keys = typer.Typer(help="API keys of every organisation.", no_args_is_help=True, rich_markup_mode=None)


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
        # Not repeated: it may be a token.
        fail("no key has this id or prefix; see: imtegrate keys list")
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
