"""Administration of keys, on both engines."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from db import KeyFilter, NewKey, expire_key, find_key, get_key, insert_key, list_keys, revoke_key


def test_keys_are_listed_oldest_first(url: str, opened: Any) -> None:
    """All keys, by the moment they were made and then by id."""

    async def scenario() -> None:
        async with opened(url) as scene:
            moments = [datetime(2030, 1, day, tzinfo=UTC) for day in (2, 1, 1)]
            later, *same = [await scene.create(created_at=moment) for moment in moments]
            expected = [*sorted(key.id for key in same), later.id]
            assert [key.id for key in await scene.keys()] == expected

    asyncio.run(scenario())


def test_pages_hold_each_key_once(url: str, opened: Any, new_key: Any) -> None:
    """Keys that were made in one transaction share a moment: page by page, none is left out and none told twice."""

    async def scenario() -> None:
        async with opened(url) as scene:
            units, root = scene.database.units, scene.root
            made = await asyncio.gather(
                *(
                    units.create_key(scene.caller, lambda _, now: new_key(root.org_id, created_at=now))
                    for _ in range(10)
                )
            )
            assert len({key.created_at for key in made}) < 10
            pages, last = [], None
            while page := await scene.database.run(lambda c, last=last: list_keys(c, KeyFilter(after=last, limit=3))):
                pages += page
                last = page[-1]
            assert [key.id for key in pages] == [root.id, *(key.id for key in made)]

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["id", "prefix"])
def test_a_key_is_revoked_by_id_or_prefix(url: str, opened: Any, name: str) -> None:
    """The key that is named is revoked, and no other."""

    async def scenario() -> None:
        async with opened(url) as scene:
            made: NewKey = await scene.create()
            at = datetime.now(UTC)
            revoked = await scene.database.run(lambda c: revoke_key(c, str(getattr(made, name)), at))
            assert (revoked.id, revoked.revoked_at) == (made.id, at)
            assert [key.id for key in await scene.database.run(list_keys) if key.revoked_at is not None] == [made.id]
            assert await scene.database.run(lambda c: find_key(c, (made.prefix, made.digest))) == revoked

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["", "no such prefix", "\0", "01a20a49-f97a-77d4-93e7-c57eae27c49a"])
def test_what_names_no_key_revokes_none(url: str, opened: Any, name: str) -> None:
    """Whatever text it is, the answer is None."""

    async def scenario() -> None:
        async with opened(url) as scene:
            assert await scene.database.run(lambda c: revoke_key(c, name, datetime.now(UTC))) is None
            assert await scene.database.run(lambda c: find_key(c, ("unknown", b"?" * 32))) is None

    asyncio.run(scenario())


def test_a_refused_insert_shows_no_values(url: str, opened: Any) -> None:
    """The error of a constraint is SQLAlchemy's, without the row: its name and digest are nobody's business."""

    async def scenario() -> None:
        async with opened(url) as scene:
            with pytest.raises(sa.exc.IntegrityError) as caught:
                await scene.database.run(lambda c: insert_key(c, scene.root, scene.told_of(scene.root)))
            assert scene.root.digest.hex() not in str(caught.value)

    asyncio.run(scenario())


def test_raising_rolls_back(url: str, opened: Any, new_key: Any) -> None:
    """A function given to `run` that raises leaves nothing behind."""

    async def scenario() -> None:
        async with opened(url) as scene:

            def insert_and_raise(connection: sa.Connection) -> None:
                key = new_key(scene.root.org_id)
                insert_key(connection, key, scene.told_of(key))
                raise LookupError

            with pytest.raises(LookupError):
                await scene.database.run(insert_and_raise)
            assert await scene.keys() == []

    asyncio.run(scenario())


def test_an_end_is_only_ever_brought_nearer(url: str, opened: Any) -> None:
    """A key without an end is given one; an end that there is moves nearer, and never away."""

    async def scenario() -> None:
        async with opened(url) as scene:
            made: NewKey = await scene.create()
            now = datetime.now(UTC)
            for ahead, expected in ((2, 2), (3, 2), (1, 1)):
                at = now + timedelta(hours=ahead)
                await scene.database.run(lambda c, at=at: expire_key(c, made.id, at))
                kept = await scene.database.run(lambda c: get_key(c, made.prefix, lock=True))
                assert kept.expires_at == now + timedelta(hours=expected)

    asyncio.run(scenario())


def test_filters_are_exact(url: str, opened: Any) -> None:
    """Names are compared as they are, not as JSON text writes them; prefixes with capital and small letters apart."""

    async def scenario() -> None:
        async with opened(url) as scene:
            one = await scene.create(name="line\nbreak \0", prefix="imt_live_aaaaaaaa", scopes=["%"])
            two = await scene.create(name="\ud800 caf\u00e9", prefix="imt_live_AAAAAAAA", scopes="%")
            for wanted, expected in (
                (KeyFilter(name_contains="\n"), [one]),
                (KeyFilter(name_contains="nb"), []),
                (KeyFilter(name_contains="u0000"), []),
                (KeyFilter(name_contains="\u00e9"), [two]),
                (KeyFilter(prefix="imt_live_a"), [one]),
                (KeyFilter(prefix="imt_live_%"), []),
                (KeyFilter(prefix="imt_live_\0"), []),
                (KeyFilter(scope="%"), [one]),
            ):
                found = await scene.database.run(lambda c, wanted=wanted: list_keys(c, wanted))
                assert [key.id for key in found] == [key.id for key in expected]

    asyncio.run(scenario())
