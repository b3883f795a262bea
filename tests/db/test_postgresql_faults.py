"""`imtegrate serve` while its PostgreSQL is killed, hung, full, read-only or slow: nothing lost, and no restart."""

import asyncio
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from postgresql_server import PostgreSQLServer, postgresql_server
from running import (
    DOCUMENT,
    START_TIMEOUT,
    Serving,
    create_organisation,
    eventually,
    faults_of,
    free_port,
    imtegrate,
    running,
)

DEADLINE: Final = 2.0
"""Seconds that the service's requests wait."""

SLACK: Final = 3.0
"""Seconds by which a machine under load may be late."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    """A server that the tests of this module may break, and mend again."""
    with postgresql_server("max_connections=30", tcp=True) as server:
        yield server


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def faulty(
    request: pytest.FixtureRequest, server: PostgreSQLServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """A service on that server."""
    folder = tmp_path_factory.mktemp("faults")
    name = f"workers_{request.param}"
    execute(server, f"CREATE DATABASE {name}")
    with served(urlsplit(server.url)._replace(path=f"/{name}").geturl(), folder, request.param) as serving:
        yield serving


@contextmanager
def served(url: str, folder: Path, workers: int = 1) -> Iterator[Serving]:
    """Run a service on an empty database."""
    done = imtegrate("db", "upgrade", "--database-url", url, cwd=folder)
    assert done.returncode == 0, done.stderr
    root = create_organisation(url, folder)
    options = ("--spec", DOCUMENT, "--database-url", url, "--workers", str(workers), "--deadline", str(DEADLINE))
    with running("serve", *options, cwd=folder) as service, closing(Serving(service, url, root, folder)) as serving:
        yield serving


def execute(server: PostgreSQLServer, *statements: str, url: str | None = None) -> None:
    """Carry statements out, each on its own."""

    async def scenario() -> None:
        connection = await asyncpg.connect(url or server.socket_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(scenario())


def create_many(serving: Serving, count: int) -> list[httpx.Response]:
    """Make keys, 16 at a time."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda number: serving.post({"name": f"key {number}", "env": "live"}), range(count)))


def assert_refused_in_time(serving: Serving, count: int = 8) -> float:
    """See requests wait for their deadline at most, and be answered 503 with `Retry-After`; the longest wait."""
    began = time.monotonic()
    for answer in create_many(serving, count):
        assert faults_of(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    took = time.monotonic() - began
    assert took < DEADLINE + SLACK
    return took


def assert_well(serving: Serving) -> float:
    """See the service work again without a restart, on every worker; the seconds until it did."""
    began = time.monotonic()
    while (status := serving.post({"name": "again", "env": "live"}).status_code) != 201:
        assert status == 503
        assert time.monotonic() - began < START_TIMEOUT
    took = time.monotonic() - began
    answers = create_many(serving, 32)
    assert [answer.status_code for answer in answers] == [201] * 32
    assert {answer.json()["id"] for answer in answers} <= serving.kept()
    return took


def report(fault: str, waited: float, again: float) -> None:
    """Tell what a fault gave; pytest shows it with `-rP`."""
    print(f"{fault}: longest wait {waited:.2f} s, a good answer {again:.2f} s after its end")  # noqa: T201 - for people


def test_a_killed_server_is_503_and_found_again(faulty: Serving, server: PostgreSQLServer) -> None:
    """Without its server a request is 503 by its deadline; started again, the server is used again."""
    server.stop("immediate")
    try:
        waited = assert_refused_in_time(faulty)
    finally:
        server.start()
    report("killed", waited, assert_well(faulty))


def test_a_restart_within_the_deadline_is_not_noticed(faulty: Serving, server: PostgreSQLServer) -> None:
    """Requests under way when the server restarts wait for it; none fails but by its deadline."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(create_many, faulty, 200)
        server.stop("fast")
        server.start()
        answers = asked.result()
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {201, 503}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert made <= faulty.kept()
    report(f"restarted ({statuses.count(503)} of 200 refused)", 0, assert_well(faulty))


def test_a_hung_server_is_503_and_used_again(faulty: Serving, server: PostgreSQLServer) -> None:
    """A server that stands still holds a request up until its deadline, and no longer; then it is used again."""
    assert_well(faulty)
    server.hang()
    try:
        waited = assert_refused_in_time(faulty)
    finally:
        server.go_on()
    report("hung", waited, assert_well(faulty))


def test_a_server_without_free_connections_is_503_and_the_mend_is_said(
    faulty: Serving, server: PostgreSQLServer
) -> None:
    """When nobody else is let in, a request is 503 by its deadline, and a command says what to change."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = "

    async def scenario() -> None:
        others = [await asyncpg.connect(server.socket_url)]
        await others[0].execute(f"{end}'client backend'")
        try:
            while True:
                others.append(await asyncpg.connect(server.socket_url))
        except asyncpg.TooManyConnectionsError:
            pass
        await asyncio.to_thread(assert_refused_in_time, faulty)
        told = await asyncio.to_thread(faulty.command, "keys", "list")
        assert told.returncode == 1
        assert "too many clients" in told.stderr
        assert "--workers" in told.stderr
        assert "max_connections" in told.stderr
        assert len(told.stderr.splitlines()) == 1
        for other in others:
            await other.close()

    asyncio.run(scenario())
    report("no free connection", DEADLINE, assert_well(faulty))


def test_a_read_only_server_is_503_and_left_behind(faulty: Serving, server: PostgreSQLServer) -> None:
    """A server that takes no writes is 503, as is `/readyz`; once it does again, it is used over other connections."""
    reload = "SELECT pg_reload_conf()"
    execute(server, "ALTER SYSTEM SET default_transaction_read_only = on", reload)
    try:
        waited = assert_refused_in_time(faulty)
        # Requests give up before the batch that they are in does.
        eventually(lambda: "read-only" in faulty.http.get("/readyz").text)
        assert faulty.http.get("/readyz").status_code == 503
    finally:
        execute(server, "SET default_transaction_read_only = off", "ALTER SYSTEM RESET ALL", reload)
    report("read-only", waited, assert_well(faulty))
    assert faulty.http.get("/readyz").status_code == 200


def test_a_slow_server_is_503_by_the_deadline(faulty: Serving, server: PostgreSQLServer) -> None:
    """A request that waits for a lock beyond its deadline is 503; when the lock is gone the next one works."""

    async def scenario() -> None:
        other = await asyncpg.connect(faulty.database_url)
        async with other.transaction():
            await other.execute("LOCK TABLE api_keys")
            await asyncio.to_thread(assert_refused_in_time, faulty)
        await other.close()

    asyncio.run(scenario())
    report("slow", DEADLINE, assert_well(faulty))


@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
def test_a_limit_of_the_servers_own_ends_no_wait(faulty: Serving, server: PostgreSQLServer, limit: str) -> None:
    """A lock that outlasts `statement_timeout` or `lock_timeout` but not the deadline costs a wait, and no 503."""
    name = urlsplit(faulty.database_url).path[1:]
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - our own
    execute(server, f"ALTER DATABASE {name} SET {limit} = '200ms'", end)
    assert_well(faulty)

    async def scenario() -> list[httpx.Response]:
        other = await asyncpg.connect(faulty.database_url)
        async with other.transaction():
            await other.execute("LOCK TABLE api_keys")
            answers = asyncio.create_task(asyncio.to_thread(create_many, faulty, 32))
            await asyncio.sleep(DEADLINE / 3)
        await other.close()
        return await answers

    try:
        assert [answer.status_code for answer in asyncio.run(scenario())] == [201] * 32
    finally:
        execute(server, f"ALTER DATABASE {name} RESET {limit}", end)


def test_a_type_made_anew_is_found(faulty: Serving, server: PostgreSQLServer) -> None:
    """When what the statements rest on is made anew beneath a service, as by a restoration, nobody is refused."""
    definition = (
        "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) "
        "FROM pg_attribute WHERE attrelid = 'new_api_key'::regclass"
    )
    columns = scalar(server, definition, url=faulty.database_url)
    for _ in range(3):
        # Statements are prepared now, and know the type by its number.
        assert_well(faulty)
        anew = f"BEGIN; DROP TYPE new_api_key; CREATE TYPE new_api_key AS ({columns}); COMMIT"
        execute(server, anew, url=faulty.database_url)
        assert [answer.status_code for answer in create_many(faulty, 64)] == [201] * 64


def test_serialization_failures_lose_nothing(faulty: Serving, server: PostgreSQLServer) -> None:
    """With one commit in five broken off (40001), every key is made, and made once."""
    execute(
        server,
        "CREATE SEQUENCE commits",
        # A transaction draws once, however many rows it has.
        "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF coalesce(current_setting('faults.drawn', true), '') = '' THEN "
        "PERFORM set_config('faults.drawn', 'yes', true); "
        "IF nextval('commits') % 5 = 0 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF; "
        "END IF; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON api_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        "EXECUTE FUNCTION break_off()",
        url=faulty.database_url,
    )
    before = faulty.kept()
    answers = create_many(faulty, 200)
    broken_off = scalar(server, "SELECT last_value / 5 FROM commits", url=faulty.database_url)
    execute(
        server,
        "DROP TRIGGER t ON api_keys",
        "DROP FUNCTION break_off",
        "DROP SEQUENCE commits",
        url=faulty.database_url,
    )
    assert [answer.status_code for answer in answers] == [201] * 200
    assert {answer.json()["id"] for answer in answers} == faulty.kept() - before
    assert broken_off > 0


def test_a_commit_that_no_standby_confirmed_is_not_acknowledged(faulty: Serving, server: PostgreSQLServer) -> None:
    """A commit whose wait for a standby is cancelled is no success, tried again or not: 503, and 201 with a standby."""
    reload = "SELECT pg_reload_conf()"
    cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    execute(server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", reload)
    try:
        # The server's processes take the setting one after another.
        while scalar(server, "SHOW synchronous_standby_names") != "nobody":
            time.sleep(0.05)
        time.sleep(0.5)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(faulty.post, {"name": "unconfirmed", "env": "live"})
            cancelled = 0
            while not asked.done():
                cancelled += scalar(server, cancel)
            assert cancelled > 0
            assert faults_of(asked.result(), 503)
    finally:
        execute(server, "ALTER SYSTEM RESET ALL", reload)
    report("unconfirmed commit", DEADLINE, assert_well(faulty))


def test_a_hung_host_is_passed_by(server: PostgreSQLServer, tmp_path: Path) -> None:
    """Of several hosts, one that hangs and one that is not there keep nobody from the one that serves."""
    with postgresql_server(tcp=True) as other:
        hosts = f"127.0.0.1:{other.port},127.0.0.1:{free_port()},127.0.0.1:{server.port}"
        execute(server, "CREATE DATABASE several")
        other.hang()
        began = time.monotonic()
        with served(f"postgresql://postgres@{hosts}/several", tmp_path) as serving:
            assert time.monotonic() - began < START_TIMEOUT
            # The test's own look at the database would wait for the host that hangs.
            serving.database_url = f"postgresql://postgres@127.0.0.1:{server.port}/several"
            report("first host hung", 0, assert_well(serving))


def test_the_other_host_is_used_when_one_becomes_read_only(tmp_path: Path) -> None:
    """When the primary takes no more writes, requests go to the host that does, without a restart."""
    read_only = ("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    writable = ("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
    with postgresql_server(tcp=True) as first, postgresql_server(tcp=True) as second:
        done = imtegrate("db", "upgrade", "--database-url", second.url, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        execute(second, *read_only)
        hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
        with served(f"postgresql://postgres@{hosts}/postgres", tmp_path) as serving:
            assert serving.post({"name": "first", "env": "live"}).status_code == 201
            execute(first, *read_only)
            execute(second, *writable)
            # As a replica would, the other one knows the same organisation and keys.
            copy(first, second)
            began = time.monotonic()
            answer = serving.post({"name": "second", "env": "live"})
            assert answer.status_code == 201, answer.text
            report("failed over", time.monotonic() - began, 0)
            count = "SELECT count(*) FROM api_keys"
            assert (scalar(first, count), scalar(second, count)) == (2, 3)


def copy(source: PostgreSQLServer, target: PostgreSQLServer) -> None:
    """Copy every organisation and key."""

    async def scenario() -> None:
        reader, writer = await asyncpg.connect(source.url), await asyncpg.connect(target.url)
        await writer.execute("SET default_transaction_read_only = off")
        for table in ("organisations", "api_keys"):
            data = io.BytesIO()
            await reader.copy_from_table(table, output=data, format="binary")
            await writer.copy_to_table(table, source=io.BytesIO(data.getvalue()), format="binary")
        await reader.close()
        await writer.close()

    asyncio.run(scenario())


def scalar(server: PostgreSQLServer, query: str, url: str | None = None) -> Any:
    """The one value of a query."""

    async def scenario() -> Any:
        connection = await asyncpg.connect(url or server.url)
        value = await connection.fetchval(query)
        await connection.close()
        return value

    return asyncio.run(scenario())
