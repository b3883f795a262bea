r"""Regular expressions of ECMA-262, which JSON Schema asks for (2020-12 Core §6.4), in the words of another engine.

jsonschema-rs reads `\d`, `\w` and `\s` as ECMA-262 does, but not in a pattern that looks around or refers back: that is
passed on to an engine for which they are Unicode's. Here they are spelled out.
"""

import re
import sys
from functools import lru_cache
from typing import Final

_BACKTRACKS: Final = re.compile(r"\(\?<?[=!]|\\[1-9k]")
_CLASS: Final = re.compile(r"\\[dDwWsSbB]")

_Ranges = tuple[tuple[int, int], ...]
"""First and last code points of characters, in their order."""

_DIGITS: Final[_Ranges] = ((0x30, 0x39),)
_WORD: Final[_Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES: Final[_Ranges] = (
    *((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A)),
    *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
"""`WhiteSpace` and `LineTerminator` (ECMA-262 §12.2, §12.3)."""


def _others(ranges: _Ranges) -> _Ranges:
    """All other characters. A class within a class could say so, but the engine misreads `[^[^a]b]`."""
    firsts = [0, *(last + 1 for _, last in ranges)]
    lasts = [*(first - 1 for first, _ in ranges), sys.maxunicode]
    return tuple((first, last) for first, last in zip(firsts, lasts, strict=True) if first <= last)


def _members(ranges: _Ranges) -> str:
    return "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges)


_CLASSES: Final = {
    name: _members(ranges)
    for lower, own in (("d", _DIGITS), ("w", _WORD), ("s", _SPACES))
    for name, ranges in ((lower, own), (lower.upper(), _others(own)))
}
"""What stands in a class, by the letter of its escape."""

_IN: Final = f"[{_CLASSES['w']}]"
_EDGES: Final = {
    "b": f"(?:(?<={_IN})(?!{_IN})|(?<!{_IN})(?={_IN}))",
    "B": f"(?:(?<={_IN})(?={_IN})|(?<!{_IN})(?!{_IN}))",
}
"""Where a word begins or ends, and where none does (ECMA-262 §22.2.2.4)."""

_OPERATORS: Final = frozenset("[&~")
"""Characters that stand for themselves in a class of ECMA-262, and may begin an operation in the engine's."""


@lru_cache(maxsize=256)
def spelled_out(pattern: str) -> str:
    """A pattern that matches there what this one matches in ECMA-262; the same where nothing has to be said otherwise.

    What is no pattern stays none.
    """
    if _BACKTRACKS.search(pattern) is None or _CLASS.search(pattern) is None:
        return pattern
    pieces: list[str] = []
    in_class = False
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "\\":
            pieces.append(_escaped(pattern[index : index + 2], in_class=in_class))
            index += 2
            continue
        if in_class and char in _OPERATORS:
            char = "\\" + char
        elif char in "[]":
            in_class = char == "["
        pieces.append(char)
        index += 1
    return "".join(pieces)


def _escaped(escape: str, *, in_class: bool) -> str:
    """One escape, spelled out."""
    name = escape[1:]
    if name in _CLASSES:
        return _CLASSES[name] if in_class else f"[{_CLASSES[name]}]"
    if in_class:
        return r"\x08" if name == "b" else escape
    return _EDGES.get(name, escape)
