"""XML of an answer's value: members as elements, lists as elements over again (OpenAPI 3.1 §4.8.26)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from contract import json_text

_ROOT: Final = "xml"
"""The root's name where the schema has no `xml.name`."""


def is_xml(media_type: str) -> bool:
    """Whether a media type without parameters is one of XML (RFC 7303 §9.1, §9.2)."""
    return media_type in ("application/xml", "text/xml") or media_type.endswith("+xml")


def dumps(value: Any, schema: Any = None) -> str:
    """The XML of a value; text is taken for XML already, as an example of it is written."""
    if isinstance(value, str):
        return value
    described = schema.get("xml") if isinstance(schema, Mapping) else None
    name = described.get("name", _ROOT) if isinstance(described, Mapping) else _ROOT
    if isinstance(value, list):
        return f"<{name}>{''.join(''.join(_elements('item', item)) for item in value)}</{name}>"
    return "".join(_elements(str(name), value))


def _elements(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _elements(name, item)
        return
    if isinstance(value, Mapping):
        inner = "".join(text for key, item in value.items() for text in _elements(str(key), item))
    elif value is None:
        inner = ""
    else:
        inner = escape(value if isinstance(value, str) else json_text.dumps(value).decode())
    yield f"<{name}>{inner}</{name}>"
