"""SQLite's statements of the hot path."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from db.statements import INSERTED, IS_VALID, JUDGED, MADE, NOTHING_MORE, NOW, ORIGIN, RECORDED
from db.tables import API_KEYS, AUDIT_EVENTS

_SQLITE: Final = SQLiteDialect_pysqlite(paramstyle="named")


def _insert(table: sa.Table, values: Mapping[str, sa.ColumnElement[Any]], *, again: bool, positional: bool) -> str:
    statement = sqlite.insert(table).values(dict(values))
    if again:
        statement = statement.on_conflict_do_nothing(index_elements=[table.c.id])
    return str(statement.compile(dialect=SQLiteDialect_pysqlite() if positional else _SQLITE))


def _columns_of(table: sa.Table, columns: Sequence[sa.Column[Any]], *, again: bool) -> str:
    given: dict[str, sa.ColumnElement[Any]] = {column.name: sa.bindparam(column.name) for column in columns}
    return _insert(table, given, again=again, positional=True)


def _telling(*, again: bool) -> str:
    columns: dict[str, sa.ColumnElement[Any]] = {
        "id": sa.bindparam("id"),
        "at": sa.bindparam("created_at"),
        "action": MADE,
        "key_id": sa.bindparam("caller"),
        "org_id": sa.bindparam("org_id"),
        "subject_id": sa.bindparam("id"),
        **{column.name: sa.bindparam(column.name) for column in ORIGIN},
        "detail": NOTHING_MORE,
    }
    return _insert(AUDIT_EVENTS, columns, again=again, positional=False)


SQLITE_FIND: Final = str(
    sa.select(*JUDGED, API_KEYS.c.last_used_at)
    .where(API_KEYS.c.prefix == sa.bindparam("prefix"), API_KEYS.c.digest == sa.bindparam("digest"), IS_VALID)
    .compile(dialect=_SQLITE)
)
"""Find a caller; parameters `prefix`, `digest`, `now`."""

SQLITE_TOUCH: Final = str(
    sa.update(API_KEYS).values(last_used_at=NOW).where(API_KEYS.c.id == sa.bindparam("key")).compile(dialect=_SQLITE)
)
"""Note that a key was used; parameters `now`, `key`."""

SQLITE_INSERTS: Final = {
    again: (
        _columns_of(API_KEYS, INSERTED, again=again),
        _columns_of(AUDIT_EVENTS, RECORDED, again=again),
        _telling(again=again),
    )
    for again in (False, True)
}
"""By whether it may have been done before: insert a key, an event, and the event that tells of a new key.

Parameters: a row of `INSERTED`; a row of `RECORDED`; by name `id`, `created_at` and `org_id` of the key, those of its
origin, and `caller`, the id of the key that made it."""
