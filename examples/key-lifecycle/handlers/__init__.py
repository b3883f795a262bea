"""The installed handlers, and beside them those of this folder: each module is looked for here first, then there."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

from handlers.security import VERIFIERS
from handlers.services import Services

__all__ = ["VERIFIERS", "Services"]
