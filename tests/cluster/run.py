"""Injects faults into a cluster under load, and checks that no acknowledged key is lost: `tox -e cluster`.

Three PostgreSQL nodes under Patroni, `imtegrate serve` with two workers on them, clients that create keys and revoke
some. Prints a table; ends with 1 if a promise was broken or the service did not come back. `--control` is the same with
asynchronous replication: it ends with 1 if nothing was lost, since then the check would see nothing.
"""

import argparse
import asyncio
import random
import secrets
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import asyncpg
import httpx
import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from checking import Verdict, check
from faults import CONTROL, FAULTS, SHORT, Target
from load import Load, Record
from nodes import Cluster
from plot import draw
from processes import Unavailable, workspace

from running import DOCUMENT, create_organisation, imtegrate, running

QUIET: Final = 3
"""Seconds of load without a fault before the first one and after the last."""
RECOVERY: Final = 90
"""Seconds until keys are created again and the cluster is full, after a fault."""

_UNREACHABLE: Final = (asyncpg.PostgresError, httpx.HTTPError, subprocess.TimeoutExpired)
"""How the last reading, or a command, fails where nothing came back."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time from one fault to the next, on the monotonic clock."""

    fault: str
    start: float
    end: float

    def holds(self, moment: float) -> bool:
        """Whether a moment is in it."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run saw."""

    windows: list[Window]
    record: Record
    verdict: Verdict
    stuck: str
    """What did not come back after a fault, the last that was injected; empty if all did."""


async def run(folder: Path, schedule: list[str], seed: int, *, synchronous: bool) -> Outcome:
    """Start everything, inject the faults in turn, and check.

    Raises:
        Unavailable: something cannot be had, or did not come back in time.
    """
    cluster = Cluster(folder, synchronous=synchronous)
    await asyncio.to_thread(cluster.start)
    service_folder = folder / "service"
    service_folder.mkdir()
    done = imtegrate("db", "upgrade", "--database-url", cluster.url, cwd=service_folder)
    if done.returncode != 0:
        raise Unavailable(f"imtegrate db upgrade: {done.stderr.strip()}")
    root = create_organisation(cluster.url, service_folder)
    async with AsyncExitStack() as stack:
        serve = ("serve", "--workers", "2", "--spec", DOCUMENT, "--database-url", cluster.url)
        service = stack.enter_context(running(*serve, cwd=service_folder))
        target = Target(cluster, psutil.Process(service.process.pid), random.Random(seed))
        load = Load(service.url, cluster.url, root["token"], service_folder, seed)
        async with load as record:
            windows, stuck = await _inject(schedule, target, record)
        verdict = await check(record, cluster.url, service.url, str(root["key_id"]))
    return Outcome(windows, record, verdict, stuck)


async def _inject(schedule: list[str], target: Target, record: Record) -> tuple[list[Window], str]:
    await _until_created(record)
    started = [("none", time.monotonic())]
    stuck = ""
    await asyncio.sleep(QUIET)
    for name in schedule:
        started.append((name, time.monotonic()))
        try:
            await FAULTS[name](target)
            await _until_created(record)
            await asyncio.to_thread(target.cluster.wait_until_full, RECOVERY)
        except Unavailable as error:
            # What was acknowledged until now is checked all the same.
            stuck = f"{name}: {error}"
            break
        await asyncio.sleep(QUIET)
    ends = [start for _, start in started[1:]] + [time.monotonic()]
    return [Window(fault, start, end) for (fault, start), end in zip(started, ends, strict=True)], stuck


async def _until_created(record: Record) -> None:
    """Wait until a key is acknowledged that was asked for about now."""
    known, deadline = len(record.keys), time.monotonic() + RECOVERY
    while len(record.keys) <= known:
        if time.monotonic() > deadline:
            raise Unavailable(f"the service created no key within {RECOVERY} s: {dict(record.refusals)}")
        await asyncio.sleep(0.1)


def longest_pause(record: Record, window: Window) -> float:
    """Seconds of a window that passed without an acknowledgement, at most."""
    moments = [window.start, *(key.at for key in record.keys if window.holds(key.at)), window.end]
    return max(later - earlier for earlier, later in pairwise(moments))


def report(console: Console, outcome: Outcome) -> None:
    """Print the table, and what was refused."""
    table = Table("fault", "acknowledged", "lost", "longest pause (s)")
    for window in outcome.windows:
        keys = [key for key in outcome.record.keys if window.holds(key.at)]
        lost = sum(key.id in outcome.verdict.lost for key in keys)
        table.add_row(window.fault, str(len(keys)), str(lost), f"{longest_pause(outcome.record, window):.1f}")
    console.print(table)
    record = outcome.record
    console.print(f"not acknowledged: {dict(record.refusals)}; there nonetheless: {outcome.verdict.unacknowledged}")
    console.print(f"revoked: {len(record.revoked)}; revocations of unknown outcome: {len(record.uncertain)}")


def judge(console: Console, outcome: Outcome, *, synchronous: bool) -> list[bool]:
    """Say which promises were kept."""
    came_back = "the service and the cluster came back after each fault"
    console.print(f"FAILED: {came_back}: not {outcome.stuck}" if outcome.stuck else f"passed: {came_back}")
    if not synchronous:
        lost = len(outcome.verdict.lost)
        console.print(f"the control lost {lost} acknowledged keys" + ("" if lost else ": the check has no teeth"))
        return [lost > 0, not outcome.stuck]
    for promise, broken in outcome.verdict.promises.items():
        console.print(
            f"{'FAILED' if broken else 'passed'}: {promise}" + (f": not {sorted(broken)[:5]}" if broken else "")
        )
    return [*(not broken for broken in outcome.verdict.promises.values()), not outcome.stuck]


def main() -> int:
    """Run as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="of the order of the faults")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--short", action="store_true", help=f"only: {', '.join(SHORT)}")
    chosen.add_argument("--control", action="store_true", help="asynchronous replication, which must lose keys")
    chosen.add_argument("--fault", action="append", choices=list(FAULTS), help="only this one; may be repeated")
    parser.add_argument("--plot", type=Path, default=Path("cluster.png"), help="the picture to write (cluster.png)")
    options = parser.parse_args()
    schedule = list(SHORT if options.short else CONTROL if options.control else options.fault or FAULTS)
    random.Random(options.seed).shuffle(schedule)
    console = Console(width=100)
    console.print(f"--seed {options.seed}: {', then '.join(schedule)}")
    try:
        with workspace() as folder:
            outcome = asyncio.run(run(folder, schedule, options.seed, synchronous=not options.control))
    except (Unavailable, AssertionError, OSError, *_UNREACHABLE) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    report(console, outcome)
    faults = {window.start: window.fault for window in outcome.windows[1:]}
    draw([key.at for key in outcome.record.keys], faults, options.plot)
    console.print(f"keys created a second: {options.plot}")
    kept = judge(console, outcome, synchronous=not options.control)
    print(f"{sum(kept)} passed, {len(kept) - sum(kept)} failed")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
