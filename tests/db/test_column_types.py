"""Values as text, and back."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.column_types import TIMESTAMP_LENGTH, decode_json, encode_json, encode_timestamp

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def _typed(value: Any) -> Any:
    """The value with its types, as 1 == 1.0 == True."""
    if isinstance(value, dict):
        return {key: _typed(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_typed(member) for member in value]
    return type(value), repr(value)


@given(_VALUES)
def test_any_json_value_comes_back_exactly(value: Any) -> None:
    """Value and types come back, and the text has no U+0000."""
    text = encode_json(value)
    assert "\0" not in text
    assert _typed(decode_json(text)) == _typed(value)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_value(value: Decimal) -> None:
    """A number comes back with the same value, as a `Decimal` where a float would round it."""
    kept = decode_json(encode_json([value]))[0]
    assert Decimal(repr(kept)) == value if isinstance(kept, float) else kept == value


@pytest.mark.parametrize("value", [object(), {"a": object()}, {1: 2}.keys()])
def test_what_is_no_json_value_is_refused(value: Any) -> None:
    """Anything else is a `TypeError`, not a guess."""
    with pytest.raises(TypeError):
        encode_json(value)


def test_timestamps_sort_as_text() -> None:
    """Texts of moments are of one length, in UTC, and sort by time, whatever their zone and fraction."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    east = timezone(timedelta(hours=9))
    moments = [moment, moment + timedelta(microseconds=1), (moment + timedelta(seconds=1)).astimezone(east)]
    texts = [encode_timestamp(each) for each in moments]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {TIMESTAMP_LENGTH}
    assert [datetime.fromisoformat(text) for text in texts] == moments


def test_a_moment_without_a_zone_is_refused() -> None:
    """A naive moment could be any: it is a `ValueError`."""
    with pytest.raises(ValueError, match="time zone"):
        encode_timestamp(datetime(2026, 1, 2))  # noqa: DTZ001 - that is the point
