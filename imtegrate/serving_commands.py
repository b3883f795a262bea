"""`dev`, `serve` and `mock`: what listens."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import typer

from contract import Contract, compile_contract, load
from imtegrate.console import clear_errors, progress
from imtegrate.examples import example_request
from imtegrate.listening import listen, url_of
from imtegrate.logs import configure_logging
from imtegrate.loopback import is_loopback
from imtegrate.options import DEFAULT_DATABASE_URL, DEFAULT_HOST, DEFAULT_PORT, DatabaseURL, Host, Port, Spec
from imtegrate.settings import ServiceSettings, default_spec, takes_settings


@takes_settings(but={"workers", "access_log"}, development=True)
def dev(settings: ServiceSettings) -> None:
    """Serve for one person, on loopback: a request without a token acts for the organisation "development".

    Example: imtegrate dev --port 8000
    """
    if not is_loopback(settings.host):
        raise typer.BadParameter(
            f"{settings.host} is not a loopback address; others are served by: imtegrate serve", param_hint="--host"
        )
    _run(settings, _announce_dev)


@takes_settings()
def serve(settings: ServiceSettings) -> None:
    """Serve for everyone who holds a key.

    Example: imtegrate serve --host 0.0.0.0 --workers 2
    """
    _run(settings, lambda _contract, url: typer.echo(f"Serving {settings.spec} on {url}", err=True))


def _run(settings: ServiceSettings, announce: Callable[[Contract, str], None]) -> None:
    # Uvicorn and the rest of the service are half of the time that `keys list` would take to start.
    from imtegrate.server import run  # noqa: PLC0415

    settings.configure_logging()
    with clear_errors(), listen(settings.host, settings.port, settings.backlog) as listener, ExitStack() as starting:
        starting.enter_context(progress(f"Loading {settings.spec}"))

        def announce_started(contract: Contract) -> None:
            starting.close()
            announce(contract, url_of(listener))

        run(settings, listener, announce_started)


def _announce_dev(contract: Contract, url: str) -> None:
    _announce("Serving", contract, url)


def mock(
    spec: Spec = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,  # noqa: ARG001 (every command takes it)
) -> None:
    """Answer any document from its examples and schemas; nothing is kept.

    Example: imtegrate mock --spec petstore.yaml --port 4010
    """
    # The service is half of the time that `keys list` would take to start.
    from contract.mock import mock_app  # noqa: PLC0415
    from imtegrate.beside import beside  # noqa: PLC0415
    from imtegrate.server import run_app  # noqa: PLC0415

    configure_logging()
    path = spec or default_spec()
    with clear_errors():
        # What can be compiled can be mocked: many a document in use has faults that only its handlers would feel.
        with progress(f"Loading {path}"):
            contract = compile_contract(load(path), lenient=True)
        app = mock_app(contract, beside=beside(contract, None, None))
        with listen(host, port) as listener:
            run_app(app, listener, lambda: _announce("Mocking", contract, url_of(listener)))


def _announce(doing: str, contract: Contract, url: str) -> None:
    for label, value in (
        (doing, contract.document.path),
        ("Listening", url),
        ("Docs", f"{url}/docs"),
        ("Try", example_request(contract, url)),
    ):
        typer.echo(f"{label:9} {value}", err=True)


COMMANDS: Final[tuple[Callable[..., None], ...]] = (dev, serve, mock)
