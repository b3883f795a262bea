"""What goes wrong: each fault is injected into a full cluster under load, and left for it to get over."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from nodes import Cluster, Member
from processes import Unavailable, kill, send

HANG: Final = 30
"""Seconds that a hung node hangs: longer than its leadership (`ttl`, 20 s)."""
DOWN: Final = 3
"""Seconds until what was killed is started again."""


@dataclass(frozen=True, slots=True)
class Target:
    """What faults are injected into."""

    cluster: Cluster
    service: psutil.Process
    """The supervisor of the workers."""
    choice: random.Random


async def kill_postgres(target: Target) -> None:
    """Kill the primary's PostgreSQL, and leave its Patroni alone."""
    leader = await _leader(target)
    kill([process for process in leader.processes() if _is_postgres(process, leader)])


async def kill_node(target: Target) -> None:
    """Kill all of the primary's node, and start it again later."""
    leader = await _leader(target)
    await asyncio.to_thread(leader.kill)
    await _until_another_leads(target, leader)
    leader.start()


async def hang_node(target: Target) -> None:
    """Stop all of the primary's node (SIGSTOP), and let it go on when another leads."""
    leader = await _leader(target)
    stopped = leader.processes()
    send(stopped, signal.SIGSTOP)
    try:
        await asyncio.sleep(HANG)
    finally:
        send(stopped, signal.SIGCONT)


async def switch_over(target: Target) -> None:
    """Have the primary hand over in order."""
    await asyncio.to_thread(target.cluster.switch_over)


async def kill_elector(target: Target) -> None:
    """Kill a member of etcd, and start it again later."""
    if not target.cluster.electors:
        raise Unavailable("no etcd to kill, Patroni's Raft has its place: apt-get install etcd-server")
    elector = target.choice.choice(target.cluster.electors)
    await asyncio.to_thread(elector.kill)
    await asyncio.sleep(DOWN)
    elector.start()


async def kill_worker(target: Target) -> None:
    """Kill a worker of the service."""
    # multiprocessing's resource tracker is a child too, the first and the one that has no `spawn_main`.
    workers = [child for child in target.service.children() if "spawn_main" in " ".join(child.cmdline())]
    kill([target.choice.choice(workers)])


async def freeze_and_kill(target: Target) -> None:
    """Stop the primary's walsenders, so that commits reach no standby; half a second later kill its node."""
    leader = await _leader(target)
    send([process for process in leader.processes() if "walsender" in " ".join(process.cmdline())], signal.SIGSTOP)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(leader.kill)
    await _until_another_leads(target, leader)
    leader.start()


Fault = Callable[[Target], Awaitable[None]]

FAULTS: Final[dict[str, Fault]] = {
    "kill postgres": kill_postgres,
    "switchover": switch_over,
    "kill worker": kill_worker,
    "kill etcd": kill_elector,
    "kill node": kill_node,
    "hang node": hang_node,
    "freeze walsenders, kill node": freeze_and_kill,
}
SHORT: Final = ("kill postgres", "switchover", "kill worker")
CONTROL: Final = ("freeze walsenders, kill node",)
"""What asynchronous replication must lose rows by."""


async def _leader(target: Target) -> Member:
    return await asyncio.to_thread(target.cluster.leader)


async def _until_another_leads(target: Target, old: Member) -> None:
    """Wait for a new leader: the old one, back at once, would only lead on, and lose nothing."""
    for _ in range(60):
        await asyncio.sleep(1)
        try:
            if await _leader(target) != old:
                return
        except Unavailable:
            continue
    raise Unavailable(f"no other node leads within 60 s of the end of {old.name}")


def _is_postgres(process: psutil.Process, node: Member) -> bool:
    try:
        return Path(process.cwd()) == node.folder / "data"
    except psutil.Error:
        return False
