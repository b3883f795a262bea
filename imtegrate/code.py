"""The handlers package, imported; and imported again when it was edited."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final
from uuid import UUID

from contract import Verifiers
from db import UnitOfWork

PACKAGE: Final = "handlers"


@dataclass(frozen=True, slots=True)
class HandlerCode:
    """What the composition root takes of the handlers package."""

    package: ModuleType
    verifiers: Verifiers
    services: Callable[[UnitOfWork, UUID | None], Any]


def import_handlers(*, again: bool = False) -> HandlerCode:
    """Import the package; `again` from its files as they are now.

    What is under way goes on with the modules it began with. If the import raises, what was imported before stays.
    """
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE}
    if again:
        importlib.invalidate_caches()
        for name in before:
            del sys.modules[name]
    try:
        package = importlib.import_module(PACKAGE)
    except BaseException:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        sys.modules.update(before)
        raise
    return HandlerCode(package, package.VERIFIERS, package.Services)
