"""Hypothesis drives the real service through a key's life, kills it, edits its document, and asks a model what it owes.

The model knows what each key may do. After every run the database is compared with it: each acknowledged key is there
once, in the state that the model has it in, and the audit trail has one line for each thing done or refused.
"""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection

from db import Database, list_events, list_keys
from editing import DOCUMENT, patched
from imtegrate import administration
from running import KEYS, Running, create_organisation, faults_of, running, unknown_token

SOAK: Final = os.environ.get("IMTEGRATE_SOAK") == "1"

SECONDS: Final = 600.0 if SOAK else 8.0
"""Of driving, an engine; what is begun is ended, and nothing is begun after."""

SEEN: Final = ("201", "401", "403", "kills")
"""What has to have happened before the time is over."""

STEPS: Final = 40
"""Of one life."""

SCOPES: Final = ("*", "api-keys:write", "reports:read", "reports:write")

LIVES: Final = 8
"""Between two comparisons of the whole database."""

BURST: Final = 4
"""Clients that make keys when the service is killed."""

LOST: Final = "burst"
"""The name of what they make."""

NAME_LENGTHS: Final = (120, 20, 5)
"""What the document's `maxLength` of a name is edited to."""

RIGHT: Final = "api-keys:write"
"""What a key has to hold to make another."""


@dataclass(eq=False)
class Key:
    """What the model knows of an acknowledged key."""

    id: str
    token: str
    prefix: str
    name: str
    scopes: frozenset[str]
    env: str
    expires_at: datetime | None = None
    revoked: bool = False

    def __repr__(self) -> str:
        return f"<Key {self.name} {sorted(self.scopes)} {self.env}>"

    @property
    def works(self) -> bool:
        """Whether it is good now."""
        return not self.revoked and (self.expires_at is None or self.expires_at > datetime.now(UTC))

    def holds(self, *scopes: str) -> bool:
        """Whether it may give each of these scopes."""
        return "*" in self.scopes or self.scopes >= set(scopes)


@dataclass
class Drive:
    """One database that every life of an engine adds to, and what was done to it."""

    url: str
    folder: Path
    done: Counter[str] = field(default_factory=Counter)
    keys: list[Key] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    """How many lines of each action the audit trail owes."""
    lost: list[Key] = field(default_factory=list)
    """Who asked and was not answered, because of a kill."""
    refused: list[int] = field(default_factory=list)
    """With what status, while a kill was near."""
    service: Any = None
    """The context that runs the service."""
    running: Running | None = None

    @property
    def spec(self) -> Path:
        """The document that is served."""
        return self.folder / "openapi.json"

    def start(self) -> Running:
        """Start the service, unless it runs."""
        if self.running is None:
            arguments = ("serve", "--spec", self.spec, "--database-url", self.url, "--deadline", "20")
            self.service = running(*arguments, cwd=self.folder)
            self.running = self.service.__enter__()
            self.http = self.running.client()
        return self.running

    def stop(self, number: int) -> int:
        """End the service by a signal; its exit code."""
        assert self.running is not None
        self.http.close()
        code = self.running.stop(number)
        log = self.running.log.read_text()
        assert "Traceback" not in log, log
        self.service.__exit__(None, None, None)
        self.running = None
        return code

    def compare(self) -> None:
        """See that the database has what the model has: each key once and in its state, each event once."""
        rows = self.run(list_keys)
        found = {str(row.id): row for row in rows}
        assert len(found) == len(rows)
        assert len({key.token for key in self.keys}) == len({key.id for key in self.keys}) == len(self.keys)
        now = datetime.now(UTC)
        for key in self.keys:
            row = found.pop(key.id)
            assert (row.name, row.env, frozenset(row.scopes)) == (key.name, key.env, key.scopes)
            assert (row.revoked_at is not None) == key.revoked
            assert (row.state(now) == "active") == key.works
        # Kept before the kill, and not yet acknowledged: at most those that nobody was answered.
        assert {row.name for row in found.values()} <= {LOST}
        assert len(found) <= len(self.lost)
        events = Counter(event.action for event in self.run(list_events))
        owed = +self.events
        # A successor has its name of the key that it follows, and a line of another kind.
        owed["key.created"] += sum(row.name == LOST and row.rotated_from is None for row in rows)
        refused = events.pop("key.refused", 0) - owed.pop("key.refused", 0)
        # Likewise: a refusal may be kept, and nobody answered.
        forbidden = self.refused.count(403)
        assert forbidden <= refused <= forbidden + len(self.lost)
        assert events == owed

    def run(self, work: Callable[[Connection], Any]) -> Any:
        """What a command of the operator's does, in a transaction of another process than the service."""

        async def transaction() -> Any:
            database = Database(self.url)
            try:
                return await database.run(work)
            finally:
                await database.aclose()

        return asyncio.run(transaction())

    def write(self, length: int) -> None:
        """Save the document with another `maxLength` of a key's name."""
        pointer = "/components/schemas/ApiKeyCreate/properties/name/maxLength"
        published = json.loads(DOCUMENT.read_bytes())
        self.spec.write_text(json.dumps(patched(published, [("replace", pointer, length)])))


