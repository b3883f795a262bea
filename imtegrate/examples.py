"""A request that a person can paste into a shell."""

import json
import shlex
from typing import Any, Final

from contract import Contract
from contract.schema import Node, Schema

_OF_TYPES: Final = {"string": "my first key", "integer": 1, "number": 1, "boolean": True, "array": []}


def example_request(contract: Contract, url: str) -> str:
    """A `curl` line for the document's first operation."""
    operation = next(iter(contract.operations.values()), None)
    if operation is None:
        return f"curl {url}/openapi.json"
    words = ["curl", url + contract.base_path + operation.path]
    if operation.method != "GET":
        words[1:1] = ["-X", operation.method]
    if operation.body is not None:
        entry = operation.body.content.entries[0]
        words += ["-H", f"Content-Type: {entry.range}"]
        if entry.is_json and entry.schema is not None:
            words += ["-d", json.dumps(_example(entry.schema, entry.schema.node), separators=(", ", ": "))]
    return " ".join(map(shlex.quote, words))


def _example(whole: Schema, node: Node) -> Any:
    """A small value for a schema that `whole` leads to: what it requires, and no more."""
    target = node.target()
    schema = target.value
    if not isinstance(schema, dict):
        return {}
    given = [schema[keyword] for keyword in ("const", "default", "example") if keyword in schema]
    given += [schema[keyword][0] for keyword in ("examples", "enum") if schema.get(keyword)]
    for value in given:
        if whole.part(target).is_valid(value):
            return value
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {name: _example(whole, target.child("properties", name)) for name in schema.get("required", ())}
    return _OF_TYPES.get(str(kind))
