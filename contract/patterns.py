"""Texts that a regular expression matches: a few, small and plain, for most that documents hold.

Read are literals, classes, groups, alternatives, anchors and quantifiers. Look-around is passed over, and what else a
pattern may hold (back-references) gives no text: each text is judged by the compiled schema before it counts.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

MAX_TEXTS: Final = 24
"""Texts of any part of a pattern."""

_MAX_REPEATS: Final = 2_000
"""Repetitions that are still written out."""

_CLASSES: Final = {"d": "0159", "w": "aZ0_", "s": " \t", "D": "a-", "W": "-.", "S": "a0-"}
_PROPERTIES: Final = {"L": "aZé", "Ll": "aé", "Lu": "AÉ", "N": "01", "Nd": "01", "P": "-.", "S": "+€", "Z": " "}
"""Some of a property's characters (ECMA-262 §22.2.2.9)."""
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_ANY: Final = "a0 "
_ASCII: Final = [chr(code) for code in range(0x20, 0x7F)]
_WORD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_DIGITS: Final = frozenset("0123456789")
_SPACES: Final = frozenset(" \t\n\r\f\v")


class _Unreadable(ValueError):
    """A pattern has something that is not read here."""


@lru_cache(maxsize=256)
def texts_of(pattern: str) -> tuple[str, ...]:
    """Texts that `pattern` probably matches, the shortest kinds first; none where it is not understood."""
    try:
        reader = _Reader(pattern)
        texts = reader.alternatives()
        return tuple(dict.fromkeys(texts)) if reader.done else ()
    except (_Unreadable, IndexError, ValueError):
        return ()


class _Reader:
    """Reads a pattern from left to right; each method gives the texts of the part that it reads."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def done(self) -> bool:
        """Whether the whole pattern is read."""
        return self._at >= len(self._pattern)

    def alternatives(self) -> list[str]:
        """`a|b`."""
        groups = [self._sequence()]
        while self._next_is("|"):
            self._at += 1
            groups.append(self._sequence())
        return list(_in_turn(groups))[:MAX_TEXTS]

    def _sequence(self) -> list[str]:
        texts = [""]
        while not self.done and self._pattern[self._at] not in "|)":
            part = self._quantified(self._atom())
            texts = _joined(texts, part)
        return texts

    def _atom(self) -> list[str]:
        char = self._take()
        if char in "^$":
            return [""]
        if char == ".":
            return list(_ANY)
        if char == "[":
            return self._class()
        if char == "(":
            return self._group()
        if char == "\\":
            return self._escaped()
        if char in "*+?{":
            raise _Unreadable(self._pattern)
        return [char]

    def _group(self) -> list[str]:
        kind = ":"
        if self._next_is("?"):
            self._at += 1
            kind = self._take()
            if kind == "<" and self._pattern[self._at] in "=!":
                kind = self._take()
            if kind in "P<":
                self._at = self._pattern.index(">", self._at) + 1
            elif kind not in ":=!":
                raise _Unreadable(self._pattern)
        texts = self.alternatives()
        if self._take() != ")":
            raise _Unreadable(self._pattern)
        return [""] if kind in "=!" else texts

    def _escaped(self) -> list[str]:
        char = self._take()
        if char in _CLASSES:
            return list(_CLASSES[char])
        if char in "xu":
            return [self._code(char)]
        if char in "pP":
            return self._property(negated=char == "P")
        if char in "bB":
            return [""]
        if char in _CONTROLS:
            return [_CONTROLS[char]]
        if char.isalnum():
            raise _Unreadable(self._pattern)
        return [char]

    def _property(self, *, negated: bool) -> list[str]:
        if self._take() != "{":
            raise _Unreadable(self._pattern)
        end = self._pattern.index("}", self._at)
        name, self._at = self._pattern[self._at : end], end + 1
        texts = _PROPERTIES.get(name)
        if texts is None:
            raise _Unreadable(self._pattern)
        return [char for char in "a0-Z é" if char not in texts] if negated else list(texts)

    def _code(self, kind: str) -> str:
        if self._next_is("{"):
            end = self._pattern.index("}", self._at)
            digits, self._at = self._pattern[self._at + 1 : end], end + 1
        else:
            length = 2 if kind == "x" else 4
            digits, self._at = self._pattern[self._at : self._at + length], self._at + length
        return chr(int(digits, 16))

    def _class(self) -> list[str]:
        """`[a-z]`: its ends, and what lies between; `[^…]`: what it leaves."""
        negated = self._next_is("^")
        self._at += negated
        members: list[str] = []
        held: set[str] = set()
        while (char := self._take()) != "]":
            if char == "\\" and self._pattern[self._at] in _CLASSES:
                name = self._take()
                members += _CLASSES[name]
                held |= _held(name)
                continue
            first = self._escaped()[0] if char == "\\" else char
            last = first
            if self._next_is("-") and self._pattern[self._at + 1] != "]":
                self._at += 1
                last = self._take()
                last = self._escaped()[0] if last == "\\" else last
            middle = chr((ord(first) + ord(last)) // 2)
            members += dict.fromkeys((first, last, middle))
            held |= {char for char in _ASCII if first <= char <= last}
        if not negated:
            return members
        return [char for char in ("a", "0", "-", " ", "Z", *_ASCII, "é") if char not in held][:MAX_TEXTS]

    def _quantified(self, texts: list[str]) -> list[str]:
        least, most = self._quantifier()
        if (least, most) == (1, 1):
            return texts
        if least > _MAX_REPEATS:
            raise _Unreadable(self._pattern)
        counts = dict.fromkeys((max(least, min(1, most)), least, least + 1, min(most, _MAX_REPEATS)))
        found = [_repeated(texts, count) for count in counts if least <= count <= most]
        return list(_in_turn(found))[:MAX_TEXTS]

    def _quantifier(self) -> tuple[int, int]:
        if self.done or self._pattern[self._at] not in "*+?{":
            return 1, 1
        char = self._take()
        least, most = {"*": (0, 3), "+": (1, 4), "?": (0, 1)}.get(char, (0, 0))
        if char == "{":
            end = self._pattern.index("}", self._at)
            low, comma, high = self._pattern[self._at : end].partition(",")
            self._at = end + 1
            least = int(low or 0)
            most = int(high) if high else least + 3 if comma else least
        if not self.done and self._pattern[self._at] in "?+":
            self._at += 1
        return least, most

    def _take(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _next_is(self, char: str) -> bool:
        return not self.done and self._pattern[self._at] == char


def _held(name: str) -> set[str]:
    """The ASCII characters of a class such as `d`, `w` and `s`, or of its opposite."""
    held = {"d": _DIGITS, "w": _WORD, "s": _SPACES}[name.lower()]
    return set(_ASCII) - held if name.isupper() else set(held)


def _joined(heads: list[str], tails: list[str]) -> list[str]:
    """Each head with a tail and each tail with a head, without making all pairs."""
    size = max(len(heads), len(tails))
    pairs = [head + tails[0] for head in heads] + [heads[0] + tail for tail in tails]
    pairs += [heads[i % len(heads)] + tails[i % len(tails)] for i in range(size)]
    return list(dict.fromkeys(pairs))[:MAX_TEXTS]


def _repeated(texts: list[str], count: int) -> list[str]:
    """Each text so often, and all of them in turn."""
    mixed = "".join(texts[i % len(texts)] for i in range(count))
    return [*[text * count for text in texts], mixed]


def _in_turn(groups: list[list[str]]) -> Iterator[str]:
    for index in range(max(map(len, groups), default=0)):
        yield from (group[index] for group in groups if index < len(group))
