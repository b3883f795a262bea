"""Documents that are made for a measurement."""

import copy

import orjson


def with_operations(document: bytes, operations: int) -> bytes:
    """The document with so many operations, of which its own is the last; nobody has written the others."""
    value = orjson.loads(document)
    ((path, item),) = value["paths"].items()
    value["paths"] = {}
    for number in range(operations - 1):
        other = copy.deepcopy(item)
        other["post"]["operationId"] = f"nobody_wrote_{number}"
        # Paths with a parameter are what a router has to try one after another.
        other["post"]["parameters"].append(
            {"name": "item_id", "in": "path", "required": True, "schema": {"type": "string"}}
        )
        value["paths"][f"/v1/things-{number}/{{item_id}}"] = other
    value["paths"][path] = item
    return orjson.dumps(value)
