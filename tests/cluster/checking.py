"""Checks what is kept against what was acknowledged, as Jepsen's set test does: read everything, at the end."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import asyncpg
import httpx
from load import Acknowledged, Record, try_key, works


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ids and names for which a promise was broken; empty sets are what is hoped for."""

    lost: frozenset[str]
    """Acknowledged, and no longer there."""
    repeated: frozenset[str]
    """Ids or names that are there twice, or ids that were acknowledged twice."""
    refused: frozenset[str]
    """Acknowledged and never revoked, and not taken as a credential."""
    revived: frozenset[str]
    """Taken as a credential after their revocation was acknowledged."""
    unacknowledged: int
    """Keys that are there and nobody was told of: allowed, where an answer was lost."""

    @property
    def promises(self) -> dict[str, frozenset[str]]:
        """Each promise, and what broke it."""
        return {
            "every acknowledged id is there": self.lost,
            "no id and no key is there twice": self.repeated,
            "every acknowledged key works": self.refused,
            "no revoked key works": self.revived,
        }


async def check(record: Record, database_url: str, service_url: str, root_id: str) -> Verdict:
    """Read every row of the primary, and try every acknowledged key once."""
    connection = await asyncpg.connect(database_url, timeout=30)
    try:
        # The table itself, not an index, which is what a fault would have broken.
        for kind in ("indexscan", "indexonlyscan", "bitmapscan"):
            await connection.execute(f"SET enable_{kind} = off")
        rows = await connection.fetch("SELECT id, name FROM api_keys")
    finally:
        await connection.close()
    ids = Counter(str(row["id"]) for row in rows)
    names = Counter(row["name"] for row in rows if str(row["id"]) != root_id)
    acknowledged = Counter(key.id for key in record.keys)
    statuses = await _try_all(record.keys, service_url)
    untouched = acknowledged.keys() - record.revoked.keys() - record.uncertain
    return Verdict(
        lost=frozenset(acknowledged.keys() - ids.keys()),
        repeated=frozenset(key for counts in (ids, names, acknowledged) for key, n in counts.items() if n > 1),
        refused=frozenset(key for key in untouched if not works(statuses[key])),
        revived=frozenset(record.worked_after_revocation | {key for key in record.revoked if works(statuses[key])}),
        unacknowledged=len(ids.keys() - acknowledged.keys() - {root_id}),
    )


async def _try_all(keys: list[Acknowledged], service_url: str) -> dict[str, int]:
    statuses: dict[str, int] = {}
    waiting = iter(keys)

    async def work(client: httpx.AsyncClient) -> None:
        for key in waiting:
            statuses[key.id] = await try_key(client, key)

    async with httpx.AsyncClient(base_url=service_url, timeout=30) as client:
        await asyncio.gather(*(work(client) for _ in range(8)))
    return statuses
