"""Settings of the program: command line first, then environment, then `imtegrate.toml`, then the default.

One field of `ServiceSettings` is one setting: its option, its variable and its key of the file are made from it.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_type_hints

import typer

from contract import MAX_BODY_SIZE
from imtegrate.cross_origin import parse_origin
from imtegrate.forwarded import Network
from imtegrate.limits import Limits
from imtegrate.listening import DEFAULT_BACKLOG
from imtegrate.logs import LogFormat, configure_logging
from imtegrate.options import DEFAULT_DATABASE_URL, DEFAULT_HOST, DEFAULT_PORT, SPEC, DatabaseURL, Host, Port
from imtegrate.rate_limit import Rate

DEFAULT_DEADLINE: Final = 5.0
"""Seconds that a request waits for the database."""

MAX_CONNECTIONS: Final = 64
"""Connections to PostgreSQL of all workers together: its own bound is 100, unless it is told otherwise."""
WORKER_CONNECTIONS: Final = 4
"""Of one worker at most: batches that are under way at once."""
MAX_WORKERS: Final = 256
"""Serving processes: each takes 90 MB, and more than cores bring nothing."""
_LIMITS: Final = Limits()

T = TypeVar("T")

SPEC_NAME: Final = "openapi.json"


def default_spec() -> Path:
    """`./openapi.json` where there is one, else the installed one."""
    here = Path(SPEC_NAME)
    return here if here.is_file() else installed_spec()


def installed_spec() -> Path:
    """The document that was installed with the package; in a checkout, the one at its root."""
    installed = Path(str(files("imtegrate"))) / SPEC_NAME
    return installed if installed.is_file() else Path(str(files("imtegrate"))).parent / SPEC_NAME


def _parsed(parse: Callable[[str], T]) -> Callable[[Any], T]:
    """A parser that Typer calls, with what is wrong told as it is; a default comes parsed."""

    def convert(given: Any) -> T:
        try:
            return parse(str(given))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return convert


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What one serving process needs to know; sent to workers as it is."""

    spec: Annotated[Path, SPEC] = field(default_factory=default_spec)
    host: Host = DEFAULT_HOST
    port: Port = DEFAULT_PORT
    database_url: DatabaseURL = field(default=DEFAULT_DATABASE_URL, repr=False)  # it may hold a password
    workers: Annotated[
        int, typer.Option(envvar="IMTEGRATE_WORKERS", min=1, max=MAX_WORKERS, help="Serving processes.")
    ] = 1
    max_body_size: Annotated[
        int, typer.Option(envvar="IMTEGRATE_MAX_BODY_SIZE", min=1, help="Bytes that a request's body may have.")
    ] = MAX_BODY_SIZE
    deadline: Annotated[
        float, typer.Option(envvar="IMTEGRATE_DEADLINE", min=0.1, help="Seconds that a request waits for the database.")
    ] = DEFAULT_DEADLINE
    log_format: Annotated[
        LogFormat | None,
        typer.Option(
            envvar="IMTEGRATE_LOG_FORMAT", help="How log lines are written.  [default: json for serve, text for dev]"
        ),
    ] = None
    access_log: Annotated[
        bool,
        typer.Option("--access-log/--no-access-log", envvar="IMTEGRATE_ACCESS_LOG", help="Log a line a request."),
    ] = False
    request_timeout: Annotated[
        float,
        typer.Option(
            envvar="IMTEGRATE_REQUEST_TIMEOUT", min=1, help="Seconds in which a request has to come, head and body."
        ),
    ] = _LIMITS.request_timeout
    keep_alive_timeout: Annotated[
        float,
        typer.Option(
            envvar="IMTEGRATE_KEEP_ALIVE_TIMEOUT", min=1, help="Seconds that a connection may wait for a request."
        ),
    ] = _LIMITS.keep_alive_timeout
    max_connections: Annotated[
        int,
        typer.Option(
            envvar="IMTEGRATE_MAX_CONNECTIONS", min=1, help="Connections that each serving process has open at once."
        ),
    ] = _LIMITS.max_connections
    backlog: Annotated[
        int, typer.Option(envvar="IMTEGRATE_BACKLOG", min=1, help="Connections that may wait to be accepted.")
    ] = DEFAULT_BACKLOG
    rate_limit_key: Annotated[
        Rate | None,
        typer.Option(
            envvar="IMTEGRATE_RATE_LIMIT_KEY",
            parser=_parsed(Rate.parse),
            metavar="N/UNIT",
            help="Requests of one key, as 100/minute; counted by each serving process.  [default: no limit]",
        ),
    ] = None
    rate_limit_address: Annotated[
        Rate | None,
        typer.Option(
            envvar="IMTEGRATE_RATE_LIMIT_ADDRESS",
            parser=_parsed(Rate.parse),
            metavar="N/UNIT",
            help="Requests of one address, as 1000/minute; counted by each serving process.  [default: no limit]",
        ),
    ] = None
    trusted_proxy: Annotated[
        list[Network],
        typer.Option(
            envvar="IMTEGRATE_TRUSTED_PROXY",
            parser=_parsed(Network.parse),
            metavar="CIDR",
            help="A proxy whose Forwarded and X-Forwarded-For count; repeatable.  [default: none]",
        ),
    ] = field(default_factory=list)
    cors_origin: Annotated[
        list[str],
        typer.Option(
            envvar="IMTEGRATE_CORS_ORIGIN",
            parser=_parsed(parse_origin),
            metavar="ORIGIN",
            help="An origin whose pages may read answers, as https://app.example; repeatable.  [default: none]",
        ),
    ] = field(default_factory=list)
    development: bool = False
    """Whether a request without a token acts for the organisation `development`; no setting, but what `dev` means."""

    @property
    def connections(self) -> int:
        """Connections that one worker may open to PostgreSQL."""
        return max(1, min(WORKER_CONNECTIONS, MAX_CONNECTIONS // self.workers))

    def configure_logging(self) -> None:
        """Have this process log as it was asked to."""
        default = LogFormat.TEXT if self.development else LogFormat.JSON
        configure_logging(self.log_format or default, with_values=self.development)


REPEATABLE: Final = frozenset({"cors_origin", "trusted_proxy"})
"""Settings of which there may be several: an array in the file, words in the environment."""

SWITCHES: Final = frozenset({"access_log"})
"""Settings that are true or false."""

SETTINGS: Final = tuple(each.name for each in fields(ServiceSettings) if each.name != "development")
"""The name of every setting, in the order of `--help`."""


def takes_settings(
    *, but: Collection[str] = (), more: Mapping[str, tuple[Any, Any]] | None = None, **fixed: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command whose options are the settings of a function.

    The function is called with them, with the `typer.Context` if it takes `context`, and with the further options.

    Args:
        but: settings that the command has no option for.
        more: further options, by name: annotation and default.
        fixed: what these fields are for the command.
    """
    hints = get_type_hints(ServiceSettings, include_extras=True)
    offered = [each for each in fields(ServiceSettings) if each.name in SETTINGS and each.name not in but]
    # The default of `spec` depends on the working directory: it is found when the command runs.
    options = [_option(each.name, hints[each.name], _default(each)) for each in offered]
    options += [_option(name, *option) for name, option in (more or {}).items()]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def command(**given: Any) -> None:
            kept = {name: given.pop(name) for name in SETTINGS if name in given}
            chosen = {name: value for name, value in kept.items() if value is not None}
            function(ServiceSettings(**chosen, **fixed), **given)

        taken = list(options)
        if "context" in inspect.signature(function).parameters:
            taken.append(_option("context", typer.Context))
        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        command.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined] # PEP 362; unknown to mypy
        command.__annotations__ = {option.name: option.annotation for option in taken}
        return command

    return decorate


def _option(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _default(setting: Any) -> Any:
    return None if callable(setting.default_factory) else setting.default
