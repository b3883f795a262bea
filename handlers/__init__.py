"""What the document cannot say: who may make a key, how a token is made, where a key is kept."""

from handlers.security import VERIFIERS
from handlers.services import Services

__all__ = ["VERIFIERS", "Services"]
