"""What the audit trail is told of keys that requests make, on both engines: the database makes it of the key itself."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import sqlalchemy as sa

from db import (
    KEY_CREATED,
    KEY_REFUSED,
    Caller,
    Database,
    DatabaseUnavailable,
    Event,
    KeyConflict,
    NewKey,
    Origin,
    Refused,
    TokenKey,
    expire_key,
    list_events,
    revoke_key,
    uuid7,
)
from db.batch import Batch, Request
from db.callers import Guesses, Known
from db.column_types import encode_json, encode_timestamp
from db.sqlite import DatabaseFile
from db.sqlite_process import DONE, Writer
from db.sqlite_statements import SQLITE_FIND, SQLITE_INSERTS, SQLITE_TOUCH
from db.sqlite_writer import LOCK_PATIENCE, SQLiteWriter

Opened = Any
"""The fixture `opened`."""

ORIGIN: Final = Origin("2001:db8::1", "request \u202e 'quoted'; --", bytes(range(32)))


class _RefusedError(Exception):
    pass


def told_of(key: NewKey, caller: Any) -> Event:
    """All ten columns of the event of a key's making: the key's own id and moment, who made it, and from where."""
    origin = key.origin
    return Event(
        id=key.id,
        at=key.created_at,
        action=KEY_CREATED,
        key_id=caller,
        org_id=key.org_id,
        subject_id=key.id,
        address=origin.address,
        request_id=origin.request_id,
        document=origin.document,
        detail="",
    )


def refusal(caller: Caller, now: datetime) -> Refused:
    """A refusal of a caller."""
    event = Event(uuid7(), now, KEY_REFUSED, caller.id, caller.org_id, None, "::1", "r", b"!" * 32, "'why'")
    return Refused(_RefusedError(), event)


async def events(database: Database) -> dict[Any, Event]:
    """Every event, by its id; no id is there twice."""
    return {event.id: event for event in await database.run(list_events)}


async def kill_what_writes(database: Database, url: str) -> None:
    """End the process or the sessions that carry writes out, in whatever they are about."""
    if url.startswith("sqlite"):
        database.units._engine._process._process.kill()  # type: ignore[attr-defined] # noqa: SLF001 - as a crash would
        return
    other = await asyncpg.connect(url)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.close()


@pytest.mark.parametrize("origin", [Origin(), ORIGIN], ids=["of-nowhere", "of-a-client"])
@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_the_making_of_a_key_is_told_column_by_column(
    url: str, opened: Opened, new_key: Callable[..., NewKey], origin: Origin, microsecond: int
) -> None:
    """With a caller, looked up or known, and without: the event has the key's id and moment, its maker and origin."""
    at = datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)

    async def scenario() -> None:
        async with opened(url) as scene:
            before = await events(scene.database)
            create, root = scene.database.units.create_key, scene.root
            callers = [(scene.caller, root.id), (scene.caller, root.id), (None, None), (("unknown", b"?" * 32), None)]
            expected = {}
            for token, maker in callers:
                key = await create(token, lambda *_: new_key(root.org_id, origin=origin, created_at=at))
                expected[key.id] = told_of(key, maker)
            assert await events(scene.database) == before | expected

    asyncio.run(scenario())


def test_each_key_of_a_transaction_is_told_of_by_its_own_maker(
    url: str, opened: Opened, new_key: Callable[..., NewKey]
) -> None:
    """Keys of several callers, keys of nobody, refusals and a row that conflicts: what is kept is told, and that only.

    All share one transaction, and all that is decided together shares its moment.
    """

    async def scenario() -> None:
        async with opened(url) as scene:
            create, root = scene.database.units.create_key, scene.root
            second: NewKey = await scene.create(name="second")
            makers = {scene.caller: root.id, (second.prefix, second.digest): second.id, None: None}
            for token in makers:
                assert token is None or await scene.database.units.find_caller(token) is not None
            for conflicting in (False, True):
                before = await events(scene.database)
                refused: list[Event] = []
                moments: set[datetime] = set()

                def make(caller: Caller | None, now: datetime, moments: set[datetime] = moments) -> NewKey:
                    moments.add(now)
                    made_by = None if caller is None else caller.id
                    return new_key(root.org_id, name=str(made_by), created_at=now, origin=ORIGIN)

                def refuse(caller: Caller | None, now: datetime, refused: list[Event] = refused) -> Refused:
                    assert caller is not None
                    told = refusal(caller, now)
                    refused.append(told.event)
                    return told

                wishes = [create(token, make) for _ in range(5) for token in makers]
                wishes[3:3] = [create(scene.caller, refuse), create((second.prefix, second.digest), refuse)]
                if conflicting:
                    # A prefix is unique: nothing is told of what is not there.
                    wishes[5:5] = [create(scene.caller, lambda *_: new_key(root.org_id, prefix=root.prefix))]
                results = await asyncio.gather(*wishes, return_exceptions=True)
                kinds = Counter(type(result) for result in results)
                assert kinds == Counter({NewKey: 15, _RefusedError: 2} | ({KeyConflict: 1} if conflicting else {}))
                assert len(moments) == 1
                made = {
                    key.id: told_of(key, next((one for one in makers.values() if str(one) == key.name), None))
                    for key in results
                    if isinstance(key, NewKey)
                }
                assert Counter(event.key_id for event in made.values()) == dict.fromkeys(makers.values(), 5)
                assert await events(scene.database) == before | made | {event.id: event for event in refused}

    asyncio.run(scenario())


