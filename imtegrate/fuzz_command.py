"""`fuzz`: the service against its document, by schemathesis, and what of the document was met."""

import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from contract import Contract, compile_contract, load
from imtegrate.console import clear_errors, fail, print_json, print_line, print_table
from imtegrate.options import DEFAULT_DATABASE_URL, AsJSON, DatabaseURL, Spec
from imtegrate.settings import default_spec

DEFAULT_EXAMPLES: Final = 100
"""Requests of each operation and phase, about."""

_MAX_SEED: Final = 2**32


def fuzz(
    context: typer.Context,
    spec: Spec = None,
    *,
    url: Annotated[
        str | None, typer.Option(help="A running service: scheme, host and port. Default: one is started, and ended.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="With --url: a file that holds the token. Else IMTEGRATE_TOKEN is taken, then stdin."),
    ] = None,
    max_examples: Annotated[
        int, typer.Option(min=1, help="Requests of each operation and phase, about.")
    ] = DEFAULT_EXAMPLES,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Repeats a run. Default: a fresh one, which is printed.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Where a report in JUnit's format is written.")] = None,
    as_json: AsJSON = False,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
) -> None:
    """Fuzz a service against its document, and say what of the document was met; exit 1 if anything was found.

    The service that is started keeps its keys in a temporary database, unless --database-url is given here: neither
    the environment nor imtegrate.toml fills a database in use with the keys of a fuzz.

    Example: imtegrate fuzz --max-examples 20 --junit fuzz.xml
    """
    from imtegrate.fuzzing import CannotFuzz, is_installed, run  # noqa: PLC0415 (wanted by no other command)

    source = context.get_parameter_source("database_url")
    own_database = database_url if source is not None and source.name == "COMMANDLINE" else None
    _check_options(url, token_file, own_database, junit)
    if not is_installed():
        fail("schemathesis is not installed; pip install imtegrate[fuzz]")
    # What was started is ended then, too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    chosen = seed if seed is not None else secrets.randbelow(_MAX_SEED)
    with clear_errors(), tempfile.TemporaryDirectory(prefix="imtegrate-fuzz-") as name:
        try:
            with _target(Path(name), spec, url, token_file, own_database) as (contract, address, token):
                typer.echo(f"Fuzzing {address} by {contract.document.path.name}, seed {chosen}", err=True)
                with _progress() as watch:
                    done = run(
                        contract,
                        address,
                        token,
                        seed=chosen,
                        max_examples=max_examples,
                        folder=Path(name),
                        junit=junit,
                        watch=watch,
                    )
        except CannotFuzz as error:
            fail(" ".join(str(error).split()))
    _show(contract, done, address, seed=chosen, as_json=as_json)


def _check_options(url: str | None, token_file: Path | None, own_database: str | None, junit: Path | None) -> None:
    if junit is not None and (junit.is_dir() or not junit.parent.is_dir()):
        raise typer.BadParameter("it is a file, in a folder that there is", param_hint="--junit")
    if url is None:
        if token_file is not None:
            raise typer.BadParameter("the service that is started has a key of its own", param_hint="--token-file")
        return
    split = urlsplit(url)
    beyond = split.username or split.path.strip("/") or split.query or split.fragment
    if split.scheme not in ("http", "https") or not split.hostname or beyond:
        raise typer.BadParameter("it is http:// or https://, a host, a port, and nothing else", param_hint="--url")
    if own_database is not None:
        raise typer.BadParameter("a running service has its database already", param_hint="--database-url")


@contextmanager
def _target(
    folder: Path, spec: Path | None, url: str | None, token_file: Path | None, database_url: str | None
) -> Iterator[tuple[Contract, str, str]]:
    """What is fuzzed: the document that it is held to, its URL, and a token."""
    from imtegrate.fuzzing import download, serving  # noqa: PLC0415 (as above)

    if url is not None:
        token = _token(token_file)
        yield compile_contract(load((spec or download(url, folder)).absolute())), url.rstrip("/"), token
        return
    contract = compile_contract(load((spec or default_spec()).absolute()))
    with serving(contract.document.path, database_url or f"sqlite:///{folder / 'fuzz.db'}", folder) as (own, token):
        yield contract, own, token


def _token(token_file: Path | None) -> str:
    """The token for a running service; empty for one that asks for none."""
    from imtegrate.fuzzing import TOKEN_VARIABLE, CannotFuzz  # noqa: PLC0415 (as above)

    if token_file is not None:
        try:
            return token_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise CannotFuzz(f"{token_file}: {reason}; see --token-file") from None
    if (given := os.environ.get(TOKEN_VARIABLE)) is not None:
        return given.strip()
    if sys.stdin.isatty():
        return str(typer.prompt("Token (empty for none)", default="", show_default=False, hide_input=True, err=True))
    return sys.stdin.read().strip()


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Shows on a terminal that something is going on, and for how long."""
    from rich.console import Console  # noqa: PLC0415 (slow to import)
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("recording requests and answers", total=None)
        yield lambda size: progress.update(task, completed=size)


def _show(contract: Contract, done: Any, url: str, *, seed: int, as_json: bool) -> None:
    from contract.coverage import Coverage  # noqa: PLC0415 (wanted by no other command)

    coverage = Coverage(contract)
    for exchange in done.exchanges:
        coverage.add(exchange)
    if as_json:
        tried = [
            {
                "operation": operation,
                "check": check,
                "statuses": {str(status): count for status, count in sorted(statuses.items())},
                "failed": done.failed[operation, check],
            }
            for (operation, check), statuses in done.tried.items()
        ]
        value = {"passed": done.passed, "seed": seed, "url": url, "requests": len(done.exchanges), "tried": tried}
        print_json(value | {"coverage": coverage.as_json(), "report": None if done.passed else done.report})
    else:
        _print_tables(done, coverage)
        if not done.passed:
            print_line(done.report)
        verdict = "nothing was found" if done.passed else "FAILED"
        print_line(f"{len(done.exchanges)} requests, seed {seed}: {verdict}")
    if not done.passed:
        raise typer.Exit(1)


def _print_tables(done: Any, coverage: Any) -> None:
    statuses = sorted({status for counts in done.tried.values() for status in counts})
    rows = [
        [
            operation,
            check,
            *(str(counts[status] or "") for status in statuses),
            str(done.failed[operation, check] or ""),
        ]
        for (operation, check), counts in done.tried.items()
    ]
    columns = ("operation", "check", *(str(status) if status else "none" for status in statuses), "failed")
    print_table("What was tried: checks made, by the answer's status", columns, rows)
    print_table(
        "Keywords: values at their places that they accepted and refused",
        ("pointer", "of", "accepting", "refusing"),
        [
            (seen.pointer, "requests" if seen.of_requests else "answers", str(seen.admitted), str(seen.refused))
            for seen in coverage.keywords.values()
        ],
    )
    print_table(
        "Statuses",
        ("operation", "status", "met"),
        [
            (operation, status, str(count))
            for operation, counts in coverage.statuses.items()
            for status, count in counts.items()
        ],
    )
    if coverage.examples:
        met = [(each.pointer, str(each.met)) for each in coverage.examples.values()]
        print_table("Examples", ("pointer", "met"), met)
    never = coverage.never()
    print_line("\n".join(["Never met:", *never]) if never else "Everything of the document was met.")


COMMANDS: Final[tuple[Callable[..., None], ...]] = (fuzz,)
