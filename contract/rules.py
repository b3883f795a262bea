"""What the specification says in words, and its schema cannot: what stands twice, goes in circles, or means nothing."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urldefrag, urljoin

from contract.document import Document, PointerToNowhere, is_yaml, path_of
from contract.fault import Fault
from contract.locate import repeated_members
from contract.structure import Kind, Place, escape

_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_TCHARS: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME: Final = r"[!#$%&'+.^_`|~0-9A-Za-z-]+"
_MEDIA_RANGE: Final = re.compile(
    rf'(?:\*/\*|{_NAME}/(?:\*|{_NAME}))(?:\s*;\s*(?:{_TCHARS}=(?:{_TCHARS}|"(?:[^"\\]|\\.)*"))?)*\s*'
)
"""A media type or media range, with its parameters (RFC 9110 §8.3.1, §12.5.1)."""

_SECTIONS: Final = {
    Kind.PARAMETER: "parameters",
    Kind.HEADER: "headers",
    Kind.REQUEST_BODY: "requestBodies",
    Kind.RESPONSE: "responses",
    Kind.EXAMPLE: "examples",
    Kind.LINK: "links",
    Kind.CALLBACK: "callbacks",
    Kind.SECURITY_SCHEME: "securitySchemes",
    Kind.PATH_ITEM: "pathItems",
}
"""Where in `components` each kind of object is kept (OpenAPI 3.1 §4.8.7)."""

_OF_3_2: Final = (
    (Kind.DOCUMENT, "$self", "references are relative to the file: take it out", False),
    (Kind.PATH_ITEM, "query", "such requests are answered 405: use another method", False),
    (Kind.PATH_ITEM, "additionalOperations", "such requests are answered 405: use another method", False),
    (Kind.MEDIA_TYPE, "itemSchema", "bodies are judged whole: use schema", False),
    (Kind.MEDIA_TYPE, "prefixEncoding", "use encoding", False),
    (Kind.MEDIA_TYPE, "itemEncoding", "use encoding", False),
    (Kind.MEDIA_TYPE, "$ref", "bodies would go unjudged: write the media type out", True),
)
"""Fields of OpenAPI 3.2 that nothing here follows, by the object that has them: what to do, and whether that stops the
start."""


def members_given_twice(document: Document) -> Iterator[Fault]:
    """Names that stand twice in one object; all but the last would be lost (OpenAPI 3.1 §4.3, RFC 8259 §4)."""
    for path in document.files:
        if not is_yaml(path) and not _repeats(path):
            continue
        for pointer, (line, column) in repeated_members(path):
            name = pointer.rpartition("/")[2]
            yield Fault(path, pointer, f"{name!r} stands twice in one object", "take one of them out", line, column)


def _repeats(path: Path) -> bool:
    """Whether any object has a name twice: in a tenth of the time that it takes to say where."""
    found = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len(pairs) != len({name for name, _ in pairs})

    try:
        json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=look)
    except (OSError, ValueError, RecursionError):
        # Why it cannot be read has been told where it was.
        return False
    return found


def servers(document: Document) -> Iterator[Fault]:
    """Variables that a server's url has and nobody declares, and defaults outside their enum (§4.8.5, §4.8.6).

    Only the document's first server is in effect; what is wrong with another misleads clients only.
    """
    for place in document.places:
        if place.kind is not Kind.SERVER or not isinstance(place.value, Mapping):
            continue
        stops = place.uri == document.uri and place.pointer == "/servers/0"
        declared = place.value.get("variables")
        declared = declared if isinstance(declared, Mapping) else {}
        url = str(place.value.get("url", ""))
        for name in _VARIABLE.findall(url):
            if name not in declared:
                yield _fault(place, f"the variable {name!r} is not declared", "declare it", "url", stops=stops)
        if set(_VARIABLE.sub("", url)) & set("{}"):
            yield _fault(place, f"a brace of {url!r} has no partner", "close the brace", "url", stops=stops)
        for name, variable in declared.items():
            options = variable.get("enum") if isinstance(variable, Mapping) else None
            if isinstance(options, Sequence) and "default" in variable and variable["default"] not in options:
                message = f"the default {variable['default']!r} is not in the enum"
                yield _fault(place, message, "take one of the enum", "variables", name, "default", stops=stops)


def templates(document: Document) -> Iterator[Fault]:
    """Paths whose braces have no partner (§4.8.8)."""
    paths = document.root.get("paths")
    for path in paths if isinstance(paths, Mapping) else ():
        if set(_VARIABLE.sub("", path)) & set("{}"):
            message = f"a brace of {path!r} has no partner"
            yield Fault(document.path, f"/paths/{escape(path)}", message, "write each parameter as {name}")


def parameters_given_twice(document: Document) -> Iterator[Fault]:
    """Parameters of one name and place in one list (§4.8.9.1, §4.8.10.1)."""
    for place in document.places:
        if place.kind not in (Kind.PATH_ITEM, Kind.OPERATION) or not isinstance(place.value, Mapping):
            continue
        listed = place.value.get("parameters")
        seen: set[tuple[str, str]] = set()
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            try:
                found = document.dereference(Place(place.uri, "", Kind.PARAMETER, item)).value
            except PointerToNowhere:
                continue
            if not isinstance(found, Mapping):
                continue
            name, location = str(found.get("name")), str(found.get("in"))
            # Header fields are named without regard to case (RFC 9110 §5.1).
            key = (name.lower() if location == "header" else name), location
            if key in seen:
                message = f"the {location} parameter {name!r} stands twice in the list"
                yield _fault(place, message, "take one of them out", "parameters", str(index))
            seen.add(key)


def references(document: Document) -> Iterator[Fault]:
    """References that lead to an object of another kind, and schemas that are nothing but each other."""
    for place in document.places:
        if not isinstance(place.value, Mapping) or not isinstance(place.value.get("$ref"), str):
            continue
        if place.kind is Kind.SCHEMA:
            if _goes_round(document, place):
                message = f"{place.value['$ref']!r} leads back to itself, and says nothing"
                yield _fault(place, message, "write the schema out in one of the places", "$ref")
            continue
        section = _SECTIONS.get(place.kind)
        try:
            found = document.resolve(place.value["$ref"], place.uri)
        except PointerToNowhere:
            continue
        steps = found.pointer.split("/")[1:]
        named = steps[1] if len(steps) == len(("components", "section", "name")) and steps[0] == "components" else None
        if section is not None and named is not None and named != section:
            message = f"{place.value['$ref']!r} is not a {place.kind.value}"
            yield _fault(place, message, f"refer to one of /components/{section}", "$ref")


def _goes_round(document: Document, place: Place) -> bool:
    """Whether following `$ref` alone never ends: every value would be judged without end (2020-12 §9.4.1)."""
    seen = {(place.uri, place.pointer)}
    current: Any = place.value
    uri = place.uri
    while isinstance(current, Mapping) and isinstance(current.get("$ref"), str) and "$id" not in current:
        try:
            found = document.resolve(current["$ref"], uri)
        except PointerToNowhere:
            return False
        if (found.uri, found.pointer) in seen:
            return (found.uri, found.pointer) == (place.uri, place.pointer)
        seen.add((found.uri, found.pointer))
        uri, current = found.uri, found.value
    return False


def names_of_schemas(document: Document) -> Iterator[Fault]:
    """`$id`s and anchors that two schemas claim: what a reference to them means is undefined (2020-12 §8.2)."""
    taken: dict[str, tuple[str, str]] = {}
    bases = {(place.uri, place.pointer): place for place in document.places if place.kind is Kind.SCHEMA}
    resolved: dict[tuple[str, str], str] = {}
    for (uri, pointer), place in bases.items():
        if not isinstance(place.value, Mapping):
            continue
        base = _base(uri, pointer, resolved)
        if isinstance(place.value.get("$id"), str):
            base = urldefrag(urljoin(base, place.value["$id"])).url
            resolved[uri, pointer] = base
            yield from _taken(taken, base, place, "$id")
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(place.value.get(keyword), str):
                yield from _taken(taken, f"{base}#{place.value[keyword]}", place, keyword)


def _base(uri: str, pointer: str, resolved: Mapping[tuple[str, str], str]) -> str:
    """The base URI at a place: that of the nearest `$id` above it, else of the file."""
    while pointer and resolved:
        pointer = pointer.rpartition("/")[0]
        if (uri, pointer) in resolved:
            return resolved[uri, pointer]
    return uri


def _taken(taken: dict[str, tuple[str, str]], name: str, place: Place, keyword: str) -> Iterator[Fault]:
    first = taken.setdefault(name, (place.uri, place.pointer))
    if first != (place.uri, place.pointer):
        message = f"{keyword} {place.value[keyword]!r} is that of {first[1]} too"
        yield _fault(place, message, "name each schema differently", keyword)


def dialect(document: Document, followed: Sequence[str]) -> Iterator[Fault]:
    """A `jsonSchemaDialect` that is not followed (§4.8.1)."""
    said = document.root.get("jsonSchemaDialect")
    if isinstance(said, str) and said.rstrip("#") not in followed:
        message = f"the dialect {said!r} is not followed"
        yield Fault(document.path, "/jsonSchemaDialect", message, f"use {followed[0]}")


def media_types(document: Document) -> Iterator[Fault]:
    """Keys of `content` that are no media type or range: no body is ever of such a type (§4.8.13, RFC 9110 §8.3.1)."""
    for place in document.places:
        if place.kind in (Kind.REQUEST_BODY, Kind.RESPONSE, Kind.PARAMETER, Kind.HEADER):
            content = place.value.get("content") if isinstance(place.value, Mapping) else None
            for name in content if isinstance(content, Mapping) else ():
                if _MEDIA_RANGE.fullmatch(name) is None:
                    message = f"{name!r} is no media type"
                    yield _fault(place, message, "write it as application/json", "content", name, stops=False)


def mappings(document: Document) -> Iterator[Fault]:
    """Values of `discriminator.mapping` that name no schema (§4.8.25); a hint for tools, which stops nothing."""
    components = document.root.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    for place in document.places:
        told = place.value.get("discriminator") if isinstance(place.value, Mapping) else None
        mapping = told.get("mapping") if place.kind is Kind.SCHEMA and isinstance(told, Mapping) else None
        for tag, target in mapping.items() if isinstance(mapping, Mapping) else ():
            if not isinstance(target, str) or (isinstance(schemas, Mapping) and target in schemas):
                continue
            try:
                document.resolve(target, place.uri)
            except PointerToNowhere:
                message = f"{target!r} names no schema"
                yield _fault(place, message, "mend the mapping", "discriminator", "mapping", tag, stops=False)


def links(document: Document) -> Iterator[Fault]:
    """Links to an operation that the document does not have (§4.8.20); for clients, and so it stops nothing."""
    known = {
        place.value.get("operationId")
        for place in document.places
        if place.kind is Kind.OPERATION and isinstance(place.value, Mapping)
    }
    for place in document.places:
        if place.kind is not Kind.LINK or not isinstance(place.value, Mapping):
            continue
        name = place.value.get("operationId")
        if isinstance(name, str) and name not in known:
            yield _fault(place, f"there is no operation {name!r}", "name one, or add it", "operationId", stops=False)
        reference = place.value.get("operationRef")
        if isinstance(reference, str) and reference.startswith("#"):
            try:
                document.resolve(reference, place.uri)
            except PointerToNowhere:
                message = f"{reference!r} points to nowhere"
                yield _fault(place, message, "mend the reference", "operationRef", stops=False)


def not_supported(document: Document) -> Iterator[Fault]:
    """What OpenAPI 3.2 has and is not followed here: named, and the rest is served where that lets nothing in."""
    if document.version < (3, 2):
        return
    for place in document.places:
        for kind, field, mend, stops in _OF_3_2:
            if place.kind is kind and isinstance(place.value, Mapping) and field in place.value:
                yield _fault(place, f"{field!r} of OpenAPI 3.2 is not supported", mend, field, stops=stops)


def _fault(place: Place, message: str, mend: str, *steps: str, stops: bool = True) -> Fault:
    return Fault(path_of(place.uri), place.child(*steps), message, mend, stops=stops)
