"""What a request may rely on, on both engines."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from db import Caller, DatabaseUnavailable, KeyConflict, NewKey, find_key, revoke_key
from db.tables import API_KEYS

Opened = Any
"""The fixture `opened`."""

ODD = '\0 \u202e \U0001f511 é \ud7ff \uffff "\\ \u2028'


def test_a_key_is_kept_as_it_was_given(url: str, opened: Opened) -> None:
    """Every member comes back: U+0000, bidirectional and astral characters, numbers of any size, microseconds."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    values = {
        "name": ODD,
        "scopes": [ODD, "*"],
        "env": {"any": [1, 1.5, None, True, 2**80, -(2**63)]},
        "extra": {ODD: ODD, "empty": {}},
        "created_at": moment,
    }

    async def scenario() -> None:
        async with opened(url) as scene:
            made = await scene.create(**values)
            (kept,) = await scene.keys()
            assert {name: getattr(kept, name) for name in values} == values
            assert (kept.id, kept.org_id, kept.prefix) == (made.id, made.org_id, made.prefix)
            assert (kept.last_used_at, kept.revoked_at) == (None, None)
            found = await scene.database.units.find_caller((made.prefix, made.digest))
            assert found == Caller(made.id, made.org_id, made.scopes, made.env)

    asyncio.run(scenario())


def test_the_caller_is_the_key_with_the_token(url: str, opened: Opened) -> None:
    """`decide` is given the calling key, and None for an unknown prefix, for another digest, and for no token."""
    seen: list[Caller | None] = []

    async def scenario() -> None:
        async with opened(url) as scene:

            def decide(caller: Caller | None, now: datetime) -> NewKey:
                seen.append(caller)
                return scene.decide(Caller(scene.root.id, scene.root.org_id, [], ""), now)

            root = scene.root
            unknown = [("unknown", root.digest), (root.prefix, b"?" * 32), None]
            for token in (scene.caller, *unknown, scene.caller):
                await scene.database.units.create_key(token, decide)
            known = Caller(root.id, root.org_id, root.scopes, root.env)
            assert seen == [known, None, None, None, known]

    asyncio.run(scenario())


def test_a_revoked_key_is_not_found_at_once(url: str, opened: Opened) -> None:
    """The request after a revocation finds nothing, nor does any later one; the first moment of revocation stays."""

    async def scenario() -> None:
        async with opened(url) as scene:
            units, root = scene.database.units, scene.root
            assert await units.find_caller(scene.caller) is not None
            moment = datetime.now(UTC)
            for at in (moment, moment + timedelta(1)):
                revoked = await scene.database.run(lambda connection, at=at: revoke_key(connection, root.prefix, at))
                assert revoked.revoked_at == moment
                assert await units.find_caller(scene.caller) is None

    asyncio.run(scenario())


class _RefusedError(Exception):
    pass


def test_a_refusal_fails_one_request(url: str, opened: Opened) -> None:
    """What `decide` raises, of whatever kind, reaches its own request; those that share the transaction succeed."""

    async def scenario() -> None:
        async with opened(url) as scene:

            def refuse(error: type[BaseException]) -> Any:
                def decide(_: Caller | None, _now: datetime) -> NewKey:
                    raise error

                return scene.database.units.create_key(None, decide)

            results = await asyncio.gather(
                scene.create(), refuse(_RefusedError), refuse(StopIteration), scene.create(), return_exceptions=True
            )
            assert [type(result) for result in results] == [NewKey, _RefusedError, RuntimeError, NewKey]
            assert len(await scene.keys()) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("member", ["id", "prefix", "org_id"])
def test_a_bad_row_fails_alone(url: str, opened: Opened, new_key: Any, member: str) -> None:
    """A row that a constraint refuses fails with `KeyConflict`; the others of its batch are kept, once each."""

    async def scenario() -> None:
        async with opened(url) as scene:
            org_id = uuid4() if member == "org_id" else scene.root.org_id
            bad = new_key(org_id, **({} if member == "org_id" else {member: getattr(scene.root, member)}))
            create = scene.database.units.create_key
            good = [create(scene.caller, scene.decide) for _ in range(4)]
            results = await asyncio.gather(*good[:2], create(None, lambda *_: bad), *good[2:], return_exceptions=True)
            conflict = results.pop(2)
            assert isinstance(conflict, KeyConflict)
            assert scene.root.prefix not in str(conflict)
            assert {key.id for key in await scene.keys()} == {key.id for key in results}
            await scene.create()

    asyncio.run(scenario())


