"""The statements of the hot path: written once over the tables, compiled once for each engine, run by its own driver.

SQLAlchemy's own execution takes several times as long as the statement itself.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from db.tables import API_KEYS

LAST_USED_INTERVAL: Final = timedelta(seconds=60)
"""How far `last_used_at` may lag: a key in constant use is not written more often than this."""

FOUND: Final = (
    API_KEYS.c.digest,
    API_KEYS.c.id,
    API_KEYS.c.org_id,
    API_KEYS.c.scopes,
    API_KEYS.c.env,
    API_KEYS.c.last_used_at,
)
"""Columns of a caller, in the order of a result."""

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
)
"""Columns of a new key, in the order of a row."""

_SQLITE: Final = SQLiteDialect_pysqlite()
_POSTGRESQL: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


def _text(statement: sa.ClauseElement, dialect: sa.Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _find(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(*FOUND).where(condition, API_KEYS.c.revoked_at.is_(None))


@lru_cache
def sqlite_find(count: int) -> str:
    """Find keys that are not revoked; parameters: `count` digests."""
    return _text(_find(API_KEYS.c.digest.in_(_marks(count, API_KEYS.c.digest))), _SQLITE)


@lru_cache
def sqlite_touch(count: int) -> str:
    """Note that keys were used; parameters: the moment, `count` ids."""
    touch = sa.update(API_KEYS).values(last_used_at=sa.bindparam("moment"))
    return _text(touch.where(API_KEYS.c.id.in_(_marks(count, API_KEYS.c.id))), _SQLITE)


SQLITE_INSERT: Final = _text(sa.insert(API_KEYS).values({c.name: sa.bindparam(c.name) for c in INSERTED}), _SQLITE)
"""Insert one key; parameters: a row of `INSERTED`."""


def _marks(count: int, column: sa.Column[Any]) -> Sequence[sa.BindParameter[Any]]:
    return [sa.bindparam(None, type_=column.type, unique=True) for _ in range(count)]


def _array(column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(column.name, type_=postgresql.ARRAY(column.type))


POSTGRESQL_FIND: Final = _text(_find(API_KEYS.c.digest == sa.any_(_array(API_KEYS.c.digest))), _POSTGRESQL)
"""Find keys that are not revoked; parameter: an array of digests."""

POSTGRESQL_TOUCH: Final = _text(
    sa.update(API_KEYS)
    .values(last_used_at=sa.bindparam("moment", type_=API_KEYS.c.last_used_at.type))
    .where(API_KEYS.c.id == sa.any_(_array(API_KEYS.c.id))),
    _POSTGRESQL,
)
"""Note that keys were used; parameters: the moment, an array of ids."""

_insert = postgresql.insert(API_KEYS).from_select(
    [column.name for column in INSERTED], sa.select(*(sa.func.unnest(_array(column)) for column in INSERTED))
)
POSTGRESQL_INSERT: Final = _text(_insert, _POSTGRESQL)
"""Insert keys; parameters: for each column of `INSERTED` an array."""

POSTGRESQL_INSERT_AGAIN: Final = _text(_insert.on_conflict_do_nothing(index_elements=[API_KEYS.c.id]), _POSTGRESQL)
"""The same where some of the keys may have been inserted before."""
