"""Makes anybody's text safe to show."""

import re
from typing import Final

SECRET_PART: Final = re.compile(r"(imt_[0-9A-Za-z]{0,16}_[0-9A-Za-z]{8})[0-9A-Za-z]+")
"""What may be a token (`handlers.tokens`), or one with a typo: its prefix, and the rest that nobody may see."""


def discreet(text: str) -> str:
    """A text with whatever may be a token cut down to its prefix: callers and handlers put them where none belongs."""
    return SECRET_PART.sub(r"\1…", text)


def visible(text: str) -> str:
    """A text with whatever is not printable escaped: control and bidirectional characters must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