def test_what_rested_on_a_caller_that_changed_is_not_told(
    url: str, opened: Opened, new_key: Callable[..., NewKey]
) -> None:
    """A guess that fails leaves no line: after a change the key that was decided anew is told, after an end none."""

    async def scenario() -> None:
        async with opened(url) as scene:
            create, root = scene.database.units.create_key, scene.root
            await scene.create()

            def make(caller: Caller | None, now: datetime) -> NewKey:
                if caller is None:
                    raise _RefusedError
                return new_key(caller.org_id, created_at=now, expires_at=caller.expires_at, origin=ORIGIN)

            before = await events(scene.database)
            end = datetime.now(UTC) + timedelta(hours=1)
            await scene.database.run(lambda c: expire_key(c, root.id, end))
            bystanders = [create(None, lambda *_: new_key(root.org_id)) for _ in range(2)]
            *made, first, second = await asyncio.gather(*(create(scene.caller, make) for _ in range(4)), *bystanders)
            assert {key.expires_at for key in made} == {end}
            told = {key.id: told_of(key, root.id) for key in made}
            told |= {key.id: told_of(key, None) for key in (first, second)}
            assert await events(scene.database) == before | told
            await scene.database.run(lambda c: revoke_key(c, root.prefix, datetime.now(UTC)))
            bystander = create(None, lambda *_: new_key(root.org_id))
            results: list[Any] = await asyncio.gather(
                *(create(scene.caller, make) for _ in range(4)), bystander, return_exceptions=True
            )
            *refused, key = results
            assert [type(error) for error in refused] == [_RefusedError] * 4
            assert await events(scene.database) == before | told | {key.id: told_of(key, None)}

    asyncio.run(scenario())


def test_a_batch_rests_on_one_state_of_a_caller(
    sqlite_url: str, opened: Opened, new_key: Callable[..., NewKey]
) -> None:
    """Of requests that were told of a caller before and after it changed, the database confirms one sort only.

    The others are not decided by what no longer holds, but look the caller up again.
    """

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            loop = asyncio.get_running_loop()
            root = scene.root
            before = Caller(root.id, root.org_id, ["*"], "live")
            after = replace(before, expires_at=datetime.now(UTC))
            known = [Known(caller, (caller.id.hex, caller.expires_at)) for caller in (before, after)]
            decided: list[Caller | None] = []

            def decide(caller: Caller | None, _now: datetime) -> NewKey:
                decided.append(caller)
                return new_key(root.org_id)

            for told, guess in (known, known[::-1]):
                decided.clear()
                guesses = Guesses()
                guesses.learn(scene.caller, guess)
                requests = [Request(loop.create_future(), scene.caller, decide, 0) for _ in range(3)]
                requests[1].tell(told)
                batch = Batch(loop, requests)
                assert batch.prepare(guesses, SQLiteWriter(DatabaseFile(Path("unused.db"))))
                assert decided == [guess.caller] * 2
                assert batch.writes == [requests[0], requests[2]]
                assert batch.lookups == {scene.caller}
                batch.done = True
                batch.found = {scene.caller: guess}
                assert batch.learn(guesses) == [requests[1]]
                assert requests[1].known is guess

    asyncio.run(scenario())


