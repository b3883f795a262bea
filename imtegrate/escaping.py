"""Makes anybody's text safe to show."""


def visible(text: str) -> str:
    """A text with whatever is not printable escaped: control and bidirectional characters must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
