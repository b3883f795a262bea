"""`audit`: who did what."""

from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import Connection

from db import Event, list_events
from imtegrate.administration import event_as_json, the_organisation
from imtegrate.console import cell, print_json, print_table
from imtegrate.moments import back
from imtegrate.options import DEFAULT_DATABASE_URL, AsJSON, DatabaseURL
from imtegrate.transaction import in_transaction


def audit(
    *,
    since: Annotated[str | None, typer.Option(metavar="24h|MOMENT", help="Only what happened since then.")] = None,
    org: Annotated[str | None, typer.Option(metavar="ID|NAME", help="Only what was done for it.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The newest so many.  [default: all]")] = None,
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
) -> None:
    """Tell who made, rotated and revoked which keys, and who was refused; oldest first, no secret in it.

    Example: imtegrate audit --since 24h --json
    """
    moment = back(since, "--since")

    def find(connection: Connection) -> Sequence[Event]:
        org_id = None if org is None else the_organisation(connection, org).id
        return list_events(connection, since=moment, org_id=org_id, limit=limit)

    told = [event_as_json(event) for event in in_transaction(database_url, find)]
    if as_json:
        print_json(told)
        return
    columns = ("at", "action", "key_id", "org_id", "subject_id", "address", "request_id", "document", "detail")
    print_table("", columns, [[cell(value) for value in event.values()] for event in told])
