"""`settings`: what is in force, and where it comes from."""

from typing import Any, Final

import typer

from imtegrate.configuration import read_configuration, shown
from imtegrate.console import clear_errors, print_json, print_table
from imtegrate.options import AsJSON
from imtegrate.settings import SETTINGS, ServiceSettings, takes_settings

_DEFAULT: Final = "default"
_SOURCES: Final = {"COMMANDLINE": "command line", "ENVIRONMENT": "environment", "DEFAULT": _DEFAULT}


@takes_settings(more={"as_json": (AsJSON, False)})
def settings(settings: ServiceSettings, context: typer.Context, *, as_json: bool) -> None:
    """Print every setting, its value, and where it comes from.

    Flags go before the environment, that before imtegrate.toml (or the file that IMTEGRATE_CONFIG names).

    Example: imtegrate settings --json
    """
    with clear_errors():
        files = read_configuration()

    def source_of(name: str) -> str:
        source = context.get_parameter_source(name)
        kind = source.name if source is not None else "DEFAULT"
        return files[name].source if kind == "DEFAULT_MAP" else _SOURCES[kind]

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "value": _plain(name, getattr(settings, name)),
            "source": source_of(name),
        }
        for name in SETTINGS
    ]
    if as_json:
        print_json(rows)
    else:
        print_table("", ("setting", "value", "from"), [[str(cell) for cell in row.values()] for row in rows])


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [str(each) for each in value]
    return value if isinstance(value, bool | int | float) or value is None else shown(name, value)
