"""Values written the way a caller writes them: parameters by `style` and `explode`, bodies by media type.

The reverse of `parameters` and `media`. What cannot be written so that it could be read again is not written at all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from contract import json_text
from contract.bundle import JSON
from contract.media import essence, is_json
from contract.raw import Raw, decoded
from contract.styles import style_of

BOUNDARY: Final = "----imtegrate"

_PRINTABLE: Final = range(0x20, 0x7F)


def write_parameter(said: Mapping[str, Any], value: JSON, read_as: str) -> Raw | None:
    """A request that has `value` for the Parameter Object `said`; `read_as` is what the path's template calls it."""
    location, name = said["in"], said["name"]
    encode = _encoded if location != "header" else str
    if said.get("content"):
        pairs: Sequence[tuple[str, str]] | None = [(name, encode(json_text.dumps(value).decode()))]
    else:
        style, explode = style_of(said, location)
        write = _form if location in ("query", "cookie") else _split
        pairs = write(name, value, style, explode, encode)
    if not pairs:
        return None
    text = pairs[0][1]
    if location == "path":
        return None if text in ("", ".", "..") else Raw(path={read_as: text})
    if location == "header":
        if not text or text != text.strip() or any(ord(char) not in _PRINTABLE for char in text):
            return None
        return Raw(headers={name.lower().encode("latin-1", "replace"): [text.encode()]})
    return Raw(query=pairs) if location == "query" else Raw(cookies=pairs)


def write_body(media_type: str, value: JSON) -> tuple[bytes, Mapping[str, str]] | None:
    """A body that holds `value`, and the parameters of its media type."""
    name = essence(media_type)
    if is_json(name):
        return json_text.dumps(value), {}
    if name == "application/x-www-form-urlencoded":
        pairs = _members(value)
        text = "&".join(f"{_encoded(key)}={_encoded(item)}" for key, item in pairs or ())
        return (text.encode(), {}) if pairs is not None else None
    if name == "multipart/form-data":
        pairs = _members(value)
        if not pairs or any(_is_unsafe(key) or BOUNDARY in item for key, item in pairs):
            return None
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{item}\r\n' for key, item in pairs
        ]
        return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode(), {"boundary": BOUNDARY}
    return (value.encode(), {}) if isinstance(value, str) else None


def header_text(value: Any, *, explode: bool = False) -> str:
    """A header's value in the style `simple` (OpenAPI 3.1 §4.8.12.4)."""
    if isinstance(value, dict):
        separator = "=" if explode else ","
        return ",".join(f"{name}{separator}{header_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ",".join(header_text(item) for item in value)
    return value if isinstance(value, str) else json_text.dumps(value).decode()


def _members(value: JSON) -> list[tuple[str, str]] | None:
    """The members of a form; a list is written as often as it has items, an object as JSON."""
    if not isinstance(value, Mapping):
        return None
    pairs: list[tuple[str, str]] = []
    for name, member in value.items():
        if isinstance(member, Mapping):
            pairs.append((name, json_text.dumps(member).decode()))
            continue
        texts = [_text(item) for item in (member if isinstance(member, list) else [member])]
        if not name or not texts or None in texts:
            return None
        pairs += [(name, text) for text in texts if text is not None]
    return pairs


def _form(
    name: str, value: JSON, style: str, explode: bool, encode: Callable[[str], str]
) -> Sequence[tuple[str, str]] | None:
    pieces = _pieces(value)
    if pieces is None:
        return None
    if isinstance(value, Mapping):
        if style == "deepObject":
            return [(f"{name}[{key}]", encode(text)) for key, text in pieces]
        if explode:
            return [(key, encode(text)) for key, text in pieces]
        return [(name, ",".join(encode(item) for pair in pieces for item in pair))]
    if not isinstance(value, list):
        return [(name, encode(pieces[0][1]))]
    if explode:
        return [(name, encode(text)) for _, text in pieces]
    separator = {"spaceDelimited": "%20", "pipeDelimited": "|"}.get(style, ",")
    return [(name, separator.join(encode(text) for _, text in pieces))]


def _split(
    name: str, value: JSON, style: str, explode: bool, encode: Callable[[str], str]
) -> Sequence[tuple[str, str]] | None:
    """The styles `simple`, `label` and `matrix`: one text."""
    pieces = _pieces(value)
    if pieces is None:
        return None
    separator = {"label": ".", "matrix": ";"}.get(style, ",") if explode else ","
    if isinstance(value, Mapping):
        join = "=" if explode else ","
        texts = [f"{encode(key)}{join}{encode(text)}" for key, text in pieces]
    else:
        texts = [encode(text) for _, text in pieces]
    if style == "matrix":
        if explode and isinstance(value, list):
            texts = [f"{name}={text}" for text in texts]
        prefix = ";" if explode and isinstance(value, list | Mapping) else f";{name}="
    else:
        prefix = "." if style == "label" else ""
    return [(name, prefix + separator.join(texts))]


def _pieces(value: JSON) -> list[tuple[str, str]] | None:
    """The texts in a value, with the names they have in it; None where something has none."""
    if isinstance(value, Mapping):
        named = [(key, _text(item)) for key, item in value.items()]
    else:
        named = [("", _text(item)) for item in (value if isinstance(value, list) else [value])]
    pieces = [(key, text) for key, text in named if text is not None]
    return pieces if pieces and len(pieces) == len(named) else None


def _text(value: JSON) -> str | None:
    if isinstance(value, str):
        return value
    return None if isinstance(value, list | Mapping) else json_text.dumps(value).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _is_unsafe(name: str) -> bool:
    return not name or decoded(name) != name or any(ord(char) not in _PRINTABLE or char in '"\\' for char in name)
