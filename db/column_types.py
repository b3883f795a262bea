"""Column types that keep a value exactly, and the same, on every engine."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import orjson
import simplejson
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

TIMESTAMP_LENGTH: Final = 32
"""Characters of `2025-01-31T23:59:59.000000+00:00` (RFC 3339), which sorts by time."""

_MAY_LOSE_PRECISION: Final = re.compile(r"[0-9.]{16}|[0-9][eE]")
"""Numbers that orjson may round: a double holds any number of 15 digits (IEEE 754, `DBL_DIG`)."""


def encode_json(value: Any) -> str:
    r"""Write a JSON value as text without U+0000 (which becomes the six characters `\u0000`).

    Integers of any size and `Decimal` are written digit by digit.

    Raises:
        TypeError: it is no JSON value.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        text: str = simplejson.dumps(value, use_decimal=True, separators=(",", ":"))
        return text


def decode_json(text: str) -> Any:
    """Read what `encode_json` wrote; numbers that a float would round come back as `int` or `Decimal`."""
    if _MAY_LOSE_PRECISION.search(text) is None:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # lone surrogates or very deep nesting, which only the standard library reads
    return json.loads(text, parse_float=_number)


def _number(digits: str) -> float | Decimal:
    # `repr` gives the shortest text that reads back as the same double: equal values mean nothing is lost.
    number, exact = float(digits), Decimal(digits)
    return number if Decimal(repr(number)) == exact else exact


@lru_cache(maxsize=4)  # keys that are made together share one
def encode_timestamp(moment: datetime) -> str:
    """Write an aware moment as RFC 3339 in UTC, with microseconds.

    Raises:
        ValueError: the moment has no time zone.
    """
    return as_utc(moment).isoformat(timespec="microseconds")


def as_utc(moment: datetime) -> datetime:
    """Give the same moment in UTC.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("a timestamp needs a time zone")
    return moment.astimezone(UTC)


class JSONText(TypeDecorator[Any]):
    """Any JSON value, as JSON text.

    PostgreSQL's own text, json and jsonb all refuse U+0000, and jsonb and SQLite's functions reorder or round; as text
    with the NUL escaped every value comes back as it was.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002 - SQLAlchemy's signature
        """Write it."""
        return encode_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - as above
        """Read it; None where a join found no row."""
        return None if value is None else decode_json(value)


class Timestamp(TypeDecorator[datetime]):
    """A moment, aware and in UTC, to the microsecond; text on SQLite, which has no type for it."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the engine's type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(TIMESTAMP_LENGTH))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write it."""
        if value is None:
            return None
        return encode_timestamp(value) if dialect.name == "sqlite" else as_utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read it."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else as_utc(value)
