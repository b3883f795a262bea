"""Texts of a document as docstrings: any text at all, written as PEP 257 and ruff want a docstring."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_TYPOGRAPHY: Final = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2212": "-",
        "\u2022": "*", "\u2026": "...", "\u00a0": " ", "\u00d7": "x", "\u2010": "-", "\u2011": "-",
    }
)  # fmt: skip
"""Signs that look like those of ASCII, which ruff would warn of (RUF002)."""

_SECTIONS: Final = frozenset(
    {
        "args", "arguments", "attention", "attributes", "caution", "danger", "error", "example", "examples", "hint",
        "important", "keyword args", "keyword arguments", "keyword parameters", "methods", "note", "notes",
        "extended summary", "other args", "other arguments", "other params", "other parameters", "parameters", "params",
        "raises", "receives", "references", "return", "returns", "see also", "short summary", "tip", "todo", "usage",
        "warn", "warning", "warnings", "warns", "yield", "yields",
    }
)  # fmt: skip
"""Lines that ruff would take for the headings of sections (D405 to D417)."""

_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that no source should hold: they are not seen, or turn the text around."""

_SENTENCE: Final = re.compile(r"[A-Z0-9][^\n]*")


def docstring(summary: str, description: str, otherwise: str, indent: str, width: int) -> str:
    """A docstring with its quotes, its first line indented already; `otherwise` is its first line if need be.

    Args:
        summary: becomes the first line, if it is one line and reads as one.
        description: becomes what follows, line by line.
        otherwise: a sentence in ASCII.
        indent: stands before each line.
        width: columns of a line, the indent's included.
    """
    head, body = _clean(summary), [_clean(line) for line in _lines(description)]
    first = _first_line(head, width - len(indent) - 8)
    if first is None:
        first = otherwise
        body = [head, "", *body] if head else body
    lines = list(_wrapped([line for line in body if line != head], width - len(indent)))
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    text = "\n".join([first, *(["", *lines, ""] if lines else [])])
    if first.startswith('"') or '"""' in text or "\\" in text:
        text = text.replace('"', "'")
    prefix = "r" if "\\" in text else ""
    indented = "\n".join(f"{indent}{line}" if line and number else line for number, line in enumerate(text.split("\n")))
    # The closing quotes of more than one line stand on a line of their own.
    made = f'{prefix}"""{indented}{indent if lines else ""}"""'
    # Letters of other scripts may look like Latin ones; whether ruff thinks so is not for us to know.
    return made if made.isascii() else f"{made}  # noqa: RUF002, RUF100 (the document's own words)"


def _first_line(text: str, width: int) -> str | None:
    """The text as a first line (D400, D402, D403, D404, D415); None if it cannot be one."""
    text = text.rstrip(" .:;,!?")
    if not text or "(" in text or _width(text) > width or re.match("this\\b", text, re.IGNORECASE):
        return None
    text = text[0].upper() + text[1:]
    return f"{text}." if _SENTENCE.match(text) or not text[0].isascii() else None


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def _clean(text: str) -> str:
    kept = "".join(
        char if unicodedata.category(char) not in _DROPPED else " " if char.isspace() else ""
        for char in unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY)
    )
    return " ".join(kept.split())


def _wrapped(lines: list[str], width: int) -> Iterator[str]:
    before = ""
    for line in lines:
        if line.rstrip(":").strip(" -=").lower() in _SECTIONS:
            line = f"* {line}"  # noqa: PLW2901 (the same line, so that it is no heading)
        if set(line) and set(line) <= set("-="):
            # The underline of a heading.
            continue
        for piece in _pieces(line, width) if line else [""] if before else []:
            yield f"* {piece}" if piece.rstrip(":").lower() in _SECTIONS else piece
        before = line


def _pieces(line: str, width: int) -> Iterator[str]:
    current = ""
    for word in line.split():
        if current and _width(current) + 1 + _width(word) > width - 2:
            yield current
            current = word
        else:
            current = f"{current} {word}" if current else word
    if current:
        yield current


def _width(text: str) -> int:
    """Columns of a text: a character of East Asia takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
