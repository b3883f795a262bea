"""What the program sends to PostgreSQL, heard by the server: nothing that an engine of its wire protocol lacks."""

import re
from pathlib import Path
from typing import Final

import pytest

from postgresql_server import postgresql_server
from running import DOCUMENT, KEYS, create_organisation, imtegrate, running

SENT: Final = re.compile(
    r"^LOG:  (?:statement|execute [^:]*): (.*?)(?=^(?:LOG|DETAIL|ERROR|STATEMENT|WARNING|HINT): )",
    re.MULTILINE | re.DOTALL,
)
"""A statement as `log_statement=all` notes it, where `log_line_prefix` is empty."""

FORBIDDEN: Final = re.compile(
    r"\b(?:nextval|currval|setval|lastval|CREATE\s+SEQUENCE|(?:BIG|SMALL)?SERIAL|GENERATED\s+\w+(?:\s+\w+)?\s+AS\s+IDENTITY"
    r"|LISTEN|UNLISTEN|NOTIFY|pg_notify|DECLARE|LOCK\s+TABLE|CREATE\s+TEMP\w*|PREPARE\s+TRANSACTION)\b"
    r"|^\s*(?:SET|RESET|DISCARD|PREPARE)\b|\bset_config\b",
    re.IGNORECASE,
)
"""Sequences, notification, and what outlives a transaction in a session."""

DRIVER: Final = re.compile(r"set_config\('jit', (?:'off'|\$1), false\)")
"""asyncpg puts `jit` aside while it learns of a type, and back; it asks no engine for that which has no `jit`."""

LOCK: Final = re.compile(r"\bpg_(?:try_)?advisory_\w+", re.IGNORECASE)


@pytest.mark.parametrize("lock", ["on", "off"])
def test_nothing_is_sent_that_other_engines_lack(lock: str, tmp_path: Path) -> None:
    """No sequences, notification or session state; an advisory lock in migrations alone, and nowhere if it is off.

    A trigger guards the audit trail, and nothing else.
    """
    with postgresql_server("log_statement=all", "log_line_prefix=", "lc_messages=C") as server:
        url = f"{server.url}&advisory_lock={lock}"

        def run(*arguments: str) -> None:
            done = imtegrate(*arguments, "--database-url", url, cwd=tmp_path)
            assert done.returncode == 0, done.stderr

        run("db", "upgrade")
        migrated = len(SENT.findall(server.log))
        root = create_organisation(url, tmp_path)
        with (
            running("serve", "--spec", DOCUMENT, "--database-url", url, cwd=tmp_path) as service,
            service.client(headers={"Authorization": f"Bearer {root['token']}"}) as client,
        ):
            made = [client.post(KEYS, json={"name": name, "env": "live"}) for name in ("one", "two")]
            assert [answer.status_code for answer in made] == [201, 201]
            refused = {"Authorization": f"Bearer {made[0].json()['token']}"}
            assert client.post(KEYS, json={"name": "three", "env": "live"}, headers=refused).status_code == 403
            assert client.get("/readyz").status_code == 200
        run("keys", "list", "--json")
        run("keys", "show", made[0].json()["prefix"])
        run("keys", "rotate", made[0].json()["prefix"], "--overlap", "24h")
        run("keys", "revoke", made[1].json()["prefix"])
        run("orgs", "list", "--json")
        run("audit", "--json")
        run("db", "backup", "backup.db")
        sent = SENT.findall(server.log)

    assert any("api_keys" in statement and "unnest" in statement for statement in sent), "creations were not heard"
    assert [statement for statement in sent if FORBIDDEN.search(DRIVER.sub("", statement))] == []
    locked = [number for number, statement in enumerate(sent) if LOCK.search(statement)]
    assert bool(locked) == (lock == "on")
    assert all(number < migrated for number in locked)
    triggers = [statement for statement in sent if re.search(r"CREATE (?:CONSTRAINT )?TRIGGER", statement)]
    assert ["audit_events" in trigger for trigger in triggers] == [True, True]
