"""PostgreSQL's statements of the hot path."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.types import UserDefinedType

from db.statements import INSERTED, IS_VALID, JUDGED, MADE, NOTHING_MORE, NOW, ORIGIN, RECORDED
from db.tables import API_KEYS, AUDIT_EVENTS

_POSTGRESQL: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


class Statement:
    """A statement of PostgreSQL, and the order in which it takes its parameters."""

    def __init__(self, statement: sa.ClauseElement) -> None:
        compiled = statement.compile(dialect=_POSTGRESQL)
        self.text: Final = str(compiled)
        self.parameters: Final = tuple(getattr(compiled, "positiontup", None) or ())


def _many(name: str, columns: Sequence[sa.Column[Any]]) -> sa.FromClause:
    """Rows given as arrays, one a column."""
    arrays = [
        sa.bindparam(f"{name}_{column.name}", type_=postgresql.ARRAY(column.type, dimensions=1)) for column in columns
    ]
    named = [sa.column(column.name, column.type) for column in columns]
    return sa.func.unnest(*arrays).table_valued(*named, name=name).render_derived()


def _one(name: str, columns: Sequence[sa.Column[Any]]) -> sa.FromClause:
    """The only row."""
    values = [sa.cast(sa.bindparam(f"{name}_{column.name}"), column.type).label(column.name) for column in columns]
    return sa.select(*values).subquery(name)


_ASKED: Final = _many("asked", (API_KEYS.c.prefix, API_KEYS.c.digest))

POSTGRESQL_FIND: Final = Statement(
    sa.select(API_KEYS.c.prefix, API_KEYS.c.digest, *JUDGED)
    .join(_ASKED, sa.and_(_ASKED.c.prefix == API_KEYS.c.prefix, _ASKED.c.digest == API_KEYS.c.digest))
    .where(IS_VALID)
)
"""Find callers; parameters `asked_prefix` and `asked_digest` (arrays), `now`."""

CALLER: Final = sa.Column("caller", API_KEYS.c.digest.type)
"""The digest of the caller that a given row rests on; null for none."""


class _NewKeys(UserDefinedType[Any]):
    """An array of the composite type that is made for it in `db.migrations`, of `INSERTED`, `ORIGIN` and `CALLER`.

    asyncpg takes 3 us less for such a row than for one in so many arrays.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """As in SQL."""
        return "new_api_key[]"


_MADE: Final = sa.func.unnest(sa.cast(sa.bindparam("keys"), _NewKeys())).table_valued(
    *(sa.column(column.name, column.type) for column in (*INSERTED, *ORIGIN, CALLER)), name="key"
)


def _is_same(given: Any, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    return column.is_not_distinct_from(given) if column.nullable else column == given


def _write(*, lone: bool = False, events: bool = False, again: bool = False) -> Statement:
    """What confirms callers and inserts what rests on them; `lone`: one key and at most one caller, without arrays."""
    judging, making = (API_KEYS.c.digest, *JUDGED), (*INSERTED, *ORIGIN, CALLER)
    if lone:
        judged, keys = _one("judged", judging), _one("key", making)
    else:
        # PostgreSQL takes an array that it does not know for ten rows, a limit for a tenth of them. Without it
        # a plan for any callers seems to cost more than one for these: each batch is planned anew, for 150 us.
        judged = sa.select(_many("judged", judging)).limit(sa.bindparam("callers")).subquery("judged")
        keys = _MADE
    confirmed = (
        sa.select(API_KEYS.c.digest, API_KEYS.c.id, API_KEYS.c.last_used_at)
        .join(judged, judged.c.id == API_KEYS.c.id)
        .where(
            judged.c.digest == API_KEYS.c.digest,
            IS_VALID,
            *(_is_same(judged.c[column.name], column) for column in JUDGED),
        )
        .cte("confirmed")
    )
    resting = (
        sa.select(*keys.c, confirmed.c.id.label("made_by"))
        .outerjoin_from(keys, confirmed, confirmed.c.digest == keys.c.caller)
        .where(sa.or_(keys.c.caller.is_(None), confirmed.c.digest.is_not(None)))
    )
    # It is read twice; one row is written down twice sooner than it is kept.
    made = resting.subquery("made") if lone else resting.cte("made")
    told: sa.SelectBase = sa.select(
        made.c.id,
        made.c.created_at,
        MADE,
        made.c.made_by,
        made.c.org_id,
        made.c.id,
        *(made.c[column.name] for column in ORIGIN),
        NOTHING_MORE,
    )
    if events:
        others = _many("event", (*RECORDED, CALLER))
        confirmed_caller = others.c.caller.in_(sa.select(confirmed.c.digest))
        rows = sa.select(*(others.c[column.name] for column in RECORDED))
        told = sa.union_all(told, rows.where(sa.or_(others.c.caller.is_(None), confirmed_caller)))

    def insert(table: sa.Table, columns: Sequence[sa.Column[Any]], rows: sa.SelectBase) -> sa.CTE:
        into = postgresql.insert(table).from_select([column.name for column in columns], rows)
        if again and table is API_KEYS:
            # Not `DO NOTHING`: a transaction that writes nothing waits for no standby, and a key that was inserted by
            # an attempt of unknown outcome may be on this server alone.
            into = into.on_conflict_do_update(index_elements=[table.c.id], set_={"id": into.excluded.id})
        elif again:
            into = into.on_conflict_do_nothing(index_elements=[table.c.id])
        return into.cte(f"inserted_{table.name}")

    inserted = (
        insert(API_KEYS, INSERTED, sa.select(*(made.c[column.name] for column in INSERTED))),
        insert(AUDIT_EVENTS, RECORDED, told),
    )
    return Statement(sa.select(confirmed).add_cte(*inserted))


POSTGRESQL_WRITE: Final = _write(events=True)
"""Confirm callers, and insert the keys and events that rest on them.

All in one round trip, and one transaction. Parameters: `now`; `callers`, how many are judged; arrays `judged_…` of the
digest and `JUDGED`; `keys`, rows of `INSERTED`, `ORIGIN` and `caller`; arrays `event_…` of `RECORDED` and `caller`.
Gives digest, id and last use of the callers confirmed.
"""

POSTGRESQL_WRITE_AGAIN: Final = _write(events=True, again=True)
"""The same where some of it may have been inserted before."""

POSTGRESQL_WRITE_KEYS: Final = _write()
"""The same without events but those of the keys: a twentieth sooner, as there mostly are none."""

POSTGRESQL_WRITE_KEY: Final = _write(lone=True)
"""The same for one key and its caller, whose columns are given by themselves: in 0.3 ms, not 0.5."""

POSTGRESQL_TOUCH: Final = Statement(
    sa.update(API_KEYS)
    .values(last_used_at=NOW)
    .where(
        API_KEYS.c.id == sa.any_(sa.bindparam("keys", type_=postgresql.ARRAY(API_KEYS.c.id.type))),
        sa.or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < sa.bindparam("noted", type_=NOW.type)),
    )
)
"""Note that keys were used; parameters `now`, `keys` (an array of ids), `noted`: a use before then is noted again.

A statement of its own, once a minute a key: within the other it would keep a caller's requests waiting for each other.
"""