def test_keys_and_events_are_one_to_one_whatever_breaks(
    url: str, opened: Opened, new_key: Callable[..., NewKey]
) -> None:
    """What writes is killed again and again: each key is told of once, each event is of a key, and none is lost."""

    async def scenario() -> None:
        async with opened(url, deadline=20) as scene:
            create, root = scene.database.units.create_key, scene.root
            made: list[tuple[NewKey, Any]] = []
            over = asyncio.Event()

            async def load(token: TokenKey | None, maker: Any) -> None:
                while not over.is_set():
                    made.append((await create(token, lambda *_: new_key(root.org_id, origin=ORIGIN)), maker))

            loads = [asyncio.create_task(load(*of)) for of in ((scene.caller, root.id), (None, None)) for _ in range(8)]
            for number in range(12):
                await asyncio.sleep(0.05 + 0.003 * number)
                await kill_what_writes(scene.database, url)
            over.set()
            await asyncio.gather(*loads)
            kept = {key.id for key in await scene.keys()}
            told = await events(scene.database)
            assert {key.id for key, _ in made} <= kept
            assert {event.subject_id for event in told.values()} == kept | {root.id}
            assert len(told) == len(kept) + 1
            for key, maker in made:
                assert told[key.id] == told_of(key, maker)

    asyncio.run(scenario())


def test_what_was_written_before_is_neither_made_nor_told_again(
    sqlite_url: str, sqlite_path: Path, opened: Opened, new_key: Callable[..., NewKey]
) -> None:
    """If the process that writes ends after its commit and before its answer, a second attempt changes no row."""

    async def scenario() -> None:
        async with opened(sqlite_url) as scene:
            root = scene.root
            encoder = SQLiteWriter(DatabaseFile(sqlite_path))
            known = (root.id.hex, root.org_id.hex, encode_json(root.scopes), encode_json(root.env), None)
            keys = [new_key(root.org_id, origin=ORIGIN) for _ in range(3)]
            told = refusal(Caller(root.id, root.org_id, [], ""), datetime.now(UTC)).event
            rests = [scene.caller, None, scene.caller]
            now = encode_timestamp(datetime.now(UTC))
            task = {
                "lookups": [],
                "known": {scene.caller: known},
                "entries": [
                    *((token, encoder.key_row(key), None) for token, key in zip(rests, keys, strict=True)),
                    (scene.caller, None, encoder.event_row(told)),
                ],
                "now": now,
                "noted": now,
            }
            writer = Writer(str(sqlite_path), None, LOCK_PATIENCE, SQLITE_FIND, SQLITE_TOUCH, SQLITE_INSERTS)
            before = await events(scene.database)
            for again in (False, True, True):
                assert writer.carry_out({**task, "again": again}) == (DONE, {}, {}, [])
                made = {
                    key.id: told_of(key, root.id if token else None) for key, token in zip(keys, rests, strict=True)
                }
                assert await events(scene.database) == before | made | {told.id: told}
                assert {key.id for key in await scene.keys()} == {key.id for key in keys}
            writer.disconnect()

    asyncio.run(scenario())


REWRITING: Final = {
    "sqlite": (
        "UPDATE audit_events SET action = 'forged'",
        "UPDATE OR REPLACE audit_events SET id = (SELECT id FROM audit_events LIMIT 1)",
        "DELETE FROM audit_events",
        """REPLACE INTO audit_events
        SELECT id, at, 'forged', key_id, org_id, subject_id, address, request_id, document, detail FROM audit_events""",
        """REPLACE INTO audit_events
        SELECT id, at, action, org_id, NULL, subject_id, address, request_id, document, detail FROM audit_events""",
        """REPLACE INTO audit_events (rowid, id, at, action, address, request_id, detail)
        SELECT rowid, 'another', at, action, address, request_id, detail FROM audit_events""",
    ),
    "postgresql": (
        "UPDATE audit_events SET action = 'forged'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "TRUNCATE organisations, api_keys, audit_events CASCADE",
        "INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET action = 'forged'",
    ),
}


def test_it_is_only_ever_appended_to(url: str, opened: Opened) -> None:
    """Whatever would change, replace or remove an event is refused by the database, and all of it stays as it was."""

    async def scenario() -> None:
        async with opened(url) as scene:
            for _ in range(2):
                await scene.create()
            before = await events(scene.database)
            for statement in REWRITING[scene.database.engine_name]:
                with pytest.raises((DatabaseUnavailable, sa.exc.IntegrityError), match="only ever appended"):
                    await scene.database.run(lambda c, s=statement: c.exec_driver_sql(s).close())
                assert await events(scene.database) == before

    asyncio.run(scenario())
