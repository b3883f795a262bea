"""The service is fuzzed against its document with every test run; `tox -e fuzz` does it at length."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from run import fuzz, targets


@pytest.mark.parametrize("target", ["serve", "dev"])
def test_schemathesis_finds_nothing(target: str, tmp_path: Path) -> None:
    """Every check and phase of schemathesis, with few examples, against the unchanged document: no failure."""
    with targets(tmp_path) as found:
        url, options = found[target]
        done = fuzz(url, options, seed=1, max_examples=20, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout
