"""Migrations: what they make, and who is refused."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from db import Database, NewKey, SchemaOutdated, SchemaTooNew, insert_key, schema, uuid7
from db.sqlite_statements import SQLITE_FIND
from db.tables import API_KEYS, METADATA


def _differences(connection: sa.Connection) -> list[Any]:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)


def _names(connection: sa.Connection) -> set[str | None]:
    """Names of all constraints and indices."""
    inspector = sa.inspect(connection)
    names: set[str | None] = set()
    for table in METADATA.tables:
        names.add(inspector.get_pk_constraint(table)["name"])
        for found in (
            inspector.get_foreign_keys(table),
            inspector.get_unique_constraints(table),
            inspector.get_check_constraints(table),
            inspector.get_indexes(table),
        ):
            names.update(each["name"] for each in found)
    return names


def test_the_models_are_the_migrated_schema(url: str) -> None:
    """Alembic finds no difference between the tables as code and as migrated; constraints have the code's names."""

    async def scenario() -> None:
        database = Database(url)
        await database.upgrade()
        assert await database.run(_differences) == []
        made = await database.run(_names)

        def remake(connection: sa.Connection) -> None:
            METADATA.drop_all(connection)
            METADATA.create_all(connection)

        await database.run(remake)
        assert await database.run(_names) == made
        assert None not in made
        await database.aclose()

    asyncio.run(scenario())


def test_every_revision_goes_down_and_up_again(url: str) -> None:
    """Down to nothing leaves nothing; up again is the schema."""

    async def scenario() -> None:
        database = Database(url)
        await database.upgrade()
        await database.run(lambda connection: schema.downgrade(connection, "base"))
        assert await database.run(lambda connection: sa.inspect(connection).get_table_names()) == ["alembic_version"]
        with pytest.raises(SchemaOutdated, match="has no schema"):
            await database.check_schema()
        await database.upgrade()
        await database.check_schema()
        assert await database.run(_differences) == []
        await database.aclose()

    asyncio.run(scenario())


def test_upgrades_at_once_do_no_harm(url: str) -> None:
    """Several that upgrade an empty database at the same time all succeed."""

    async def scenario() -> None:
        databases = [Database(url, deadline=30) for _ in range(4)]
        await asyncio.gather(*(database.upgrade() for database in databases))
        for database in databases:
            await database.check_schema()
            await database.aclose()

    asyncio.run(scenario())


def test_an_empty_database_is_outdated(url: str) -> None:
    """Before the first upgrade the check names the command that mends it, and makes nothing."""

    async def scenario() -> None:
        database = Database(url)
        for _ in range(2):
            with pytest.raises(SchemaOutdated, match="run `imtegrate db upgrade`"):
                await database.check_schema()
        await database.aclose()

    asyncio.run(scenario())


def test_a_later_schema_is_refused(url: str) -> None:
    """A revision that this release does not know is neither served nor upgraded."""

    async def scenario() -> None:
        database = Database(url)
        await database.upgrade()
        later = "UPDATE alembic_version SET version_num = 'later'"
        await database.run(lambda connection: connection.exec_driver_sql(later).close())
        for attempt in (database.check_schema, database.upgrade):
            with pytest.raises(SchemaTooNew, match="later") as caught:
                await attempt()
            assert caught.value.revision == "later"
        await database.aclose()

    asyncio.run(scenario())


def test_head_is_the_newest_migration() -> None:
    """`db.schema.HEAD`, which saves a start the import of Alembic, is the revision that Alembic finds newest."""
    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]


def test_keys_outlive_the_loss_of_an_index(url: str, opened: Any, new_key: Callable[..., NewKey]) -> None:
    """From the revision that had an index over digests: the same rows, found by token, checked as before."""

    async def scenario() -> None:
        async with opened(url) as scene:
            database = scene.database
            made = [scene.root, *[await scene.create(name=f"key {number}") for number in range(3)]]
            await database.run(lambda connection: schema.downgrade(connection, "0002"))

            def rows(connection: sa.Connection) -> list[Any]:
                return [tuple(row) for row in connection.execute(sa.select(API_KEYS).order_by(API_KEYS.c.id))]

            before = await database.run(rows)
            assert "uq_api_keys_digest" in await database.run(_names)
            with pytest.raises(SchemaOutdated):
                await database.check_schema()
            await database.upgrade()
            assert "uq_api_keys_digest" not in await database.run(_names)
            assert await database.run(rows) == before
            for key in made:
                assert await database.units.find_caller((key.prefix, key.digest)) is not None
            bad: list[dict[str, Any]] = [{"digest": b"short"}, {"prefix": scene.root.prefix}, {"org_id": uuid7()}]
            for members in bad:
                key = new_key(**{"org_id": scene.root.org_id, **members})
                with pytest.raises(sa.exc.IntegrityError):
                    await database.run(lambda connection, key=key: insert_key(connection, key, scene.told_of(key)))

    asyncio.run(scenario())


def test_a_caller_is_found_by_an_index(sqlite_url: str) -> None:
    """SQLite goes through no table to look a token up."""

    async def scenario() -> None:
        database = Database(sqlite_url)
        await database.upgrade()
        given = {"prefix": "", "digest": b"", "now": ""}
        [plan] = await database.run(
            lambda connection: connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {SQLITE_FIND}", given).all()
        )
        assert plan[-1].startswith("SEARCH api_keys USING INDEX")
        await database.aclose()

    asyncio.run(scenario())
