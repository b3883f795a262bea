"""The service is fuzzed against its document with every test run; `tox -e fuzz` does it at length."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from run import example_targets, fuzz, targets


@pytest.mark.parametrize("target", ["serve", "dev"])
def test_schemathesis_finds_nothing(target: str, tmp_path: Path) -> None:
    """Every check and phase of schemathesis, with few examples, against the unchanged document: no failure."""
    with targets(tmp_path) as found:
        url, options = found[target]
        done = fuzz(url, options, seed=1, max_examples=20, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout


@pytest.mark.parametrize("target", ["example serve", "example dev"])
def test_schemathesis_finds_nothing_in_the_larger_example(target: str, tmp_path: Path) -> None:
    """The same of the example with more operations, whose links are followed from one to the next."""
    with example_targets(tmp_path) as found:
        url, options = found[target]
        done = fuzz(url, options, seed=1, max_examples=20, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout
    covered = re.search(r"API Links: +(\d+) covered", done.stdout)
    assert covered is not None
    assert int(covered[1]) >= 6, done.stdout  # those that the document itself has