@pytest.mark.parametrize("prefix", ["\ud800", 1])
def test_a_row_that_no_driver_takes_fails_alone(url: str, opened: Opened, prefix: Any) -> None:
    """A row that cannot even be sent fails with the driver's error; the others of its batch are kept."""

    async def scenario() -> None:
        async with opened(url) as scene:
            others = [scene.create() for _ in range(2)]
            results = await asyncio.gather(scene.create(prefix=prefix), *others, return_exceptions=True)
            # SQLite takes a number for a text.
            if not (url.startswith("sqlite") and prefix == 1):
                assert isinstance(results[0], ValueError)
            assert [type(result) for result in results[1:]] == [NewKey, NewKey]

    asyncio.run(scenario())


def test_a_value_that_is_no_json_fails_alone(url: str, opened: Opened) -> None:
    """A key that cannot be written down fails its own request."""

    async def scenario() -> None:
        async with opened(url) as scene:
            results = await asyncio.gather(scene.create(name=object()), scene.create(), return_exceptions=True)
            assert [type(result) for result in results] == [TypeError, NewKey]

    asyncio.run(scenario())


def test_a_cancelled_request_costs_nobody_else(url: str, opened: Opened) -> None:
    """Requests whose client is gone, before or while their batch is under way, leave the others as they were."""

    async def scenario() -> None:
        async with opened(url) as scene:
            for wait in (0, 1, 2, 5):
                tasks = [asyncio.create_task(scene.create()) for _ in range(20)]
                for _ in range(wait):
                    await asyncio.sleep(0)
                for task in tasks[::2]:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(result) for result in results[1::2]} == {NewKey}
                kept = {key.id for key in await scene.keys()}
                assert {key.id for key in results[1::2]} <= kept

    asyncio.run(scenario())


def test_last_use_is_noted_once_a_minute(url: str, opened: Opened) -> None:
    """The first use sets `last_used_at`, one within the minute leaves it, one after it sets it again."""

    async def scenario() -> None:
        async with opened(url) as scene:

            async def used() -> datetime | None:
                found = await scene.database.run(lambda connection: find_key(connection, scene.caller))
                return found.last_used_at

            assert await used() is None
            before = datetime.now(UTC)
            await scene.database.units.create_key(scene.caller, scene.decide)
            first = await used()
            assert before <= first <= datetime.now(UTC)
            await scene.database.units.create_key(scene.caller, scene.decide)
            assert await used() == first
            past = sa.update(API_KEYS).values(last_used_at=first - timedelta(seconds=61))
            await scene.database.run(lambda connection: connection.execute(past).close())
            await scene.database.units.create_key(scene.caller, scene.decide)
            assert await used() >= first

    asyncio.run(scenario())


def test_closing_finishes_what_was_accepted(url: str, opened: Opened) -> None:
    """Requests that wait when the database is closed are done; later ones are refused."""

    async def scenario() -> None:
        async with opened(url) as scene:
            tasks = [asyncio.create_task(scene.create()) for _ in range(600)]
            await asyncio.sleep(0)
            await scene.database.units.aclose()
            assert {type(await task) for task in tasks} == {NewKey}
            with pytest.raises(DatabaseUnavailable):
                await scene.create()

    asyncio.run(scenario())


def test_a_missing_schema_is_a_reason(url: str, opened: Opened) -> None:
    """On a database without tables a request fails with a reason, and the next one works once they are there."""

    async def scenario() -> None:
        async with opened(url) as scene:
            await scene.database.run(
                lambda connection: connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO x").close()
            )
            with pytest.raises(DatabaseUnavailable, match="api_keys"):
                await scene.create()
            await scene.database.run(
                lambda connection: connection.exec_driver_sql("ALTER TABLE x RENAME TO api_keys").close()
            )
            await scene.create()

    asyncio.run(scenario())


def test_a_caller_may_be_known_and_looked_up_at_once(url: str, opened: Opened) -> None:
    """Requests of one caller that create and that are only let in share a transaction: none takes it for unknown."""

    async def scenario() -> None:
        async with opened(url) as scene:

            def admit(caller: Caller | None, _now: datetime) -> Caller:
                assert caller is not None
                return caller

            def create(caller: Caller | None, now: datetime) -> NewKey:
                return scene.decide(admit(caller, now), now)

            units, token = scene.database.units, scene.caller
            await units.create_key(token, create)
            await asyncio.gather(
                *(units.create_key(token, create) for _ in range(8)), *(units.admit(token, admit) for _ in range(8))
            )

    asyncio.run(scenario())
