"""What was found: medians and spread, as a table and as JSON, with the machine it was measured on."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.contestants import CONTESTANTS
from bench.load import Load
from bench.rows import ROWS, Sample

PACKAGES: Final = ("imtegrate", "uvicorn", "uvloop", "sqlalchemy", "asyncpg", "aiosqlite", "fastapi", "connexion")
"""Whose versions matter."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured."""

    samples: Mapping[str, Sequence[Sample]]
    """By row."""
    failures: Mapping[str, str]
    """By row, why it has no figure."""
    loads: Mapping[str, Sequence[Load]]
    """By contestant, one a run."""
    absent: Mapping[str, str]
    """By contestant, why it was not measured."""
    seconds: int
    runs: int

    def median_rate(self, name: str) -> float:
        """A contestant's creations a second."""
        return statistics.median(load.rate for load in self.loads[name])

    def as_json(self) -> dict[str, Any]:
        """All of it, as `--json` writes it."""
        return {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "packages": _versions(),
            "seconds": self.seconds,
            "runs": self.runs,
            "rows": {name: _summary(name, samples) for name, samples in self.samples.items()},
            "failures": dict(self.failures),
            "contestants": {
                name: {"title": CONTESTANTS[name].title, "runs": [asdict(load) for load in loads]}
                for name, loads in self.loads.items()
            },
            "absent": dict(self.absent),
        }

    def write(self, path: Path) -> None:
        """Write JSON.

        Raises:
            OSError: it cannot be written.
        """
        path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n")

    def print(self, console: Console) -> None:
        """Print the tables, and who was not there."""
        if self.loads:
            console.print(self._contestants())
        console.print(self._rows())
        for name, reason in self.absent.items():
            console.print(f"not measured: {CONTESTANTS[name].title}: {reason}", markup=False)
        console.print(f"{machine()}; load by wrk, {self.seconds} s a time", markup=False)

    def _contestants(self) -> Table:
        table = Table("", title="32 connections, one process", title_justify="left")
        for heading in ("creations/s", "p50 ms", "p99 ms"):
            table.add_column(heading, justify="right")
        for name, contestant in CONTESTANTS.items():
            if name not in self.loads:
                continue
            loads = self.loads[name]
            cells = [
                f"{statistics.median(figures):,.{digits}f}"
                for figures, digits in (
                    ([load.rate for load in loads], 0),
                    ([load.p50 for load in loads], 1),
                    ([load.p99 for load in loads], 1),
                )
            ]
            table.add_row(contestant.title, *cells)
        return table

    def _rows(self) -> Table:
        table = Table("row", "what", title=f"medians of {self.runs}", title_justify="left")
        for heading in ("median", "lowest to highest", "at least", "aim"):
            table.add_column(heading, justify="right")
        table.add_column("worked out from")
        for name, row in ROWS.items():
            if name in self.failures:
                table.add_row(name, row.title, "—", "", "", "", self.failures[name])
            elif name in self.samples:
                found = _summary(name, self.samples[name])
                verdict = {True: "[green]", False: "[red]", None: ""}[found["holds"]]
                parts = "\n".join(f"{label} {value:,.4g}" for label, value in found["parts"].items())
                table.add_row(
                    name,
                    row.title,
                    f"{verdict}{found['median']:.3g}{row.unit}",
                    f"{found['lowest']:.3g} to {found['highest']:.3g}",
                    "" if row.least is None else f"{row.least:g}{row.unit}",
                    "" if row.aim is None else f"{row.aim:g}{row.unit}",
                    parts,
                )
        return table


def _summary(name: str, samples: Sequence[Sample]) -> dict[str, Any]:
    row, values = ROWS[name], [sample.value for sample in samples]
    median = statistics.median(values)
    parts: dict[str, list[float]] = {}
    for sample in samples:
        for label, value in sample.parts.items():
            parts.setdefault(label, []).append(value)
    return {
        "title": row.title,
        "unit": row.unit.strip(),
        "median": median,
        "lowest": min(values),
        "highest": max(values),
        "at_least": row.least,
        "aim": row.aim,
        "less_is_better": row.less_is_better,
        "holds": row.holds(median),
        "parts": {label: statistics.median(found) for label, found in parts.items()},
    }


def machine() -> str:
    """What it was measured on, in a line."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
