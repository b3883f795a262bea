"""Edits a document on disk the way a person does, and waits until the running service follows."""

import copy
import json
from pathlib import Path
from typing import Any, Final

from running import Running, eventually

DOCUMENT: Final = Path(__file__).parent.parent / "openapi.json"

Operation = tuple[Any, ...]
"""An operation of JSON Patch (RFC 6902): `("add" or "replace", pointer, value)`, or `("remove", pointer)`."""


def patched(document: Any, operations: list[Operation]) -> Any:
    """A document with a JSON Patch applied; the document itself stays as it is."""
    document = copy.deepcopy(document)
    for name, pointer, *value in operations:
        *path, last = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        holder = document
        for step in path:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        if name == "remove":
            del holder[int(last) if isinstance(holder, list) else last]
        elif isinstance(holder, list):
            holder.insert(len(holder) if last == "-" else int(last), value[0])
        else:
            assert name == "add" or last in holder, pointer
            holder[last] = value[0]
    return document


class Edited:
    """A running `dev` and the document it follows."""

    def __init__(self, service: Running, path: Path) -> None:
        self.service = service
        self.path = path
        self.published = json.loads(DOCUMENT.read_text())

    def edit(self, operations: list[Operation]) -> None:
        """Put an edit of the published document in force."""
        self.write(json.dumps(patched(self.published, operations), indent=2))
        self.wait()

    def write(self, text: str) -> None:
        """Save the file the way editors do: beside it, then in its place."""
        beside = self.path.with_suffix(".tmp")
        beside.write_text(text)
        beside.replace(self.path)

    def wait(self) -> None:
        """Wait until what is served is what is on disk."""
        with self.service.client() as client:
            eventually(
                lambda: client.get("/openapi.json").content == self.path.read_bytes(),
                lambda: f"the edit is not in force:\n{self.service.log.read_text()}",
            )
