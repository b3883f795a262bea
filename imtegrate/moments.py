"""Durations and moments, as people type them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_FORM: Final = re.compile(r"([0-9]{1,9})([dhms])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

LONGEST: Final = timedelta(days=36_525)
"""A century: whatever is longer is a slip, and may be beyond the last year that there is (`datetime.MAXYEAR`)."""


def duration(text: str, option: str) -> timedelta:
    """Read `90d`, `24h`, `30m` or `45s`.

    Raises:
        typer.BadParameter: it is none, or longer than `LONGEST`; a usage error of the option.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise typer.BadParameter("not a duration: write 90d, 24h, 30m or 45s", param_hint=option)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if length > LONGEST:
        raise typer.BadParameter(f"longer than a century ({LONGEST.days}d)", param_hint=option)
    return length


def ahead(text: str | None, option: str) -> datetime | None:
    """Read a moment to come: a duration from now, or a moment of RFC 3339 or ISO 8601, in UTC unless it says otherwise.

    Raises:
        typer.BadParameter: it is neither, or has passed.
    """
    if text is None:
        return None
    now = datetime.now(UTC)
    moment = _moment(text, option) or now + duration(text, option)
    if moment <= now:
        raise typer.BadParameter("this moment has passed", param_hint=option)
    return moment


def back(text: str | None, option: str) -> datetime | None:
    """Read a moment gone by: a duration before now, or a moment likewise.

    Raises:
        typer.BadParameter: it is neither.
    """
    return None if text is None else _moment(text, option) or datetime.now(UTC) - duration(text, option)


def _moment(text: str, option: str) -> datetime | None:
    """The moment that a text with a date tells; None where it is none, but may be a duration."""
    if _FORM.fullmatch(text):
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "neither a duration (90d, 24h, 30m, 45s) nor a moment (2030-01-31T12:00:00Z)", param_hint=option
        ) from None
