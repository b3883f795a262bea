"""Measures ours and its peers in turn, prints the table, and writes JSON and a plot.

The figures of a busy machine are worth nothing: run it where nothing else runs.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import load
from bench.databases import Databases
from bench.failures import Failed, NotMeasured, Unavailable
from bench.lab import Lab
from bench.load import Load
from bench.measuring import Run
from bench.plot import plot
from bench.report import Report
from bench.rows import ROWS, Sample

SECONDS: Final = 4
RUNS: Final = 3
KEYS: Final = 1_000_000
CREATIONS: Final = 100_000

WIDTH: Final = 200
"""Characters of a line where no terminal says how many it has."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 if every row that was asked for has a figure or wants what is not installed, 1 if anything failed."""
    options = _options(arguments)
    try:
        load.prepare()
        with (
            tempfile.TemporaryDirectory(prefix="imtegrate-bench-") as folder,
            closing(Databases(Path(folder))) as databases,
        ):
            lab = Lab(Path(folder), databases, options.seconds, options.keys, options.creations)
            report, failed = _measure(lab, options.only or list(ROWS), options.runs)
        report.print(Console(width=None if sys.stdout.isatty() else WIDTH))
        if options.json:
            report.write(options.json)
        if options.plot and report.loads:
            plot(report, options.plot)
    except (Unavailable, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # 128 and the signal's number, as shells have it
    return int(failed)


def _measure(lab: Lab, names: Sequence[str], runs: int) -> tuple[Report, bool]:
    """Every row once, then every row again: what the machine does meanwhile befalls all alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    loads: dict[str, list[Load]] = {}
    failures: dict[str, NotMeasured] = {}
    absent: dict[str, NotMeasured] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=runs * len(names))
        for number in range(runs):
            run = Run(lab, absent)
            for name in names:
                progress.update(task, description=f"run {number + 1} of {runs}: {ROWS[name].title}")
                if name not in failures:
                    try:
                        samples[name].append(ROWS[name].measure(run))
                    except NotMeasured as error:
                        failures[name] = error
                progress.advance(task)
            for contestant, measured in run.loads.items():
                loads.setdefault(contestant, []).append(measured)
    found = {name: taken for name, taken in samples.items() if name not in failures}
    failed = any(isinstance(reason, Failed) for reason in (*failures.values(), *absent.values()))
    return Report(found, _texts(failures), loads, _texts(absent), lab.seconds, runs), failed


def _texts(reasons: dict[str, NotMeasured]) -> dict[str, str]:
    return {name: str(reason) for name, reason in reasons.items()}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW", help=f"of: {', '.join(ROWS)}")
    parser.add_argument("--seconds", type=_count, default=SECONDS, help="that each is asked, a run")
    parser.add_argument("--runs", type=_count, default=RUNS, help="of which the median counts")
    parser.add_argument("--keys", type=_count, default=KEYS, help="in a filled table")
    parser.add_argument("--creations", type=_count, default=CREATIONS, help="before memory is looked at again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write an SVG")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
