"""The rows of the table: what each measures, in one run, and what it is to reach."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bench import databases, load
from bench.contestants import CONTESTANTS
from bench.documents import with_operations
from bench.measuring import Run
from bench.peers import ours
from bench.processes import memory
from running import DOCUMENT

CROWD: Final = 1_000
"""Connections at once."""

OPERATIONS: Final = 1_000
"""Of a large document."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run found."""

    value: float
    """What the row is about, and its aim is for."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What it was worked out from."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    title: str
    measure: Callable[[Run], Sample]
    """Raises `NotMeasured`."""
    least: float | None = None
    aim: float | None = None
    less_is_better: bool = False
    unit: str = "×"

    def holds(self, value: float) -> bool | None:
        """Whether a value reaches what it must at least; None where nothing is asked."""
        if self.least is None:
            return None
        return value <= self.least if self.less_is_better else value >= self.least


def _against(name: str, peer: str) -> Callable[[Run], Sample]:
    """Creations a second, as a multiple of the peer's."""

    def measure(run: Run) -> Sample:
        # The peer first: if it is not here, nothing else need be measured.
        other, one = run.load(peer), run.load(name)
        parts = {f"{CONTESTANTS[who].title}, /s": found.rate for who, found in ((name, one), (peer, other))}
        return Sample(one.rate / other.rate, parts)

    return measure


def _p99(name: str, *peers: str) -> Callable[[Run], Sample]:
    """p99 as a part of the best peer's, of those that are there."""

    def measure(run: Run) -> Sample:
        others = {peer: run.load(peer).p99 for peer in run.present(peers)}
        own = run.load(name).p99
        parts = {f"{CONTESTANTS[who].title}, ms": p99 for who, p99 in {name: own, **others}.items()}
        return Sample(own / min(others.values()), parts)

    return measure


def _alone(engine: str) -> Callable[[Run], Sample]:
    """The latency on one connection, as a multiple of a bare insertion's."""

    def measure(run: Run) -> Sample:
        url, _ = ours.prepare(run.lab, engine)
        bare = statistics.median(databases.insert_one_by_one(url, run.lab.seconds)) * 1e3
        with CONTESTANTS[f"ours-{engine}"].start(run.lab) as target:
            creation = run.apply(target, connections=1).p50
        return Sample(creation / bare, {"creation, ms": creation, "INSERT and commit, ms": bare})

    return measure


def _filled(engine: str) -> Callable[[Run], Sample]:
    """The speed with many keys, as a part of that with none."""

    def measure(run: Run) -> Sample:
        empty = run.load(f"ours-{engine}").rate
        url, token = ours.prepare(run.lab, engine)
        databases.fill(url, run.lab.keys)
        with ours.serving(run.lab, url) as program:
            filled = run.apply(ours.target_of(program, token)).rate
        return Sample(filled / empty, {f"with {run.lab.keys:,} keys, /s": filled, "with none, /s": empty})

    return measure


def _operations(run: Run) -> Sample:
    """What a request without a token takes, which is routed and refused: nothing hides the cost of routing."""
    rates: dict[int, float] = {}
    for operations in (1, OPERATIONS):
        document = run.lab.folder / f"operations-{operations}.json"
        document.write_bytes(with_operations(DOCUMENT.read_bytes(), operations))
        url, _ = ours.prepare(run.lab, "sqlite")
        with ours.serving(run.lab, url, document) as program:
            rates[operations] = run.apply(ours.target_of(program), refused=True).rate
    parts = {f"the last of {operations:,}, /s": rate for operations, rate in rates.items()}
    return Sample(rates[1] / rates[OPERATIONS], parts)


def _memory(run: Run) -> Sample:
    """The most memory of the serving process and its children, at rest and after many creations."""
    with CONTESTANTS["ours-sqlite"].start(run.lab) as target:
        before, made = memory(target.process), 0
        while made < run.lab.creations:
            made += load.apply(target, run.lab.seconds).requests
        after = memory(target.process)
    return Sample(max(before, after), {"at rest, MB": before, f"after {made:,} creations, MB": after})


def _start(run: Run) -> Sample:
    """Seconds from the start of `serve` to its first answer."""
    url, _ = ours.prepare(run.lab, "sqlite")
    with ours.serving(run.lab, url) as program:
        return Sample(program.seconds)


def _crowd(run: Run) -> Sample:
    """p99 with a thousand connections, as a multiple of 32 connections', by connection."""
    few = run.load("ours-sqlite").p99
    with CONTESTANTS["ours-sqlite"].start(run.lab) as target:
        many = run.apply(target, connections=CROWD).p99
    share = many / CROWD / (few / load.CONNECTIONS)
    return Sample(share, {f"p99 at {CROWD:,}, ms": many, f"p99 at {load.CONNECTIONS}, ms": few})


_AGAINST_FASTAPI: Final = "against FastAPI + SQLAlchemy"

ROWS: Final = {
    "start": Row("start, `serve` to first answer", _start, 2, 1, less_is_better=True, unit=" s"),
    "sqlite": Row(f"creations/s, SQLite, {_AGAINST_FASTAPI}", _against("ours-sqlite", "fastapi-sqlite"), 12, 20),
    "postgresql": Row(
        f"creations/s, PostgreSQL, {_AGAINST_FASTAPI} + asyncpg",
        _against("ours-postgresql", "fastapi-postgresql"),
        8,
        12,
    ),
    "fastify": Row("creations/s, PostgreSQL, against Fastify + pg", _against("ours-postgresql", "fastify"), 1.3, 2),
    "connexion": Row("creations/s, SQLite, against Connexion that keeps nothing", _against("ours-sqlite", "connexion")),
    "limit-sqlite": Row(
        "creations/s, SQLite, against the bare ASGI limit", _against("ours-sqlite", "bare"), 0.40, 0.55
    ),
    "limit-postgresql": Row(
        "creations/s, PostgreSQL, against the bare ASGI limit", _against("ours-postgresql", "bare"), 0.40, 0.55
    ),
    "p99-sqlite": Row(
        f"p99, SQLite, {_AGAINST_FASTAPI}", _p99("ours-sqlite", "fastapi-sqlite"), 1, 0.33, less_is_better=True
    ),
    "p99-postgresql": Row(
        "p99, PostgreSQL, against the best peer",
        _p99("ours-postgresql", "fastapi-postgresql", "fastify"),
        1,
        0.33,
        less_is_better=True,
    ),
    "alone-sqlite": Row(
        "latency alone, SQLite, against INSERT and commit", _alone("sqlite"), 2, 1.5, less_is_better=True
    ),
    "alone-postgresql": Row(
        "latency alone, PostgreSQL, against INSERT and commit", _alone("postgresql"), 2, 1.5, less_is_better=True
    ),
    "filled-sqlite": Row("speed with many keys, SQLite, against none", _filled("sqlite"), 0.90, 0.98),
    "filled-postgresql": Row("speed with many keys, PostgreSQL, against none", _filled("postgresql"), 0.90, 0.98),
    "operations": Row(
        f"the last of {OPERATIONS:,} operations, against the only one", _operations, 1.15, 1.03, less_is_better=True
    ),
    "memory": Row("memory of the serving processes", _memory, 120, 90, less_is_better=True, unit=" MB"),
    "workers": Row("4 workers on PostgreSQL, against 1", _against("ours-postgresql-4", "ours-postgresql")),
    "crowd": Row(f"p99 a connection, {CROWD:,} against {load.CONNECTIONS}", _crowd, less_is_better=True),
}
"""By the name that `--only` takes, in the order in which they are measured."""
