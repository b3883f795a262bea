"""To what end an object of a document is used, as what holds it is: field by field."""

from collections.abc import Mapping
from enum import Flag, auto
from typing import Any, Final

from contract.media import essence, is_json
from contract.objects import APPLIES_LIST, APPLIES_MAP, APPLIES_ONE, SCHEMA, Thing
from contract.structure import unescape


class Use(Flag):
    """To what end an object is used."""

    NONE = 0
    SERVED = auto()
    """It is part of what is served."""
    REQUEST = auto()
    """It judges requests, or says how they are read."""
    ANSWER = auto()
    """It judges answers."""
    HEADER = auto()
    """It is the schema of an answer's header."""
    FILLS = auto()
    """Defaults of the members below are filled in."""
    DEFAULT = auto()
    """Its own default is filled in."""
    MEMBER = auto()
    """It is a member of an object."""
    FORM = auto()
    """It says how a form is read."""
    PARTS = auto()
    """It says how a multipart body is read."""
    OUTGOING = auto()
    """It describes requests to others."""
    PASSED_OVER = auto()
    """It is below something that is not followed."""


IN_EFFECT: Final = Use.SERVED | Use.REQUEST | Use.ANSWER | Use.HEADER
"""Some of the service goes by it."""

_FILLED: Final = frozenset({"properties", "items", "prefixItems", "allOf", "anyOf", "oneOf", "then", "else"})
"""Keywords below which `contract.defaults` fills in."""

_WITHOUT_CONTENT: Final = frozenset({"204", "205", "304"})


def use_below(thing: Thing, field: str, name: str, use: Use) -> Use:
    """What an object is used for that stands in a field of one that is used for `use`."""
    if use & (Use.OUTGOING | Use.PASSED_OVER) or field in ("webhooks", "callbacks"):
        return use & (Use.OUTGOING | Use.PASSED_OVER) or Use.OUTGOING
    if thing.kind == SCHEMA:
        return _use_in_schema(thing.value, field, use)
    decide = _IN.get(thing.kind)
    return decide(thing, field, name, use) if decide is not None else use


def _use_in_schema(schema: Mapping[str, Any], field: str, use: Use) -> Use:
    judges = use & (Use.REQUEST | Use.ANSWER)
    if field in ("contentSchema", "$defs", "definitions") or (field in ("then", "else") and "if" not in schema):
        return Use.NONE
    if field not in (*APPLIES_ONE, *APPLIES_LIST, *APPLIES_MAP):
        return use
    if Use.HEADER in use and not judges:
        return Use.PASSED_OVER
    below = judges | (use & Use.FILLS if field in _FILLED else Use.NONE)
    if field == "properties" and judges:
        below |= Use.MEMBER | (Use.DEFAULT if Use.FILLS in use else Use.NONE)
    return below


def _in_root(_thing: Thing, field: str, name: str, use: Use) -> Use:
    if field == "components":
        return Use.NONE
    return Use.PASSED_OVER if field == "servers" and name != "0" else use


def _in_item(_thing: Thing, field: str, _name: str, use: Use) -> Use:
    return Use.PASSED_OVER if field in ("servers", "query", "additionalOperations") else use


def _in_parameter(thing: Thing, field: str, name: str, use: Use) -> Use:
    if field == "content" and use & IN_EFFECT:
        is_read = name == next(iter(thing.value["content"])) and "schema" in thing.value["content"][name]
        return Use.SERVED if is_read else Use.PASSED_OVER
    return use & Use.SERVED and Use.REQUEST | Use.FILLS | Use.DEFAULT if field == "schema" else use


def _in_header(_thing: Thing, field: str, _name: str, use: Use) -> Use:
    if field == "schema":
        return Use.HEADER if use & IN_EFFECT else use
    return Use.PASSED_OVER if field == "content" else use


def _in_request_body(thing: Thing, field: str, name: str, use: Use) -> Use:
    if field != "content" or not use & IN_EFFECT:
        return use
    kind = essence(name)
    read = Use.FORM if kind == "application/x-www-form-urlencoded" else Use.NONE
    read |= Use.PARTS if kind == "multipart/form-data" else Use.NONE
    fallback = Use.DEFAULT if is_json(name) and thing.value.get("required") is not True else Use.NONE
    return Use.REQUEST | Use.FILLS | read | fallback


def _in_response(thing: Thing, field: str, name: str, use: Use) -> Use:
    if field == "content" and use & IN_EFFECT:
        chosen = answered(thing.value["content"])
        has_content = unescape(thing.pointer.rpartition("/")[2]) not in _WITHOUT_CONTENT
        return Use.ANSWER if name == chosen and has_content else Use.PASSED_OVER
    if field == "headers" and name.lower() == "content-type":
        return Use.PASSED_OVER
    return use


def _in_media_type(_thing: Thing, field: str, _name: str, use: Use) -> Use:
    if field in ("itemSchema", "prefixEncoding", "itemEncoding"):
        return Use.PASSED_OVER
    if field == "encoding":
        return use if use & (Use.FORM | Use.PARTS) else Use.NONE
    if field == "schema" and Use.SERVED in use:
        # That of a parameter.
        return Use.REQUEST | Use.FILLS | Use.DEFAULT
    return use & ~(Use.FORM | Use.PARTS)


def _in_encoding(_thing: Thing, _field: str, _name: str, _use: Use) -> Use:
    return Use.PASSED_OVER


_IN: Final = {
    "OpenAPI Object": _in_root,
    "Path Item Object": _in_item,
    "Operation Object": _in_item,
    "Parameter Object": _in_parameter,
    "Header Object": _in_header,
    "Request Body Object": _in_request_body,
    "Response Object": _in_response,
    "Media Type Object": _in_media_type,
    "Encoding Object": _in_encoding,
}


def answered(content: Mapping[str, Any]) -> str | None:
    """The media type of an answer: the first JSON entry, else the first."""
    return next((name for name in content if is_json(name)), next(iter(content), None))
