"""The threat model: what it names is there."""

import ast
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def test_every_threat_is_held_by_tests_that_exist() -> None:
    """Each row of the table names a test at least, and each test that it names is in its file."""
    rows = [
        line.split(" | ")
        for line in (ROOT / "docs" / "security.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| threat", "| ---"))
    ]
    assert len(rows) > 15
    for row in rows:
        assert len(row) == 3, row
        named = re.findall(r"`(tests/\S+\.py)::(\w+)`", row[2])
        assert named, row[0]
        for path, function in named:
            tree = ast.parse((ROOT / path).read_bytes())
            defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert function in defined, f"{path}::{function}"
