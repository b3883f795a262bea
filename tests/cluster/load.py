"""Creates keys and revokes some while faults are injected, and notes what the service acknowledged, and when."""

import asyncio
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

KEYS: Final = "/v1/api-keys"
CREATORS: Final = 8
"""Requests under way at a time."""
REQUEST_TIMEOUT: Final = 10
"""Seconds until a request is given up, its outcome unknown; twice the service's own deadline."""
PAUSE: Final = 0.02
"""Seconds between two requests of a creator: the cluster has the machine too."""


@dataclass(frozen=True, slots=True, repr=False)
class Acknowledged:
    """A key that the service answered 201 for."""

    id: str
    prefix: str
    token: str
    name: str
    at: float
    """Seconds on the monotonic clock."""


@dataclass
class Record:
    """What was acknowledged, and what was seen that must not be."""

    keys: list[Acknowledged] = field(default_factory=list)
    revoked: dict[str, float] = field(default_factory=dict)
    """By id, when the revocation was acknowledged."""
    uncertain: set[str] = field(default_factory=set)
    """Ids whose revocation was asked for and not acknowledged: it may have happened."""
    refusals: Counter[str] = field(default_factory=Counter)
    """How requests ended that were not acknowledged: a status, or an error's name."""
    worked_after_revocation: set[str] = field(default_factory=set)


class Load:
    """Clients of a service at a URL, until the block ends."""

    def __init__(self, url: str, database_url: str, token: str, folder: Path, seed: int) -> None:
        self.record = Record()
        self._url = url
        self._database_url = database_url
        self._token = token
        self._folder = folder
        self._choice = random.Random(seed)
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Record:
        self._client = httpx.AsyncClient(base_url=self._url, timeout=REQUEST_TIMEOUT)
        creators = [self._create(number) for number in range(CREATORS)]
        self._tasks = [asyncio.create_task(work) for work in (*creators, self._revoke(), self._probe())]
        return self.record

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    async def _create(self, creator: int) -> None:
        count = 0
        while not self._ended.is_set():
            count += 1
            # Never tried again: whatever has this name twice was made twice.
            name = f"{creator}-{count}"
            try:
                answer = await self._client.post(
                    KEYS, json={"name": name, "env": "live"}, headers={"Authorization": f"Bearer {self._token}"}
                )
            except httpx.TransportError as error:
                self.record.refusals[type(error).__name__] += 1
            else:
                if answer.status_code == httpx.codes.CREATED:
                    made = answer.json()
                    self.record.keys.append(
                        Acknowledged(made["id"], made["prefix"], made["token"], made["name"], time.monotonic())
                    )
                else:
                    self.record.refusals[str(answer.status_code)] += 1
            await asyncio.sleep(PAUSE)

    async def _revoke(self) -> None:
        while not self._ended.is_set():
            await asyncio.sleep(1)
            if not self.record.keys:
                continue
            key = self._choice.choice(self.record.keys)
            if key.id in self.record.revoked:
                continue
            self.record.uncertain.add(key.id)
            if await self._run_revoke(key.prefix):
                self.record.revoked[key.id] = time.monotonic()
                self.record.uncertain.discard(key.id)

    async def _run_revoke(self, prefix: str) -> bool:
        command = ("-m", "imtegrate", "keys", "revoke", prefix, "--database-url", self._database_url)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await asyncio.wait_for(process.wait(), 20) == 0
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return False

    async def _probe(self) -> None:
        """Try revoked keys: the last one, and any."""
        while not self._ended.is_set():
            await asyncio.sleep(0.1)
            if not self.record.revoked:
                continue
            ids = list(self.record.revoked)
            chosen = {ids[-1], self._choice.choice(ids)}
            for key in [key for key in self.record.keys if key.id in chosen]:
                with suppress(httpx.TransportError):
                    if works(await try_key(self._client, key)):
                        self.record.worked_after_revocation.add(key.id)


async def try_key(client: httpx.AsyncClient, key: Acknowledged) -> int:
    """Ask for a key with this one as the credential: 403 if it works, since it has no scope; 401 if not."""
    answer = await client.post(KEYS, json={"name": "never made"}, headers={"Authorization": f"Bearer {key.token}"})
    return answer.status_code


def works(status: int) -> bool:
    """Whether a status says that the service knew the caller."""
    return status in {httpx.codes.CREATED, httpx.codes.FORBIDDEN}
