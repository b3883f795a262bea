"""Connexion's AsyncApp as it comes, on a 3.0 copy of the document: it refuses 3.1. Nothing is kept."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.lab import ROOT, UVICORN, Lab
from bench.load import Target
from bench.processes import started
from running import DOCUMENT, KEYS, free_port


@contextmanager
def start(lab: Lab) -> Iterator[Target]:
    """Start it."""
    port = free_port()
    document = lab.folder / "openapi-3.0.json"
    document.write_text(json.dumps(as_3_0(json.loads(DOCUMENT.read_bytes()))))
    command = [*UVICORN, "--app-dir", str(ROOT), "--port", str(port), "bench.peers.connexion_app:app"]
    with started(command, port, lab.folder, {"BENCH_DOCUMENT": str(document)}) as program:
        yield Target(f"http://127.0.0.1:{port}{KEYS}", program.process)


def as_3_0(value: Any) -> Any:
    """A copy in OpenAPI 3.0: `nullable` where 3.1 has a type "null", the operation bound to the peer's function."""
    if isinstance(value, list):
        return [as_3_0(item) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {name: as_3_0(member) for name, member in value.items()}
    if copy.get("openapi"):
        copy["openapi"] = "3.0.3"
        if not copy.get("servers"):
            copy.pop("servers", None)
    if isinstance(copy.get("operationId"), str):
        copy["operationId"] = "bench.peers.connexion_app.create_key"
    choices = copy.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del copy["anyOf"]
        copy |= {**rest[0], "nullable": True} if len(rest) == 1 else {"anyOf": rest, "nullable": True}
    return copy
