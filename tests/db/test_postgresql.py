"""What holds for PostgreSQL: shared commits, retries, lost connections."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

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
    Refused,
    list_events,
    uuid7,
)
from db.postgresql import PLAN_LIFETIME


def _execute(statement: str) -> Any:
    return lambda connection: connection.exec_driver_sql(statement).close()


def test_requests_share_commits(postgresql_url: str, opened: Any) -> None:
    """32 requests that arrive together are one transaction."""

    async def scenario() -> None:
        async with opened(postgresql_url) as scene:
            await asyncio.gather(*(scene.create() for _ in range(32)))
            transactions = sa.text("SELECT count(DISTINCT xmin::text) FROM api_keys WHERE prefix <> :root")
            made = {"root": scene.root.prefix}
            assert await scene.database.run(lambda connection: connection.execute(transactions, made).scalar()) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_serialization_failure_is_tried_again(postgresql_url: str, opened: Any, state: str) -> None:
    """A batch that the server breaks off for another's sake is done by a later attempt, and `decide` runs once."""

    async def scenario() -> None:
        async with opened(postgresql_url) as scene:
            await scene.database.run(_execute("CREATE SEQUENCE attempts"))
            await scene.database.run(
                _execute(
                    "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF nextval('attempts') < 3 THEN RAISE EXCEPTION 'again' USING ERRCODE = '{state}'; END IF; "
                    "RETURN NULL; END $$"
                )
            )
            await scene.database.run(
                _execute("CREATE TRIGGER t AFTER INSERT ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION break_off()")
            )
            decided: list[NewKey] = []

            def decide(caller: Caller | None, now: datetime) -> NewKey:
                decided.append(scene.decide(caller, now))
                return decided[-1]

            create = scene.database.units.create_key
            assert await asyncio.gather(*(create(scene.caller, decide) for _ in range(5))) == decided
            assert {key.id for key in await scene.keys()} == {key.id for key in decided}

    asyncio.run(scenario())


