"""`keys`: which there are, and their life from the first day to the last."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy import Connection

from db import ApiKey, KeyFilter, KeyState, list_keys
from imtegrate.administration import (
    create_key,
    details_as_json,
    key_as_json,
    revoke,
    rotate_key,
    the_key,
    the_organisation,
    timestamp,
    verify,
)
from imtegrate.console import (
    cell,
    fail,
    print_json,
    print_line,
    print_members,
    print_secret,
    print_table,
    told_if_unwritten,
)
from imtegrate.moments import ahead, duration
from imtegrate.options import DEFAULT_DATABASE_URL, AsJSON, DatabaseURL, check_text
from imtegrate.transaction import in_transaction

keys = typer.Typer(help="API keys of every organisation.", no_args_is_help=True, rich_markup_mode=None)

WhichKey = Annotated[str, typer.Argument(metavar="ID|PREFIX", help="The key's id or prefix.")]


class Env(StrEnum):
    """The document's `env`."""

    LIVE = "live"
    TEST = "test"


@keys.command("create")
def keys_create(
    *,
    org: Annotated[str, typer.Option(metavar="ID|NAME", help="The organisation that it belongs to.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    scope: Annotated[list[str] | None, typer.Option(help="What it may; again for each. Without any: nothing.")] = None,
    env: Annotated[Env, typer.Option(help="A test key makes only test keys.")] = Env.TEST,
    expires: Annotated[
        str | None, typer.Option(metavar="90d|MOMENT", help="When it ends.  [default: never]", show_default=False)
    ] = None,
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
) -> None:
    """Make a key, whose token is shown once.

    Example: imtegrate keys create --org "Example Ltd" --name reports --scope reports:read --env live --expires 90d
    """
    if not name:
        raise typer.BadParameter("a key needs a name", param_hint="--name")
    check_text([name], "--name")
    check_text(scope or [], "--scope")
    made = in_transaction(database_url, create_key(org, name, scope or [], env.value, ahead(expires, "--expires")))
    print_secret(made, as_json=as_json)


@keys.command("list")
def keys_list(  # noqa: PLR0913 (one parameter an option)
    *,
    org: Annotated[str | None, typer.Option(metavar="ID|NAME", help="Only those of this organisation.")] = None,
    env: Annotated[str | None, typer.Option(help="Only those of this env: live or test.")] = None,
    scope: Annotated[str | None, typer.Option(help="Only those that hold this scope, to the letter.")] = None,
    prefix: Annotated[str, typer.Option(help="Only those whose prefix begins so.", show_default=False)] = "",
    name_contains: Annotated[str, typer.Option(help="Only those with this in their name.", show_default=False)] = "",
    active: Annotated[bool, typer.Option("--active", help="Those that are good.")] = False,
    revoked: Annotated[bool, typer.Option("--revoked", help="Those that were revoked.")] = False,
    expired: Annotated[bool, typer.Option("--expired", help="Those whose time is over.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="So many at most.  [default: all]")] = None,
    after: Annotated[str | None, typer.Option(metavar="ID|PREFIX", help="Those after this key: the next page.")] = None,
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
) -> None:
    """List keys, oldest first; none of their secret. Of --active, --revoked and --expired any may be given.

    Example: imtegrate keys list --org "Example Ltd" --active --limit 50 --json
    """
    chosen: dict[KeyState, bool] = {"active": active, "revoked": revoked, "expired": expired}

    def find(connection: Connection) -> list[ApiKey]:
        wanted = KeyFilter(
            org_id=None if org is None else the_organisation(connection, org).id,
            env=env,
            scope=scope,
            prefix=prefix,
            name_contains=name_contains,
            states=frozenset(state for state, given in chosen.items() if given),
            at=datetime.now(UTC),
            after=None if after is None else the_key(connection, after),
            limit=limit,
        )
        return list_keys(connection, wanted)

    found = in_transaction(database_url, find)
    if as_json:
        print_json([key_as_json(key) for key in found])
        return
    columns = ("id", "org_id", "prefix", "name", "scopes", "env", "last_used_at", "revoked_at", "created_at")
    rows = [[cell(value) for value in (*key_as_json(key).values(), timestamp(key.expires_at))] for key in found]
    print_table("", (*columns, "expires_at"), rows)


@keys.command("show")
def keys_show(key: WhichKey, *, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """Show one key, none of its secret.

    Example: imtegrate keys show imt_live_0a1B2c3D --json
    """
    found = in_transaction(database_url, lambda connection: the_key(connection, key))
    print_members(details_as_json(found), as_json=as_json)


@keys.command("rotate")
def keys_rotate(
    key: WhichKey,
    *,
    overlap: Annotated[str, typer.Option(metavar="24h", help="How long the old token stays good.")] = "24h",
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
) -> None:
    """Make a key's successor, with a token that is shown once; it may what the old one may, and ends when that would.

    Example: imtegrate keys rotate imt_live_0a1B2c3D --overlap 24h
    """
    made = in_transaction(database_url, rotate_key(key, duration(overlap, "--overlap")))
    print_secret(made, as_json=as_json)


@keys.command("revoke")
def keys_revoke(key: WhichKey, *, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """Revoke a key: it stops working with the next request.

    Example: imtegrate keys revoke imt_live_0a1B2c3D
    """
    revoked = in_transaction(database_url, revoke(key))
    with told_if_unwritten(f"the key {revoked.prefix} is revoked, but that could not be shown"):
        if as_json:
            print_json(key_as_json(revoked))
        else:
            print_line(f"{revoked.prefix} is revoked since {timestamp(revoked.revoked_at)}")


@keys.command("verify")
def keys_verify(*, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """Say whether a token is good, read from stdin or asked for; exit 1 if it is not.

    Example: imtegrate keys verify < token.txt
    """
    verdict = in_transaction(database_url, verify(_token_from_stdin()))
    if as_json or verdict["valid"]:
        with told_if_unwritten("the verdict could not be shown"):
            print_json(verdict) if as_json else print_line(f"{verdict['prefix']} is good")
    else:
        typer.echo(f"imtegrate: {verdict['reason']}", err=True)
    if not verdict["valid"]:
        raise typer.Exit(1)


def _token_from_stdin() -> str:
    if sys.stdin is None:
        fail("no token: stdin is closed; write it there, as `imtegrate keys verify < token.txt` does")
    text: str = typer.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    return text.strip()
