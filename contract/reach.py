"""What of a document is in effect, and to what end: every object, by what uses it along the references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

from contract.document import Document, PointerToNowhere, address_of
from contract.media import essence, is_json
from contract.structure import METHODS, Holds, escape, unescape


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

Key = tuple[str, str]
"""URI of the file, and JSON Pointer in it."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a document."""

    uri: str
    pointer: str
    kind: str
    value: Any
    base_uri: str
    """What the references of a schema are relative to."""
    meant: str
    """The kind of its place: what a Reference Object leads to."""

    @property
    def key(self) -> Key:
        """Where it stands."""
        return self.uri, self.pointer

    def child(self, *steps: str | int) -> str:
        """The JSON Pointer of something below."""
        return self.pointer + "".join(f"/{escape(str(step))}" for step in steps)


_ONE, _LIST, _MAP = Holds.ONE, Holds.LIST, Holds.MAP
_SCHEMA: Final = "Schema Object"

_APPLIES_ONE: Final = (
    "items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
_APPLIES_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_APPLIES_MAP: Final = ("properties", "patternProperties", "dependentSchemas", "dependencies")
_FILLED: Final = frozenset({"properties", "items", "prefixItems", "allOf", "anyOf", "oneOf", "then", "else"})
"""Keywords below which `contract.defaults` fills in."""

_PARAMETER: Final = {
    "schema": (_ONE, _SCHEMA),
    "content": (_MAP, "Media Type Object"),
    "examples": (_MAP, "Example Object"),
}

BELOW: Final[Mapping[str, Mapping[str, tuple[Holds, str]]]] = {
    "OpenAPI Object": {
        "info": (_ONE, "Info Object"),
        "servers": (_LIST, "Server Object"),
        "paths": (_ONE, "Paths Object"),
        "webhooks": (_MAP, "Path Item Object"),
        "components": (_ONE, "Components Object"),
        "security": (_LIST, "Security Requirement Object"),
        "tags": (_LIST, "Tag Object"),
        "externalDocs": (_ONE, "External Documentation Object"),
    },
    "Info Object": {"contact": (_ONE, "Contact Object"), "license": (_ONE, "License Object")},
    "Server Object": {"variables": (_MAP, "Server Variable Object")},
    "Components Object": {
        "schemas": (_MAP, _SCHEMA),
        "responses": (_MAP, "Response Object"),
        "parameters": (_MAP, "Parameter Object"),
        "examples": (_MAP, "Example Object"),
        "requestBodies": (_MAP, "Request Body Object"),
        "headers": (_MAP, "Header Object"),
        "securitySchemes": (_MAP, "Security Scheme Object"),
        "links": (_MAP, "Link Object"),
        "callbacks": (_MAP, "Callback Object"),
        "pathItems": (_MAP, "Path Item Object"),
        "mediaTypes": (_MAP, "Media Type Object"),
    },
    "Path Item Object": {
        **dict.fromkeys((*METHODS, "query"), (_ONE, "Operation Object")),
        "additionalOperations": (_MAP, "Operation Object"),
        "servers": (_LIST, "Server Object"),
        "parameters": (_LIST, "Parameter Object"),
    },
    "Operation Object": {
        "externalDocs": (_ONE, "External Documentation Object"),
        "parameters": (_LIST, "Parameter Object"),
        "requestBody": (_ONE, "Request Body Object"),
        "responses": (_ONE, "Responses Object"),
        "callbacks": (_MAP, "Callback Object"),
        "security": (_LIST, "Security Requirement Object"),
        "servers": (_LIST, "Server Object"),
    },
    "Parameter Object": _PARAMETER,
    "Header Object": _PARAMETER,
    "Request Body Object": {"content": (_MAP, "Media Type Object")},
    "Media Type Object": {
        "schema": (_ONE, _SCHEMA),
        "itemSchema": (_ONE, _SCHEMA),
        "examples": (_MAP, "Example Object"),
        "encoding": (_MAP, "Encoding Object"),
        "prefixEncoding": (_LIST, "Encoding Object"),
        "itemEncoding": (_ONE, "Encoding Object"),
    },
    "Encoding Object": {
        "headers": (_MAP, "Header Object"),
        "encoding": (_MAP, "Encoding Object"),
        "prefixEncoding": (_LIST, "Encoding Object"),
        "itemEncoding": (_ONE, "Encoding Object"),
    },
    "Response Object": {
        "headers": (_MAP, "Header Object"),
        "content": (_MAP, "Media Type Object"),
        "links": (_MAP, "Link Object"),
    },
    "Link Object": {"server": (_ONE, "Server Object")},
    "Tag Object": {"externalDocs": (_ONE, "External Documentation Object")},
    "Security Scheme Object": {"flows": (_ONE, "OAuth Flows Object")},
    "OAuth Flows Object": dict.fromkeys(
        ("implicit", "password", "clientCredentials", "authorizationCode", "deviceAuthorization"),
        (_ONE, "OAuth Flow Object"),
    ),
    _SCHEMA: {
        **dict.fromkeys((*_APPLIES_ONE, "contentSchema"), (_ONE, _SCHEMA)),
        **dict.fromkeys(_APPLIES_LIST, (_LIST, _SCHEMA)),
        **dict.fromkeys((*_APPLIES_MAP, "$defs", "definitions"), (_MAP, _SCHEMA)),
        "discriminator": (_ONE, "Discriminator Object"),
        "xml": (_ONE, "XML Object"),
        "externalDocs": (_ONE, "External Documentation Object"),
    },
}
"""What objects the fields of objects hold."""

PATTERNED: Final[Mapping[str, tuple[str, str | None]]] = {
    "Paths Object": ("{path}", "Path Item Object"),
    "Responses Object": ("{status}", "Response Object"),
    "Callback Object": ("{expression}", "Path Item Object"),
    "Security Requirement Object": ("{name}", None),
}
"""Objects whose fields the document names, and what these hold."""

_NOT_BY_REFERENCE: Final = frozenset(
    {_SCHEMA, "Path Item Object", "Reference Object", *PATTERNED} - {"Callback Object"}
)
"""Objects in whose place no Reference Object stands, or which have a `$ref` of their own."""

_WITHOUT_CONTENT: Final = frozenset({"204", "205", "304"})


class Reach:
    """Every object of a document, in its order, and what each is used for."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.things: dict[Key, Thing] = {}
        self.uses: dict[Key, Use] = {}
        self._embedded: dict[str, Thing] = {}
        self._anchors: dict[tuple[str, str], Thing] = {}
        self._dynamic: dict[str, list[Thing]] = {}
        root = Thing(document.uri, "", "OpenAPI Object", document.root, document.uri, "OpenAPI Object")
        self._enlist(root)
        self._follow(root, Use.SERVED)

    def _enlist(self, thing: Thing) -> None:
        """Note an object and all below it, so that they come in the document's order."""
        pending = [thing]
        while pending:
            current = pending.pop()
            if current.key in self.things:
                continue
            self.things[current.key] = current
            self.uses[current.key] = Use.NONE
            if current.kind == _SCHEMA and isinstance(current.value, Mapping):
                self._note_names(current)
            pending += reversed([below for below, _, _ in self.below(current)])

    def _note_names(self, thing: Thing) -> None:
        if isinstance(thing.value.get("$id"), str):
            self._embedded[urldefrag(thing.base_uri).url] = thing
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(name := thing.value.get(keyword), str):
                self._anchors[urldefrag(thing.base_uri).url, name] = thing
        if isinstance(name := thing.value.get("$dynamicAnchor"), str):
            self._dynamic.setdefault(name, []).append(thing)

    def _follow(self, root: Thing, use: Use) -> None:
        pending = [(root, use)]
        seen: set[tuple[Key, Use]] = set()
        while pending:
            thing, use = pending.pop()
            if (thing.key, use) in seen:
                continue
            seen.add((thing.key, use))
            self._enlist(thing)
            self.uses[thing.key] |= use
            pending += [(below, _use_below(thing, field, name, use)) for below, field, name in self.below(thing)]
            pending += [(target, use) for target in self.targets(thing)]
            if thing.kind == "Operation Object" and Use.SERVED in use:
                pending += [(scheme, Use.SERVED) for scheme in self._demanded(thing)]

    def below(self, thing: Thing) -> Iterator[tuple[Thing, str, str]]:
        """The objects directly below, each with its field and its name there."""
        value = thing.value
        if not isinstance(value, Mapping) or thing.kind == "Reference Object":
            return
        if thing.kind in PATTERNED:
            kind = PATTERNED[thing.kind][1]
            for name, item in value.items():
                if kind is not None and not name.startswith("x-"):
                    yield self._made(thing, (name,), kind, item), name, name
            return
        for field, held in value.items():
            if (found := BELOW.get(thing.kind, {}).get(field)) is None:
                continue
            holds, kind = found
            if holds is Holds.ONE:
                yield self._made(thing, (field,), kind, held), field, ""
            elif holds is Holds.LIST and isinstance(held, list):
                for index, item in enumerate(held):
                    yield self._made(thing, (field, index), kind, item), field, str(index)
            elif holds is Holds.MAP and isinstance(held, Mapping):
                for name, item in held.items():
                    if not (field == "dependencies" and isinstance(item, list)):
                        yield self._made(thing, (field, name), kind, item), field, name

    def _made(self, holder: Thing, steps: tuple[str | int, ...], kind: str, value: Any) -> Thing:
        return self._thing(holder.uri, holder.child(*steps), kind, value, holder.base_uri)

    def _thing(self, uri: str, pointer: str, kind: str, value: Any, base_uri: str) -> Thing:
        meant = kind
        if isinstance(value, Mapping):
            if kind == _SCHEMA and isinstance(value.get("$id"), str):
                base_uri = urljoin(base_uri, value["$id"])
            if kind not in _NOT_BY_REFERENCE and "$ref" in value:
                kind = "Reference Object"
        return Thing(uri, pointer, kind, value, base_uri, meant)

    def targets(self, thing: Thing) -> Iterator[Thing]:
        """What the references of an object lead to, so far as it was read."""
        if not isinstance(thing.value, Mapping):
            return
        for keyword in ("$ref", "$dynamicRef") if thing.kind == _SCHEMA else ("$ref",):
            if isinstance(reference := thing.value.get(keyword), str):
                if (target := self._target(thing, reference)) is not None:
                    yield target
                if keyword == "$dynamicRef":
                    yield from self._dynamic.get(urldefrag(reference).fragment, ())

    def _target(self, thing: Thing, reference: str) -> Thing | None:
        address, fragment = urldefrag(urljoin(thing.base_uri, reference))
        pointer = unquote(fragment)
        if fragment and not pointer.startswith("/"):
            return self._anchors.get((address, pointer))
        uri, base_uri = address, address
        if (embedded := self._embedded.get(address)) is not None:
            uri, pointer, base_uri = embedded.uri, embedded.pointer + pointer, embedded.base_uri
        if (known := self.things.get((uri, pointer))) is not None:
            return known
        try:
            found = self._document.resolve(address_of(uri, pointer), uri)
        except PointerToNowhere:
            return None
        return self._thing(found.uri, found.pointer, thing.meant, found.value, base_uri)

    def _demanded(self, thing: Thing) -> Iterator[Thing]:
        """The security schemes that an operation demands."""
        demanded = thing.value.get("security", self._document.root.get("security")) or []
        for alternative in demanded:
            for name in alternative if isinstance(alternative, Mapping) else ():
                pointer = f"/components/securitySchemes/{escape(name)}"
                if (scheme := self.things.get((self._document.uri, pointer))) is not None:
                    yield scheme


def _use_below(thing: Thing, field: str, name: str, use: Use) -> Use:
    """What an object is used for that stands in a field of one that is used for `use`."""
    if use & (Use.OUTGOING | Use.PASSED_OVER) or field in ("webhooks", "callbacks"):
        return use & (Use.OUTGOING | Use.PASSED_OVER) or Use.OUTGOING
    if thing.kind == _SCHEMA:
        return _use_in_schema(thing.value, field, use)
    decide = _IN.get(thing.kind)
    return decide(thing, field, name, use) if decide is not None else use


def _use_in_schema(schema: Mapping[str, Any], field: str, use: Use) -> Use:
    judges = use & (Use.REQUEST | Use.ANSWER)
    if field in ("contentSchema", "$defs", "definitions") or (field in ("then", "else") and "if" not in schema):
        return Use.NONE
    if field not in (*_APPLIES_ONE, *_APPLIES_LIST, *_APPLIES_MAP):
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