class _Line:
    """A line to a server, which can be cut."""

    def __init__(self) -> None:
        self.cut_after_commit = False
        self.cuts = 0

    async def serve(self, url: SplitResult, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if folder := parse_qs(url.query).get("host"):
            server_reader, server_writer = await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.5432")
        else:
            server_reader, server_writer = await asyncio.open_connection(url.hostname, url.port or 5432)
        committing = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(65536):
                if self.cut_after_commit:
                    # Callers and statements are known: what is sent is a batch's one round trip.
                    committing.set()
                server_writer.write(data)

        async def down() -> None:
            while data := await server_reader.read(65536):
                if committing.is_set():
                    # The server has committed, and nobody hears of it.
                    self.cut_after_commit = False
                    self.cuts += 1
                    return
                writer.write(data)

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in (writer, server_writer):
            each.close()


@asynccontextmanager
async def _line(url: str) -> AsyncGenerator[tuple[_Line, str], None]:
    """Lay a line to a server: give it and the URL by which the server is reached through it."""
    split = urlsplit(url)
    line = _Line()
    server = await asyncio.start_server(lambda reader, writer: line.serve(split, reader, writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        user = split.netloc.rpartition("@")[0]
        yield line, f"postgresql://{user}@{host}:{port}{split.path}"


def test_a_commit_of_unknown_outcome_makes_each_key_once(postgresql_url: str, opened: Any) -> None:
    """If the connection is lost after a batch was sent, it is tried again: every key is there and told of once."""

    async def scenario() -> None:
        async with _line(postgresql_url) as (line, url), opened(url) as scene:
            await scene.create()
            line.cut_after_commit = True
            refused = Event(uuid7(), datetime.now(UTC), KEY_REFUSED, None, None, None)
            refusal = scene.database.units.create_key(None, lambda *_: Refused(LookupError(), refused))
            tasks = [*(scene.create() for _ in range(5)), refusal]
            results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
            *made, error = results
            assert line.cuts == 1
            assert type(error) is LookupError
            told = {event.id: event for event in await scene.database.run(list_events)}
            assert told[refused.id] == refused
            for key in made:
                assert told[key.id] == Event(key.id, key.created_at, KEY_CREATED, scene.root.id, key.org_id, key.id)
            assert len(told) == 8
            assert {key.id for key in made} < {key.id for key in await scene.keys()}
            assert len(await scene.keys()) == 6

    asyncio.run(scenario())


def test_a_lost_server_is_found_again(postgresql_url: str, opened: Any) -> None:
    """Connections that the server ended are replaced; no request notices."""

    async def scenario() -> None:
        async with opened(postgresql_url) as scene:
            await scene.create()
            other = Database(postgresql_url)
            end = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await other.run(_execute(end))
            await other.aclose()
            await scene.create()

    asyncio.run(scenario())


def test_a_server_that_is_not_there_is_a_reason() -> None:
    """Without a server each call fails by the deadline with a reason, and no password in it."""

    async def scenario() -> None:
        database = Database("postgresql://user:hidden@127.0.0.1:1/name", deadline=0.3)
        attempts = (database.ping, database.upgrade, database.check_schema, lambda: database.units.find_caller(b""))
        for attempt in attempts:
            with pytest.raises(DatabaseUnavailable) as caught:
                await attempt()
            assert caught.value.reason
            assert "hidden" not in str(caught.value)
        await database.aclose()

    asyncio.run(scenario())


def test_a_lock_beyond_the_deadline_is_given_up(postgresql_url: str, opened: Any) -> None:
    """A request that waits for a lock beyond its deadline fails; when the lock is gone the next one works."""

    async def scenario() -> None:
        async with opened(postgresql_url, deadline=0.5) as scene:
            await scene.create()
            other = await asyncpg.connect(postgresql_url)
            async with other.transaction():
                await other.execute("LOCK TABLE api_keys")
                with pytest.raises(DatabaseUnavailable):
                    await scene.create()
            await other.close()
            await scene.create()

    asyncio.run(scenario())


def test_prepared_statements_may_be_off(postgresql_url: str, opened: Any) -> None:
    """`prepared_statement_cache_size=0` serves behind a PgBouncer that pools by transaction."""

    async def scenario() -> None:
        async with opened(
            f"{postgresql_url}{'&' if '?' in postgresql_url else '?'}prepared_statement_cache_size=0"
        ) as scene:
            await asyncio.gather(*(scene.create() for _ in range(3)))
            prepared = "SELECT count(*) FROM pg_prepared_statements WHERE name NOT LIKE '%%-%%'"
            assert await scene.database.run(lambda connection: connection.exec_driver_sql(prepared).scalar()) == 0

    asyncio.run(scenario())


def test_a_stuck_batch_holds_nobody_up(postgresql_url: str, opened: Any) -> None:
    """While one batch waits for a lock, requests that come later go beside it."""

    async def scenario() -> None:
        async with opened(postgresql_url) as scene:
            # The caller is known from now on: a batch is one statement.
            await scene.create()
            other = await asyncpg.connect(postgresql_url)
            async with other.transaction():
                # Whoever inserts the same prefix waits for this transaction's end.
                await other.execute(
                    "INSERT INTO api_keys SELECT gen_random_uuid(), org_id, 'taken', sha256(digest), name, scopes, env,"
                    " extra, NULL, NULL, created_at, NULL, NULL FROM api_keys LIMIT 1"
                )
                stuck = asyncio.create_task(scene.create(prefix="taken"))
                await asyncio.sleep(0.01)
                await scene.create()
                assert not stuck.done()
            with pytest.raises(KeyConflict) as caught:
                await stuck
            assert caught.value.constraint == "uq_api_keys_prefix"
            await other.close()

    asyncio.run(scenario())


def test_plans_follow_a_table_that_grows(postgresql_url: str, opened: Any) -> None:
    """What the server planned while the table was all but empty, to read it whole, is not kept when it has grown."""

    async def scenario() -> None:
        # One connection carries out every batch: another would tell of what it has read when it is next used.
        async with opened(postgresql_url) as wide, aclosing(Database(postgresql_url, connections=2)) as database:
            scene = replace(wide, database=database)
            async with asyncio.timeout(30):
                for _ in range(40):
                    await asyncio.gather(*(scene.create() for _ in range(100)))
            await asyncio.sleep(PLAN_LIFETIME)

            async def read() -> int:
                await asyncio.sleep(2)  # sessions tell of what they read once a second at most
                await other.execute("SELECT pg_stat_clear_snapshot()")
                count: int = await other.fetchval(
                    "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'api_keys'"
                )
                return count

            async with asyncpg.create_pool(postgresql_url, min_size=1, max_size=1) as other:
                await scene.create()
                before = await read()
                for _ in range(20):
                    await scene.create()
                await asyncio.sleep(PLAN_LIFETIME)
                await scene.create()
                assert await read() - before < 20

    asyncio.run(scenario())
