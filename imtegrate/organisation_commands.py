"""`orgs`: who may make keys."""

import typer

from db import list_organisations
from imtegrate.administration import create_organisation_with_key, timestamp
from imtegrate.console import print_json, print_secret, print_table
from imtegrate.options import DEFAULT_DATABASE_URL, AsJSON, DatabaseURL, check_text
from imtegrate.transaction import in_transaction

orgs = typer.Typer(help="Organisations.", no_args_is_help=True, rich_markup_mode=None)


@orgs.command("create")
def orgs_create(name: str, *, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """Make an organisation and its root key, which is shown once.

    Example: imtegrate orgs create "Example Ltd" --json
    """
    if not name.strip():
        raise typer.BadParameter("an organisation needs a name", param_hint="NAME")
    check_text([name], "NAME")
    made = in_transaction(database_url, create_organisation_with_key(name))
    print_secret(made, as_json=as_json)


@orgs.command("list")
def orgs_list(*, as_json: AsJSON = False, database_url: DatabaseURL = DEFAULT_DATABASE_URL) -> None:
    """List every organisation, oldest first.

    Example: imtegrate orgs list --json
    """
    found = in_transaction(database_url, list_organisations)
    told = [{"id": str(one.id), "name": one.name, "created_at": timestamp(one.created_at)} for one in found]
    if as_json:
        print_json(told)
    else:
        print_table("", ("id", "name", "created_at"), [[str(value) for value in one.values()] for one in told])
