"""`db`: the database as a whole."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from db import Database
from db.url import parse
from imtegrate.console import clear_errors, print_json, print_table
from imtegrate.options import DEFAULT_DATABASE_URL, AsJSON, DatabaseURL
from imtegrate.progress import shown_progress

database = typer.Typer(help="The database.", no_args_is_help=True, rich_markup_mode=None)


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


@database.command("copy")
def db_copy(
    *,
    source: Annotated[str, typer.Option("--from", metavar="URL", help="The database to copy; it is only read.")],
    target: Annotated[str, typer.Option("--to", metavar="URL", help="The database to fill; its tables are made.")],
    as_json: AsJSON = False,
) -> None:
    """Copy everything into another database, between SQLite and PostgreSQL either way, and check that it is the same.

    Stop the service first: what it writes meanwhile is not copied. Broken off, it goes on where it was when it is run
    again.

    Example: imtegrate db copy --from sqlite:///imtegrate.db --to postgresql://imtegrate@localhost/imtegrate
    """
    from db.copying import copy  # noqa: PLC0415 (nothing that serves has a use for it)

    with clear_errors():
        with shown_progress() as progress:
            copied = asyncio.run(copy(source, target, progress))
        addresses = {"from": parse(source).masked, "to": parse(target).masked}
    if as_json:
        print_json({**addresses, "tables": [asdict(table) for table in copied]})
        return
    rows = [(table.table, str(table.rows), str(table.copied), table.sha256) for table in copied]
    print_table("", ("table", "rows", "copied", "sha256 on both sides"), rows)


@database.command("backup")
def db_backup(
    file: Annotated[Path, typer.Argument(help="The file to make; only this user may read it.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
) -> None:
    """Back the database up into a SQLite file, all as it was at one moment, while the service runs.

    To restore it, serve it (--database-url sqlite:///FILE), or `imtegrate db copy` it into an empty database.

    Example: imtegrate db backup imtegrate-backup.db
    """
    from db.backup import back_up  # noqa: PLC0415 (as above)

    with clear_errors():
        with shown_progress() as progress:
            size = asyncio.run(back_up(database_url, file, force=force, progress=progress))
        typer.echo(f"{file}: {size} bytes, checked", err=True)
