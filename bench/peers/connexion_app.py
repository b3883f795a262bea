"""The program: a handler that makes up what a key's answer holds."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from connexion import AsyncApp


async def create_key(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Make a key up."""
    prefix = f"imt_{body.get('env', 'test')}_{secrets.token_hex(4)}"
    return {
        "id": str(uuid4()),
        "org_id": str(uuid4()),
        "prefix": prefix,
        "name": body["name"],
        "scopes": body.get("scopes", []),
        "last_used_at": None,
        "revoked_at": None,
        "created_at": datetime.now(UTC).isoformat(),
        "token": prefix + secrets.token_urlsafe(32),
    }, 201


def _make() -> AsyncApp:
    document = Path(os.environ["BENCH_DOCUMENT"])
    made = AsyncApp(__name__, specification_dir=str(document.parent))
    made.add_api(document.name, validate_responses=True)
    return made


# Connexion imports this module again by its operationId: the app is made where uvicorn asks for it.
def __getattr__(name: str) -> Any:
    if name == "app":
        return _make()
    raise AttributeError(name)
