"""Rows of every table in one form, whichever engine keeps them: what is copied and compared between databases.

The form is the one that SQLite keeps: a UUID is 32 hexadecimal digits, a moment is RFC 3339 in UTC to the microsecond,
a truth 0 or 1, JSON its text. Texts, bytes and integers are themselves.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from db.column_types import JSONText, Timestamp, encode_timestamp
from db.tables import METADATA

Row = tuple[Any, ...]
"""One row in canonical form, in the order of its table's columns."""

EngineName = Literal["sqlite", "postgresql"]

_DIALECTS: Final[dict[EngineName, sa.Dialect]] = {
    "sqlite": SQLiteDialect_pysqlite(),
    "postgresql": PGDialect_asyncpg(),  # type: ignore[no-untyped-call]
}


class Rows(Protocol):
    """The rows of one database, over one connection."""

    async def connect(self) -> None:
        """Connect, before all else.

        Raises:
            DatabaseUnavailable: the database cannot be reached; from here on every call may raise it.
        """

    async def begin(self) -> None:
        """See from now on one state of the database, whatever others write."""

    async def count(self, table: "Table") -> int:
        """How many rows a table has."""

    async def read(self, table: "Table", limit: int, *, after: Any = None, upto: Any = None) -> list[Row]:
        """Read the next rows by key: `after` one, not beyond another; either may be None."""

    async def insert(self, table: "Table", rows: list[Row]) -> None:
        """Insert all, durably, or none.

        Raises:
            Refused: a constraint or a type does not admit one of them.
        """

    async def aclose(self) -> None:
        """Let the connection go."""


class Refused(Exception):
    """The database does not admit a row of those that were to be inserted; says by which rule, and no value."""


@dataclass(frozen=True)
class Table:
    """A table, and how its rows are read."""

    definition: sa.Table

    @property
    def name(self) -> str:
        """As in SQL."""
        return self.definition.name

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(column.name for column in self.definition.columns)

    @cached_property
    def key(self) -> sa.Column[Any]:
        """The primary key; of a type that both engines sort alike.

        Raises:
            TypeError: there is no such key.
        """
        columns = list(self.definition.primary_key.columns)
        if len(columns) != 1 or not isinstance(columns[0].type, sa.Uuid | sa.Integer):
            raise TypeError(f"{self.name} has no primary key of one UUID or integer")
        return columns[0]

    def key_of(self, row: Row) -> Any:
        """The key of a row."""
        return row[self.columns.index(self.key.name)]

    @cached_property
    def to_postgresql(self) -> tuple[Callable[[Any], Any] | None, ...]:
        """By column: makes of a canonical value what asyncpg takes; None where that is the same."""
        return tuple(_conversions(column)[0] for column in self.definition.columns)

    @cached_property
    def from_postgresql(self) -> tuple[Callable[[Any], Any] | None, ...]:
        """By column: makes of what asyncpg gives the canonical value; None where that is the same."""
        return tuple(_conversions(column)[1] for column in self.definition.columns)

    def key_to_postgresql(self, key: Any) -> Any:
        """Give a key as asyncpg takes it."""
        convert_key = self.to_postgresql[self.columns.index(self.key.name)]
        return key if convert_key is None else convert_key(key)

    def show(self, key: Any) -> str:
        """Give a key as people know it: a UUID with its hyphens (RFC 9562)."""
        return str(self.key_to_postgresql(key))

    def select(self, engine: EngineName, *, after: bool, upto: bool) -> str:
        """Write the statement of `Rows.read`; parameters: the bounds that there are, the limit."""
        return _select(self.definition, self.key, engine, after, upto)

    def insert(self) -> str:
        """Write the statement for one row of SQLite."""
        return str(sa.insert(self.definition).compile(dialect=_DIALECTS["sqlite"]))


def tables() -> list[Table]:
    """Give every table, those that others refer to first."""
    return [Table(table) for table in METADATA.sorted_tables]


def encode_rows(rows: Iterable[Row]) -> bytes:
    """Write rows as a digest takes them: each a line of JSON, bytes in hexadecimal."""
    return b"".join([orjson.dumps(row, default=bytes.hex) + b"\n" for row in rows])


def convert(rows: Iterable[Row], conversions: tuple[Callable[[Any], Any] | None, ...]) -> list[Row]:
    """Convert each column that has a conversion; NULL stays NULL."""
    columns = list(zip(*rows, strict=True))
    for index, conversion in enumerate(conversions):
        if conversion is not None and columns:
            columns[index] = tuple([None if value is None else conversion(value) for value in columns[index]])
    return list(zip(*columns, strict=True))


@cache
def _select(table: sa.Table, key: sa.Column[Any], engine: EngineName, after: bool, upto: bool) -> str:
    statement = sa.select(table).order_by(key)
    if after:
        statement = statement.where(key > sa.bindparam("after", type_=key.type))
    if upto:
        statement = statement.where(key <= sa.bindparam("upto", type_=key.type))
    # By hand: SQLAlchemy gives SQLite an OFFSET with it, as another parameter.
    limit = "?" if engine == "sqlite" else f"${1 + after + upto}"
    return f"{statement.compile(dialect=_DIALECTS[engine])}\nLIMIT {limit}"


def _conversions(column: sa.Column[Any]) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    match column.type:
        case sa.Uuid():
            return UUID, _hexadecimal
        case Timestamp():
            return datetime.fromisoformat, encode_timestamp
        case sa.Boolean():
            return bool, int
        case JSONText() | sa.String() | sa.LargeBinary() | sa.Integer():
            return None, None
        case other:
            raise TypeError(f"{column.table.name}.{column.name} is of a type without a canonical form: {other!r}")


def _hexadecimal(value: UUID) -> str:
    return value.hex
