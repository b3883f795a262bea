"""SQLite's statements of the hot path."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from db.statements import INSERTED, IS_VALID, JUDGED, NOW, RECORDED
from db.tables import API_KEYS, AUDIT_EVENTS

_SQLITE: Final = SQLiteDialect_pysqlite(paramstyle="named")


def _sqlite_insert(table: sa.Table, columns: Sequence[sa.Column[Any]], *, again: bool) -> str:
    statement = sqlite.insert(table).values({column.name: sa.bindparam(column.name) for column in columns})
    if again:
        statement = statement.on_conflict_do_nothing(index_elements=[table.c.id])
    return str(statement.compile(dialect=SQLiteDialect_pysqlite()))


SQLITE_FIND: Final = str(
    sa.select(*JUDGED, API_KEYS.c.last_used_at)
    .where(API_KEYS.c.digest == sa.bindparam("digest"), IS_VALID)
    .compile(dialect=_SQLITE)
)
"""Find a caller; parameters `digest`, `now`."""

SQLITE_TOUCH: Final = str(
    sa.update(API_KEYS).values(last_used_at=NOW).where(API_KEYS.c.id == sa.bindparam("key")).compile(dialect=_SQLITE)
)
"""Note that a key was used; parameters `now`, `key`."""

SQLITE_INSERTS: Final = {
    (table.name, again): _sqlite_insert(table, columns, again=again)
    for table, columns in ((API_KEYS, INSERTED), (AUDIT_EVENTS, RECORDED))
    for again in (False, True)
}
"""Insert a row, by table and whether that may have been done before; parameters: a row of `INSERTED` or `RECORDED`."""
