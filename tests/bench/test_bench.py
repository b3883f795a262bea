"""`python -m bench`: what it prints and writes, and what it says of what is not there. Nothing is timed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]


def bench(*arguments: str | Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it, as short as it can be, with programs from `path` only if that is given."""
    return subprocess.run(
        [sys.executable, "-m", "bench", "--seconds", "1", "--runs", "1", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": os.environ["PATH"] if path is None else path},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_it_prints_the_table_and_writes_json_and_a_plot(tmp_path: Path) -> None:
    """A run ends with 0: the table is printed, all figures are in the JSON, all contestants in the plot."""
    done = bench("--only", "start", "limit-sqlite", "--json", tmp_path / "b.json", "--plot", tmp_path / "b.svg")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["rows"].keys() == {"start", "limit-sqlite"}
    assert report["failures"] == report["absent"] == {}
    row = report["rows"]["limit-sqlite"]
    ours, bare = row["parts"].values()
    assert row["median"] == ours / bare
    assert row["holds"] == (row["median"] >= row["at_least"])
    plotted = "".join(ET.parse(tmp_path / "b.svg").getroot().itertext())  # noqa: S314 (it was written just now)
    for contestant in report["contestants"].values():
        assert contestant["runs"][0]["requests"] > 0
        assert contestant["title"] in done.stdout
        assert contestant["title"] in plotted
    for row in report["rows"].values():
        assert row["title"] in done.stdout
        assert f"{row['median']:.3g}" in done.stdout


def test_it_says_which_peer_is_not_there(tmp_path: Path) -> None:
    """Where a peer cannot be started, the row has the reason in place of a figure, and the run has not failed."""
    wrk = shutil.which("wrk")
    assert wrk is not None
    (tmp_path / "wrk").symlink_to(wrk)
    done = bench("--only", "fastify", "--json", tmp_path / "b.json", path=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not measured: Fastify + pg, PostgreSQL: node is not installed" in done.stdout
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["rows"] == {}
    assert report["failures"].keys() == {"fastify"}
    assert report["absent"] == {"fastify": "node is not installed"}


def test_it_says_that_nothing_makes_the_load(tmp_path: Path) -> None:
    """Without wrk it ends with 1, and one line that says how to get it."""
    done = bench("--only", "start", path=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "apt-get install wrk" in done.stderr
