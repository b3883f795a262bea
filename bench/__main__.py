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

from bench.databases import Databases
from bench.lab import Lab
from bench.load import Load, LoadFailed
from bench.measuring import Run
from bench.plot import plot
from bench.processes import Unavailable
from bench.report import Report
from bench.rows import ROWS, Sample

SECONDS: Final = 10.0
RUNS: Final = 3
KEYS: Final = 1_000_000
CREATIONS: Final = 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 if every row that was asked for has a figure or a peer that is not here, 1 if one failed."""
    options = _options(arguments)
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 200)
    with (
        tempfile.TemporaryDirectory(prefix="imtegrate-bench-") as folder,
        closing(Databases(Path(folder))) as databases,
    ):
        lab = Lab(Path(folder), databases, options.seconds, options.keys, options.creations)
        report, failed = _measure(lab, options.only or list(ROWS), options.runs)
    report.print(console)
    try:
        if options.json:
            report.write(options.json)
        if options.plot:
            plot(report, options.plot)
    except (OSError, ModuleNotFoundError) as error:
        print(f"nothing written: {error}; for a plot: pip install matplotlib", file=sys.stderr)
        return 1
    return int(failed)


def _measure(lab: Lab, names: Sequence[str], runs: int) -> tuple[Report, bool]:
    """Every row once, then every row again: what the machine does meanwhile befalls all alike."""
    samples: dict[str, list[Sample]] = {}
    failures: dict[str, str] = {}
    loads: dict[str, list[Load]] = {}
    absent: dict[str, str] = {}
    failed = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=runs * len(names))
        for number in range(runs):
            run = Run(lab, absent)
            for name in names:
                progress.update(task, description=f"run {number + 1} of {runs}: {ROWS[name].title}")
                if name not in failures:
                    try:
                        samples.setdefault(name, []).append(ROWS[name].measure(run))
                    except (Unavailable, LoadFailed) as error:
                        failures[name] = str(error)
                        failed |= isinstance(error, LoadFailed)
                progress.advance(task)
            for name, load in run.loads.items():
                loads.setdefault(name, []).append(load)
    found = {name: taken for name, taken in samples.items() if taken and name not in failures}
    return Report(found, failures, loads, absent, lab.seconds, runs), failed


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW", help=f"of: {', '.join(ROWS)}")
    parser.add_argument("--seconds", type=_positive(float), default=SECONDS, help="that each is asked for, a run")
    parser.add_argument("--runs", type=_positive(int), default=RUNS, help="of which the median counts")
    parser.add_argument("--keys", type=_positive(int), default=KEYS, help="in a filled table")
    parser.add_argument("--creations", type=_positive(int), default=CREATIONS, help="before memory is looked at again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write an SVG")
    return parser.parse_args(arguments)


def _positive(kind: type[float]) -> type[float]:
    def read(text: str) -> float:
        number = kind(text)
        if number <= 0:
            raise ValueError(text)
        return number

    read.__name__ = kind.__name__
    return read  # type: ignore[return-value]  # argparse takes any function of a text


if __name__ == "__main__":
    sys.exit(main())
