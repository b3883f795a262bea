"""The statements of the hot path: written once over the tables, compiled once for each engine, run by its own driver.

SQLAlchemy's own execution takes several times as long as the statement itself.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from db.tables import API_KEYS, AUDIT_EVENTS

LAST_USED_INTERVAL: Final = timedelta(seconds=60)
"""How far `last_used_at` may lag: a key in constant use is not written more often than this."""

JUDGED: Final = (API_KEYS.c.id, API_KEYS.c.org_id, API_KEYS.c.scopes, API_KEYS.c.env)
"""Columns of a caller that a decision on it may rest on."""

INSERTED: Final = (
    API_KEYS.c.id,
    API_KEYS.c.org_id,
    API_KEYS.c.prefix,
    API_KEYS.c.digest,
    API_KEYS.c.name,
    API_KEYS.c.scopes,
    API_KEYS.c.env,
    API_KEYS.c.extra,
    API_KEYS.c.created_at,
    API_KEYS.c.expires_at,
)
"""Columns of a new key, in the order of a row."""

RECORDED: Final = tuple(AUDIT_EVENTS.c)
"""Columns of an event, in the order of a row."""

_NOW: Final = sa.bindparam("now", type_=API_KEYS.c.expires_at.type)
_IS_VALID: Final = sa.and_(
    API_KEYS.c.revoked_at.is_(None), sa.or_(API_KEYS.c.expires_at.is_(None), API_KEYS.c.expires_at > _NOW)
)

_SQLITE: Final = SQLiteDialect_pysqlite(paramstyle="named")
_POSTGRESQL: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


def _sqlite_insert(table: sa.Table, columns: Sequence[sa.Column[Any]], *, again: bool) -> str:
    statement = sqlite.insert(table).values({column.name: sa.bindparam(column.name) for column in columns})
    if again:
        statement = statement.on_conflict_do_nothing(index_elements=[table.c.id])
    return str(statement.compile(dialect=SQLiteDialect_pysqlite()))


SQLITE_FIND: Final = str(
    sa.select(*JUDGED, API_KEYS.c.last_used_at)
    .where(API_KEYS.c.digest == sa.bindparam("digest"), _IS_VALID)
    .compile(dialect=_SQLITE)
)
"""Find a caller; parameters `digest`, `now`."""

SQLITE_TOUCH: Final = str(
    sa.update(API_KEYS).values(last_used_at=_NOW).where(API_KEYS.c.id == sa.bindparam("key")).compile(dialect=_SQLITE)
)
"""Note that a key was used; parameters `now`, `key`."""

SQLITE_INSERTS: Final = {
    (table.name, again): _sqlite_insert(table, columns, again=again)
    for table, columns in ((API_KEYS, INSERTED), (AUDIT_EVENTS, RECORDED))
    for again in (False, True)
}
"""Insert a row, by table and whether that may have been done before; parameters: a row of `INSERTED` or `RECORDED`."""


class Statement:
    """A statement of PostgreSQL, and the order in which it takes its parameters."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        compiled = statement.compile(dialect=_POSTGRESQL)
        self.text: Final = str(compiled)
        self.parameters: Final = tuple(getattr(compiled, "positiontup", None) or ())


def _given(name: str, columns: Sequence[sa.Column[Any]]) -> Any:
    """Rows given as arrays, one a column: a table to select from."""
    arrays = [
        sa.bindparam(f"{name}_{column.name}", type_=postgresql.ARRAY(column.type, dimensions=1)) for column in columns
    ]
    named = [sa.column(column.name, column.type) for column in columns]
    return sa.func.unnest(*arrays).table_valued(*named, name=name).render_derived()


POSTGRESQL_FIND: Final = Statement(
    sa.select(API_KEYS.c.digest, *JUDGED).where(
        API_KEYS.c.digest == sa.any_(sa.bindparam("digests", type_=postgresql.ARRAY(API_KEYS.c.digest.type))),
        _IS_VALID,
    )
)
"""Find callers; parameters `digests` (an array), `now`."""

CALLER: Final = sa.Column("caller", API_KEYS.c.digest.type)
"""The digest of the caller that a given row rests on; null for none."""


def _write(*, again: bool) -> sa.ClauseElement:
    judged = _given("judged", (API_KEYS.c.digest, *JUDGED))
    confirmed = (
        sa.select(API_KEYS.c.digest, API_KEYS.c.id, API_KEYS.c.last_used_at)
        .join(judged, judged.c.digest == API_KEYS.c.digest)
        .where(_IS_VALID, *(judged.c[column.name] == column for column in JUDGED))
        .cte("confirmed")
    )

    def insert(table: sa.Table, columns: Sequence[sa.Column[Any]], name: str) -> Any:
        given = _given(name, (*columns, CALLER))
        rows = sa.select(*(given.c[column.name] for column in columns)).where(
            sa.or_(given.c.caller.is_(None), given.c.caller.in_(sa.select(confirmed.c.digest)))
        )
        into = postgresql.insert(table).from_select([column.name for column in columns], rows)
        if again and table is API_KEYS:
            # Not `DO NOTHING`: a transaction that writes nothing waits for no standby, and a key that was inserted by
            # an attempt of unknown outcome may be on this server alone.
            into = into.on_conflict_do_update(index_elements=[table.c.id], set_={"id": into.excluded.id})
        elif again:
            into = into.on_conflict_do_nothing(index_elements=[table.c.id])
        return into.returning(table.c.id).cte(f"inserted_{name}")

    return (
        sa.select(confirmed).add_cte(insert(API_KEYS, INSERTED, "key")).add_cte(insert(AUDIT_EVENTS, RECORDED, "event"))
    )


POSTGRESQL_WRITE: Final = Statement(_write(again=False))
"""Confirm callers, and insert the keys and events that rest on them.

All in one round trip, and one transaction. Parameters: `now`, and arrays: `judged_…` of digest and `JUDGED`, `key_…` of
`INSERTED` and `caller`, `event_…` of `RECORDED` and `caller`. Gives digest, id and last use of the callers confirmed.
"""

POSTGRESQL_WRITE_AGAIN: Final = Statement(_write(again=True))
"""The same where some of it may have been inserted before."""

POSTGRESQL_TOUCH: Final = Statement(
    sa.update(API_KEYS)
    .values(last_used_at=_NOW)
    .where(
        API_KEYS.c.id == sa.any_(sa.bindparam("keys", type_=postgresql.ARRAY(API_KEYS.c.id.type))),
        sa.or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < sa.bindparam("noted", type_=_NOW.type)),
    )
)
"""Note that keys were used; parameters `now`, `keys` (an array of ids), `noted`: a use before then is noted again.

A statement of its own, once a minute a key: within the other it would keep a caller's requests waiting for each other.
"""
