"""`check`, `stub` and `diff`: what looks at documents."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from contract import Fault, compile_contract, load
from contract.locate import with_positions
from imtegrate.console import clear_errors, print_json, print_line, print_table, progress
from imtegrate.options import DEFAULT_DATABASE_URL, AsJSON, DatabaseURL, Spec
from imtegrate.settings import default_spec


def check(
    spec: Spec = None,
    *,
    as_json: AsJSON = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="List what is enforced, what is an annotation, and what is not followed.")
    ] = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,  # noqa: ARG001 (every command takes it)
) -> None:
    """Say whether a document can be served, and every fault that it has: one a line, exit 1.

    Example: imtegrate check --spec openapi.json
    """
    from imtegrate.service import faults_of  # noqa: PLC0415

    path = spec or default_spec()
    if explain:
        _explain(path, as_json=as_json)
        return
    with progress(f"Checking {path}"):
        faults = with_positions(faults_of(path))
    if as_json:
        print_json([_fault_as_json(fault) for fault in faults])
    else:
        for fault in faults:
            print_line(str(fault))
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


def _explain(path: Path, *, as_json: bool) -> None:
    from contract.explain import explain  # noqa: PLC0415

    with clear_errors():
        lines = explain(load(path))
    if as_json:
        print_json([line.as_json() for line in lines])
    else:
        columns = ("pointer", "what", "verdict", "note")
        print_table("", columns, [(line.pointer or "/", line.what, line.verdict, line.note) for line in lines])


def stub(
    spec: Spec = None,
    out: Annotated[Path, typer.Option(help="The folder of the handlers package.")] = Path("handlers"),
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,  # noqa: ARG001 (every command takes it)
) -> None:
    """Write a function for each operation that has none; what is written already stays as it is.

    Example: imtegrate stub --spec openapi.json --out handlers
    """
    from contract.stubs import write_stubs  # noqa: PLC0415
    from imtegrate.code import import_handlers  # noqa: PLC0415

    with clear_errors():
        contract = compile_contract(load(spec or default_spec()))
        written = write_stubs(contract, import_handlers().package, out)
    for path in written:
        print_line(str(path))
    if not written:
        typer.echo("every operation has its function", err=True)


def diff(
    old: Path,
    new: Path,
    *,
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,  # noqa: ARG001 (every command takes it)
) -> None:
    """Say what callers will notice between two documents; exit 1 if anything breaks them.

    Example: imtegrate diff published.json openapi.json
    """
    from contract.diff import compare  # noqa: PLC0415

    with clear_errors(), progress(f"Comparing {old} and {new}"):
        changes = compare(compile_contract(load(old)), compile_contract(load(new)))
    if as_json:
        print_json([change.as_json() for change in changes])
    else:
        for change in changes:
            print_line(str(change))
    if any(change.severity == "breaks" for change in changes):
        raise typer.Exit(1)


COMMANDS: Final[tuple[Callable[..., None], ...]] = (check, stub, diff)