class Life(RuleBasedStateMachine):
    """Keys from the root key on, in an organisation that earlier lives have left theirs in."""

    drive: Drive
    keys = Bundle("keys")

    @initialize(target=keys)
    def begin(self) -> Key:
        """The root key of a new organisation, a document as published, and a service that runs."""
        drive = self.drive
        drive.done["lives"] += 1
        self.length = NAME_LENGTHS[0]
        self.edit(self.length)
        made = drive.run(administration.create_organisation_with_key(f"Life {drive.done['lives']}"))
        drive.events["organisation.created"] += 1
        drive.events["key.created"] += 1
        return self.keep(
            Key(made["key_id"], made["token"], made["prefix"], "root", frozenset(made["scopes"]), made["env"])
        )

    # ---- what a key's holder does ------------------------------------------------------------------------------------

    @rule(
        target=keys,
        maker=keys,
        name=st.text(min_size=1, max_size=30),
        scopes=st.lists(st.sampled_from(SCOPES), max_size=3),
        env=st.sampled_from(["test", "live"]),
    )
    def make(self, maker: Key, name: str, scopes: list[str], env: str) -> Any:
        """Make a key with a key: 201, or 401, 403 or 422 just where the model says so."""
        self.drive.done["steps"] += 1
        answer = self.ask(maker.token, {"name": name, "scopes": scopes, "env": env})
        wanted = self.owed(maker, name, scopes, env)
        # What has a moment left may be over when it is asked.
        assert answer.status_code == wanted or not maker.works, (wanted, answer.status_code, answer.text, maker)
        self.drive.done[f"{answer.status_code}"] += 1
        if answer.status_code != 201:
            faults_of(answer, 401 if not maker.works and answer.status_code == 401 else wanted)
            self.drive.events["key.refused"] += answer.status_code == 403
            return multiple()
        self.drive.events["key.created"] += 1
        made = answer.json()
        assert (made["name"], made["scopes"], made["revoked_at"]) == (name, scopes, None)
        return self.keep(Key(made["id"], made["token"], made["prefix"], name, frozenset(scopes), env, maker.expires_at))

    @rule(key=keys)
    def use(self, key: Key) -> None:
        """Use a key, narrowed or not, revoked or not: it does what the model says."""
        self.make(key, "used", [], key.env)

    @precondition(lambda self: self.drive.done["intrusions"] < self.drive.done["steps"] // 10)
    @rule(token=st.sampled_from(["", "nothing", unknown_token(), unknown_token("test")]))
    def intrude(self, token: str) -> None:
        """Nobody's token makes nothing."""
        self.drive.done["intrusions"] += 1
        self.drive.done["steps"] += 1
        faults_of(self.ask(token, {"name": "intruder"}), 401)

    # ---- what an operator does ---------------------------------------------------------------------------------------

    @rule(key=keys)
    def revoke(self, key: Key) -> None:
        """Revoke a key, or again one that is: it works no more, at once."""
        self.drive.done["steps"] += 1
        self.drive.run(administration.revoke(key.prefix))
        self.drive.done["revoked"] += 1
        self.drive.events["key.revoked"] += not key.revoked
        key.revoked = True
        faults_of(self.ask(key.token, {"name": "revoked"}), 401)

    @rule(target=keys, key=keys, overlap=st.sampled_from([timedelta(0), timedelta(hours=24)]))
    def rotate(self, key: Key, overlap: timedelta) -> Any:
        """Rotate a key: the successor may what it may, and the old one ends with the overlap."""
        self.drive.done["steps"] += 1
        work = administration.rotate_key(key.prefix, overlap)
        if not key.works:
            with pytest.raises(administration.Refused, match="only a key that is good can be rotated"):
                self.drive.run(work)
            return multiple()
        made = self.drive.run(work)
        new = Key(made["id"], made["token"], made["prefix"], key.name, key.scopes, key.env, key.expires_at)
        end = datetime.now(UTC) + overlap
        key.expires_at = end if key.expires_at is None else min(key.expires_at, end)
        self.drive.done["rotated"] += 1
        self.drive.events["key.rotated"] += 1
        if not overlap:
            faults_of(self.ask(key.token, {"name": "rotated"}), 401)
        return self.keep(new)

    @precondition(lambda self: self.drive.done["expired"] < self.drive.done["steps"] // 10)
    @rule()
    def expire(self) -> None:
        """A key that had a moment to live works no more once it is over."""
        self.drive.done["expired"] += 1
        self.drive.done["steps"] += 1
        made = self.drive.run(
            administration.create_key(
                f"Life {self.drive.done['lives']}", "short", ["*"], "live", datetime.now(UTC) + timedelta(seconds=0.05)
            )
        )
        self.drive.events["key.created"] += 1
        expires_at = datetime.fromisoformat(made["expires_at"])
        short = self.keep(Key(made["id"], made["token"], made["prefix"], "short", frozenset("*"), "live", expires_at))
        while short.works:
            time.sleep(0.01)
        faults_of(self.ask(short.token, {"name": "late"}), 401)

    @precondition(lambda self: self.drive.done["edits"] < self.drive.done["steps"] // 8)
    @rule(length=st.sampled_from(NAME_LENGTHS))
    def edit(self, length: int) -> None:
        """Edit the document, and SIGHUP: names may be so long from now on."""
        self.drive.done["edits"] += 1
        self.length = length
        self.drive.write(length)
        service = self.drive.start()
        service.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while self.drive.http.get("/openapi.json").content != self.drive.spec.read_bytes():
            assert time.monotonic() < deadline, service.log.read_text()
            time.sleep(0.01)

    # ---- what befalls the service ------------------------------------------------------------------------------------

    @precondition(lambda self: self.drive.done["kills"] < self.drive.done["steps"] // 30)
    @rule(target=keys, delay=st.integers(0, 60), key=keys)
    def kill(self, delay: int, key: Key) -> Any:
        """`kill -9` some milliseconds into a burst, and start again: what was acknowledged is as it was."""
        drive = self.drive
        drive.done["kills"] += 1
        service = drive.start()
        with ThreadPoolExecutor(BURST) as pool:
            bursts = [pool.submit(self.burst, service, key) for _ in range(BURST)]
            time.sleep(delay / 1000)
            assert drive.stop(signal.SIGKILL) == -signal.SIGKILL
            made = [key for one in bursts for key in one.result()]
        drive.start()
        for one in made:
            self.make(one, "used", [], one.env)
        return multiple(*made[:2])

    def burst(self, service: Running, maker: Key) -> list[Key]:
        """Make keys until the service is gone; those that were acknowledged."""
        made = []
        body = {"name": LOST, "scopes": [], "env": maker.env}
        with service.client(headers={"Authorization": f"Bearer {maker.token}"}) as client:
            while True:
                try:
                    answer = client.post(KEYS, json=body)
                except httpx.TransportError:
                    self.drive.lost.append(maker)
                    return made
                if answer.status_code != 201:
                    self.drive.refused.append(answer.status_code)
                    continue
                told = answer.json()
                key = Key(told["id"], told["token"], told["prefix"], LOST, frozenset(), maker.env, maker.expires_at)
                made.append(self.keep(key))

    @precondition(lambda self: self.drive.done["restarts"] < self.drive.done["steps"] // 40)
    @rule()
    def restart(self) -> None:
        """End in order, and start again."""
        self.drive.done["restarts"] += 1
        assert self.drive.stop(signal.SIGTERM) == 0
        self.drive.start()

    # ---- what holds at every moment ----------------------------------------------------------------------------------

    @invariant()
    def is_well(self) -> None:
        """The service runs, and says so."""
        if self.drive.running is not None:
            assert self.drive.running.process.poll() is None

    def owed(self, maker: Key, name: str, scopes: list[str], env: str) -> int:
        """The status that a request is to be answered with."""
        if not maker.works:
            return 401
        # Who may make no key at all is not told what is wrong with this one.
        if not maker.holds(RIGHT):
            return 403
        if not 2 <= len(name) <= self.length:
            return 422
        return 201 if maker.holds(*scopes) and maker.env in (env, "live") else 403

    def ask(self, token: str, body: dict[str, Any]) -> httpx.Response:
        """Send one request; no answer is of the service's own failing."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.drive.http.post(KEYS, json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        return answer

    def keep(self, key: Key) -> Key:
        """Note an acknowledged key."""
        self.drive.keys.append(key)
        return key


@pytest.fixture
def drive(make_database_url: Callable[[], str], tmp_path: Path) -> Iterator[Drive]:
    """A database with nothing but the schema and one organisation in it."""
    url = make_database_url()
    root = create_organisation(url, tmp_path, "The first")
    drive = Drive(url, tmp_path)
    drive.events.update(("organisation.created", "key.created"))
    drive.keys.append(
        Key(root["key_id"], root["token"], root["prefix"], "root", frozenset(root["scopes"]), root["env"])
    )
    yield drive
    if drive.running is not None:
        drive.stop(signal.SIGTERM)


def test_the_service_does_what_the_model_does(
    drive: Drive, engine: str, record_property: Callable[[str, object], None]
) -> None:
    """Through lives of keys, kills, restarts and edits, no answer and no row differs from the model's."""
    began = time.monotonic()
    lives: Any = type("Life", (Life,), {"drive": drive})
    while time.monotonic() - began < SECONDS or not all(drive.done[each] for each in SEEN):
        run_state_machine_as_test(
            lives,
            settings=settings(
                max_examples=LIVES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                # The database remembers every life: one that failed cannot be lived again, only shorter.
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
        drive.compare()
    done = {**drive.done, "keys": len(drive.keys), "unanswered": len(drive.lost), "seconds": time.monotonic() - began}
    for name, count in done.items():
        record_property(name, count)
    print(f"model on {engine}: {done}")  # noqa: T201 (what `pytest -s` and the soak show)
