"""The handlers package, imported; and imported again when it was edited.

`./handlers` is taken where there is one, as `./openapi.json` is, else the installed one.
"""

import importlib
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from contract import Verifiers
from db import UnitOfWork

PACKAGE: Final = "handlers"

Run = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class HandlerCode:
    """What the composition root takes of the handlers package."""

    package: ModuleType
    verifiers: Verifiers
    services: Callable[[UnitOfWork, UUID | None, bytes, Run], Any]
    """Takes the hot path, the organisation of anonymous callers, the document's SHA-256 and `Database.run`."""


def import_handlers(*, again: bool = False) -> HandlerCode:
    """Import the package; `again` from its files as they are now.

    What is under way goes on with the modules it began with. If the import raises, what was imported before stays.
    """
    again = _prefer_local() or again
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE}
    if again:
        importlib.invalidate_caches()
        for name, module in before.items():
            _forget_bytecode(module)
            del sys.modules[name]
    try:
        package = importlib.import_module(PACKAGE)
        verifiers = _taken(package, "VERIFIERS", "security", {})
        services = _taken(package, "Services", "services", _no_services)
    except BaseException:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        sys.modules.update(before)
        raise
    return HandlerCode(package, verifiers, services)


def _taken(package: ModuleType, name: str, module: str, default: Any) -> Any:
    """What a package exports, else what its module has: a local one may leave that to the installed one."""
    if hasattr(package, name):
        return getattr(package, name)
    try:
        return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name, default)
    except ModuleNotFoundError as error:
        if error.name != f"{PACKAGE}.{module}":
            raise
        return default


def _forget_bytecode(module: ModuleType) -> None:
    """Python takes bytecode for that of a source of the same size and second: two edits may be that close."""
    cached = getattr(module, "__cached__", None)
    if cached is not None:
        with suppress(OSError):
            Path(cached).unlink(missing_ok=True)


def _prefer_local() -> bool:
    """Have the working directory looked at first, if it has the package; whether another was imported already."""
    here = Path.cwd()
    if not (here / PACKAGE / "__init__.py").is_file():
        return False
    if str(here) not in sys.path[:1]:
        sys.path.insert(0, str(here))
    imported = getattr(sys.modules.get(PACKAGE), "__file__", None)
    return imported is not None and Path(imported).parent != here / PACKAGE


def _no_services(_units: UnitOfWork, _development: UUID | None, _document: bytes, _run: Run) -> None:
    """What handlers work with that ask for nothing."""
