"""`dev`, `serve` and `mock`: what listens."""

from collections.abc import Callable
from typing import Final

import typer

from contract import MAX_BODY_SIZE, Contract, compile_contract, load
from imtegrate.console import clear_errors
from imtegrate.examples import example_request
from imtegrate.listening import listen, url_of
from imtegrate.logs import configure_logging
from imtegrate.loopback import is_loopback
from imtegrate.options import DatabaseURL, Deadline, Host, MaxBodySize, Port, Spec, Workers
from imtegrate.settings import (
    DEFAULT_DATABASE_URL,
    DEFAULT_DEADLINE,
    DEFAULT_HOST,
    DEFAULT_PORT,
    ServiceSettings,
    default_spec,
)


def dev(
    spec: Spec = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
    max_body_size: MaxBodySize = MAX_BODY_SIZE,
    deadline: Deadline = DEFAULT_DEADLINE,
) -> None:
    """Serve for one person, on loopback: a request without a token acts for the organisation "development".

    Example: imtegrate dev --port 8000
    """
    if not is_loopback(host):
        raise typer.BadParameter(
            f"{host} is not a loopback address; others are served by: imtegrate serve", param_hint="--host"
        )
    settings = ServiceSettings(spec or default_spec(), database_url, host, port, 1, True, max_body_size, deadline)
    _run(settings, _announce_dev)


def serve(
    spec: Spec = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    database_url: DatabaseURL = DEFAULT_DATABASE_URL,
    workers: Workers = 1,
    max_body_size: MaxBodySize = MAX_BODY_SIZE,
    deadline: Deadline = DEFAULT_DEADLINE,
) -> None:
    """Serve for everyone who holds a key.

    Example: imtegrate serve --host 0.0.0.0 --workers 2
    """
    settings = ServiceSettings(
        spec or default_spec(), database_url, host, port, workers, False, max_body_size, deadline
    )
    _run(settings, lambda _contract, url: typer.echo(f"Serving {settings.spec} on {url}", err=True))


def _run(settings: ServiceSettings, announce: Callable[[Contract, str], None]) -> None:
    # Uvicorn and the rest of the service are half of the time that `keys list` would take to start.
    from imtegrate.server import run  # noqa: PLC0415

    configure_logging()
    with clear_errors(), listen(settings.host, settings.port) as listener:
        run(settings, listener, lambda contract: announce(contract, url_of(listener)))


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
