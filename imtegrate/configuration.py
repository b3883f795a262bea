"""Where settings come from beside flags and environment: `imtegrate.toml`, and a file that holds the database URL."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from db.errors import InvalidDatabaseURL
from db.url import parse
from imtegrate.escaping import discreet
from imtegrate.settings import REPEATABLE, SETTINGS, SWITCHES

FILE_NAME: Final = "imtegrate.toml"
FILE_VARIABLE: Final = "IMTEGRATE_CONFIG"
"""Names another file than `./imtegrate.toml`, and one that has to be there."""

URL_FILE_VARIABLE: Final = "IMTEGRATE_DATABASE_URL_FILE"
"""Names a file that holds the database URL, as secrets are mounted (systemd's LoadCredential=, Kubernetes' Secrets)."""


class InvalidConfiguration(Exception):
    """A file of settings cannot be read, or holds what is no setting."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value, and the file that gives it."""

    value: Any
    source: str

    def __repr__(self) -> str:
        # It may be a URL with a password.
        return f"<Given by {self.source}>"


def read_configuration(environ: Mapping[str, str] = os.environ) -> dict[str, Given]:
    """The settings that files give, by name; none where there is no file.

    Raises:
        InvalidConfiguration: with the place and the mend.
    """
    try:
        Path.cwd()
    except OSError:
        raise InvalidConfiguration("the working directory is no longer there: change to another") from None
    named = environ.get(FILE_VARIABLE)
    path = Path(named or FILE_NAME)
    given = _read_toml(path) if named or path.is_file() else {}
    url_file = environ.get(URL_FILE_VARIABLE)
    if url_file:
        given["database_url"] = Given(_read(Path(url_file), URL_FILE_VARIABLE).strip(), url_file)
    return given


def as_defaults(command: Any, given: Mapping[str, Given]) -> dict[str, Any]:
    """What Click looks settings up in (`Context.default_map`): every command below may have an option of that name."""
    values = {name: each.value for name, each in given.items()}
    nested = {name: as_defaults(below, given) for name, below in getattr(command, "commands", {}).items()}
    return values | nested


def shown(name: str, value: Any) -> str:
    """A value as people may see it: a password is masked."""
    if name != "database_url":
        return str(value)
    try:
        return parse(str(value)).masked
    except InvalidDatabaseURL as error:
        return f"({error})"


def _read_toml(path: Path) -> dict[str, Given]:
    try:
        found = tomllib.loads(_read(path, FILE_VARIABLE))
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path}: {error}") from None
    given: dict[str, Given] = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in SETTINGS:
            raise InvalidConfiguration(f"{path}: {key!r} is no setting: there are {', '.join(SETTINGS)}")
        if isinstance(value, list) and name in REPEATABLE:
            given[name] = Given([str(each) for each in value], str(path))
            continue
        if isinstance(value, dict | list):
            raise InvalidConfiguration(f"{path}: {key!r} is one value, no table and no array")
        if isinstance(value, bool) and name not in SWITCHES:
            # The command line would take it for 1 or 0.
            raise InvalidConfiguration(f"{path}: {key!r} is neither true nor false")
        given[name] = Given([value] if name in REPEATABLE else value, str(path))
    return given


def _read(path: Path, variable: str) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InvalidConfiguration(f"{path}: it is not UTF-8") from None
    except OSError as error:
        raise InvalidConfiguration(f"{path}: {error.strerror}: see {variable}") from None


def apply(context: typer.Context) -> None:
    """Have the commands below a context default to what files give.

    Raises:
        InvalidConfiguration: with the place and the mend.
    """
    context.default_map = as_defaults(context.command, read_configuration())


@contextmanager
def told_with_its_file() -> Iterator[None]:
    """Name the file of a value that an option does not take: what was typed is not at fault, nor is the environment.

    Raises:
        InvalidConfiguration: with the file, the setting, and what is wrong.
    """
    try:
        yield
    except typer.BadParameter as error:
        name = error.param.name if error.param is not None else None
        source = error.ctx.get_parameter_source(name) if error.ctx is not None and name is not None else None
        if name is None or source is None or source.name != "DEFAULT_MAP":
            raise
        given = read_configuration()[name]
        raise InvalidConfiguration(f"{given.source}: {name!r}: {discreet(error.message)}") from None
