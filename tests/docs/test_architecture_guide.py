"""The guide to the architecture: its tables name every module, and no other."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "architecture.md").read_text()


@pytest.mark.parametrize("package", ["imtegrate", "handlers", "contract", "db"])
def test_every_module_is_named(package: str) -> None:
    """Each module has a row that says what it does, in order; each row has a module."""
    section = GUIDE.split(f"\n## {package}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*\S.*) \|$", section, re.MULTILINE)
    modules = sorted(path.stem for path in (ROOT / package).glob("*.py") if path.stem != "__init__")
    assert [name for name, _ in rows] == modules


def test_every_path_is_there() -> None:
    """What the guide names as a file or a folder of the repository exists."""
    paths = re.findall(r"`((?:imtegrate|handlers|contract|db)/[\w/.]*)`", GUIDE)
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
