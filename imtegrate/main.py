"""The command line."""

from importlib.metadata import version
from typing import Annotated

import typer

from imtegrate import (
    audit_command,
    database_commands,
    document_commands,
    fuzz_command,
    key_commands,
    organisation_commands,
    serving_commands,
    settings_command,
)
from imtegrate.configuration import apply
from imtegrate.console import clear_errors, print_line
from imtegrate.discretion import DiscreetGroup

app = typer.Typer(
    name="imtegrate",
    help="API keys by the document: openapi.json is the service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(cls=DiscreetGroup)
def main(
    context: typer.Context,
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version, and end.",
            is_eager=True,
            callback=lambda shown: _show_version(shown=shown),
        ),
    ] = False,
) -> None:
    """API keys by the document: openapi.json is the service."""
    with clear_errors():
        apply(context)


def _show_version(*, shown: bool) -> None:
    if shown:
        print_line(f"imtegrate {version('imtegrate')}")
        raise typer.Exit


for commands in (serving_commands.COMMANDS, document_commands.COMMANDS, fuzz_command.COMMANDS):
    for command in commands:
        app.command()(command)
app.command()(settings_command.settings)
app.command()(audit_command.audit)
app.add_typer(organisation_commands.orgs, name="orgs")
app.add_typer(key_commands.keys, name="keys")
app.add_typer(database_commands.database, name="db")
