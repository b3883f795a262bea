"""Compiles documents that a test writes down."""

import json
from pathlib import Path
from typing import Any

from contract import Contract, compile_contract, load


def document_with(**members: Any) -> dict[str, Any]:
    """An OpenAPI 3.1 document with these members, and the ones it must have."""
    return {"openapi": "3.1.0", "info": {"title": "test", "version": "1"}, "paths": {}, **members}


def written(folder: Path, document: Any, name: str = "openapi.json") -> Path:
    """A document, in a file."""
    path = folder / name
    path.write_text(json.dumps(document, indent=2))
    return path


def compiled(folder: Path, document: Any) -> Contract:
    """A document, compiled."""
    return compile_contract(load(written(folder, document)))


def operation_with(**members: Any) -> dict[str, Any]:
    """A document with one operation, `get /`, that has these members."""
    return document_with(
        paths={"/": {"get": {"operationId": "op", "responses": {"200": {"description": "ok"}}, **members}}}
    )
