"""`check`, `stub` and `diff`: what looks at documents."""

from collections.abc import Callable
from typing import Final

import typer

from contract import Fault
from contract.locate import with_positions
from imtegrate.console import print_json
from imtegrate.options import AsJSON, DatabaseURL, Spec
from imtegrate.settings import DEFAULT_DATABASE_URL, default_spec


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


COMMANDS: Final[tuple[Callable[..., None], ...]] = (check,)
