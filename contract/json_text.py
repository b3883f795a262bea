"""JSON text to values and back (RFC 8259), exactly: what cannot be held exactly is refused, never rounded.

orjson does the common case. Numbers that it would round (RFC 8259 §6 leaves the precision open) are read again as `int`
and `Decimal`, which jsonschema-rs judges exactly.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
import simplejson

MAX_DEPTH: Final = 200
"""Levels of nesting a text may have: the `iter_errors` of jsonschema-rs gives up at 255."""

MAX_DIGITS: Final = 4300
"""Digits of one number: CPython converts no longer integer (`sys.int_info.default_max_str_digits`)."""

MAX_LONG: Final = 1000
"""Numbers that orjson would round which a text may have where items have to be distinct: jsonschema-rs compares each of
them with each (1,000 take 0.3 s, 8,000 take 19 s)."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DIGITS: Final = b"0123456789"
_LONG_OR_EXPONENT: Final = re.compile(rb"[0-9.]{16}|[0-9][eE]")
_WORD: Final = 64
"""Bits of an integer that orjson holds."""
_STRUCTURE: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class InvalidJSON(ValueError):
    """A text is not JSON, or is nested deeper or holds a longer number than we take."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position
        """Characters from the start of the text."""


def loads(text: bytes) -> Any:
    """Parse one JSON text.

    Members given twice count with their last value (RFC 8259 §4), and a byte order mark is passed over (§8.1).

    Raises:
        InvalidJSON: not UTF-8, not JSON (`NaN` and lone surrogates included), nested over `MAX_DEPTH`, or a number of
            over `MAX_DIGITS` digits, or with an exponent that no `Decimal` has.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK)
    # What has fewer characters is not nested deeper.
    if len(text) > MAX_DEPTH and text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        _refuse_depth(text)
    exactly = _may_lose_precision(text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # orjson calls a number beyond the range of a double an error; the text may still be JSON.
        if exactly and "infinity" in error.msg:
            return _without_surrogates(_loads_exactly(text))
        raise _invalid(text, error.msg, error.pos) from None
    return _loads_exactly(text) if exactly else value


def loads_for_distinct(text: bytes) -> Any:
    """As `loads`, where items of the value have to be distinct.

    Raises:
        InvalidJSON: as `loads`, or there are over `MAX_LONG` numbers that orjson would round.
    """
    value = loads(text)
    if _may_lose_precision(text) and _count_long(value) > MAX_LONG:
        raise InvalidJSON(f"over {MAX_LONG} numbers of more than 64 bits", 0)
    return value


def dumps(value: Any) -> bytes:
    """Serialize a value of `loads`: UTF-8, compact, numbers exactly as they were read."""
    try:
        return orjson.dumps(value)
    except TypeError:
        text: str = simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":"))
        return text.encode()


def _may_lose_precision(text: bytes) -> bool:
    """Whether orjson may round a number of a text; most texts have no digit at all, which is seen sooner."""
    return len(text.translate(None, _DIGITS)) < len(text) and _LONG_OR_EXPONENT.search(text) is not None


def _loads_exactly(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_float=_number, parse_int=_integer, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise InvalidJSON("not UTF-8", len(text[: error.start].decode())) from None
    except json.JSONDecodeError as error:
        raise InvalidJSON(error.msg, error.pos) from None
    except InvalidJSON as error:
        # What is no JSON at all is named as that first.
        raise _invalid(text, error.reason, error.position) from None


def _count_long(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_count_long, value.values()))
    if isinstance(value, list):
        return sum(map(_count_long, value))
    return isinstance(value, Decimal) or (isinstance(value, int) and value.bit_length() > _WORD)


def _without_surrogates(value: Any) -> Any:
    """A value that only the standard library's parser has seen, which lets lone surrogates pass."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise InvalidJSON("lone surrogate", 0) from None
    return value


def _number(digits: str) -> float | Decimal:
    _refuse_length(digits)
    number = float(digits)
    try:
        exact = Decimal(digits)
    except InvalidOperation:
        # Its exponent has over 18 digits.
        raise InvalidJSON(f"number of over {MAX_DIGITS} digits", 0) from None
    # `repr` gives the shortest text that reads back as the same double: equal values mean nothing is lost.
    return number if Decimal(repr(number)) == exact else exact


def _integer(digits: str) -> int:
    _refuse_length(digits)
    return int(digits)


def _refuse_length(digits: str) -> None:
    if len(digits) > MAX_DIGITS and sum(map(str.isdigit, digits)) > MAX_DIGITS:
        raise InvalidJSON(f"number of over {MAX_DIGITS} digits", 0)


def _no_constant(name: str) -> Any:
    raise InvalidJSON(f"{name} is not JSON", 0)


def _refuse_depth(text: bytes) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                position = len(text[: match.start()].decode(errors="replace"))
                raise _invalid(text, f"nested deeper than {MAX_DEPTH} levels", position)
        elif mark in b"]}":
            depth -= 1


def _invalid(text: bytes, reason: str, position: int) -> InvalidJSON:
    """The fault as the standard library's parser, and so FastAPI, names it; as given where that parser finds none."""
    try:
        json.loads(text.decode(), parse_int=_integer)
    except UnicodeDecodeError as error:
        return InvalidJSON("not UTF-8", len(text[: error.start].decode()))
    except json.JSONDecodeError as error:
        return InvalidJSON(error.msg, error.pos)
    except InvalidJSON as error:
        return error
    except RecursionError:
        pass
    return InvalidJSON(reason, position)
