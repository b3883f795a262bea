"""The schemas of a document as JSON Schema 2020-12 sees them: OpenAPI's own meanings put into JSON Schema's words.

The document itself stays as it is; what is made here is a view of it, for compilation only, and is the document's own
object wherever nothing has to be said differently.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final
from urllib.parse import urldefrag, urljoin

from contract.document import Document, PointerToNowhere
from contract.ecma import spelled_out
from contract.structure import Kind, Place, escape, unescape


class Direction(Enum):
    """Who sends the value: `readOnly` members belong to answers, `writeOnly` ones to requests (OpenAPI 3.1 §4.8.24)."""

    REQUEST = "readOnly"
    ANSWER = "writeOnly"

    @property
    def foreign(self) -> str:
        """The keyword that marks members which do not travel in this direction."""
        return self.value


AS_WRITTEN: Final = "x-pattern-as-written"
"""Where a view keeps a pattern that it says in other words."""

_ANCHORS: Final = ("$anchor", "$dynamicAnchor")

_KEYWORDS_OF_3_0: Final = frozenset(
    {
        "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
        "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type",
        "allOf", "oneOf", "anyOf", "not", "items", "properties", "additionalProperties", "description", "format",
        "default", "nullable", "discriminator", "readOnly", "writeOnly", "xml", "externalDocs", "example", "deprecated",
    }
)  # fmt: skip
"""OpenAPI 3.0.4 §4.7.24: any other keyword of JSON Schema means nothing there."""


def is_directed(document: Document) -> bool:
    """Whether any schema of a document means something else to requests than to answers."""
    marks = [direction.foreign for direction in Direction]
    return any(
        place.value.get(mark) is True
        for place in document.places
        if place.kind is Kind.SCHEMA and isinstance(place.value, Mapping)
        for mark in marks
    )


def schemas_of(document: Document, direction: Direction) -> dict[str, Any]:
    """The resources of a document, by URI, as `direction` sees their schemas.

    A schema with an `$id` is a resource of its own (JSON Schema 2020-12 §8.2.1), and stands in its file as a reference
    to that. Anchors of schemas are made known under `$defs`, where JSON Schema looks for them.
    """
    places = [place for place in document.places if place.kind is Kind.SCHEMA and isinstance(place.value, Mapping)]
    changed: dict[str, dict[str, Any]] = {}
    for place in places:
        value = _as_2020_12(place.value) if document.version == (3, 0) else place.value
        value = _spelled_out(_directed(document, place, value, direction))
        if value is not place.value:
            changed.setdefault(place.uri, {})[place.pointer] = value
    views = dict(document.resources)
    for uri, values in changed.items():
        views[uri] = _rebuilt(views[uri], values, "")
    embedded = [place for place in places if isinstance(place.value.get("$id"), str) and place.pointer]
    anchored = [place for place in places if any(isinstance(place.value.get(name), str) for name in _ANCHORS)]
    for uri in {place.uri for place in (*embedded, *anchored)}:
        roots = [place for place in embedded if place.uri == uri and not _is_below(place, embedded)]
        own = [place.pointer for place in anchored if place.uri == uri and not _is_below(place, embedded)]
        own = [pointer for pointer in own if pointer and pointer not in {place.pointer for place in roots}]
        references = {}
        for place in roots:
            absolute = urldefrag(urljoin(uri, place.value["$id"])).url
            views[absolute] = {**_at(views[uri], place.pointer), "$id": absolute}
            references[place.pointer] = {"$ref": absolute}
        definitions = {pointer: _at(views[uri], pointer) for pointer in own}
        views[uri] = _rebuilt(views[uri], references, "") if references else views[uri]
        if definitions:
            views[uri] = {**views[uri], "$defs": {**views[uri].get("$defs", {}), **definitions}}
    return views


def _is_below(place: Place, others: Sequence[Place]) -> bool:
    return any(place.uri == other.uri and place.pointer.startswith(f"{other.pointer}/") for other in others)


def _directed(document: Document, place: Place, schema: Mapping[str, Any], direction: Direction) -> Mapping[str, Any]:
    """Members that do not travel in `direction` may not be sent, and are not required."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return schema
    foreign = [
        name for name, member in properties.items() if _is_marked(document, place.uri, member, direction.foreign)
    ]
    if not foreign:
        return schema
    kept: dict[str, Any] = {**schema, "properties": {**properties, **dict.fromkeys(foreign, False)}}
    if isinstance(schema.get("required"), list):
        kept["required"] = [name for name in schema["required"] if name not in foreign]
    return kept


def _spelled_out(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pattern as the engine reads it, and as it was written."""
    pattern = schema.get("pattern")
    if not isinstance(pattern, str) or (spelled := spelled_out(pattern)) == pattern:
        return schema
    return {**schema, "pattern": spelled, AS_WRITTEN: pattern}


def _is_marked(document: Document, uri: str, member: Any, keyword: str) -> bool:
    for _ in range(_MAX_HOPS):
        if not isinstance(member, Mapping):
            return False
        if member.get(keyword) is True:
            return True
        if not isinstance(member.get("$ref"), str):
            return False
        try:
            found = document.resolve(member["$ref"], uri)
        except PointerToNowhere:
            return False
        uri, member = found.uri, found.value
    return False


_MAX_HOPS: Final = 32
"""References that may lead to one schema before it counts as a circle."""


def _as_2020_12(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Schema Object of OpenAPI 3.0 (§4.7.24) said in JSON Schema 2020-12; subschemas are said by their own call."""
    if "$ref" in schema:
        # §4.7.23: a Reference Object's siblings are ignored.
        return schema if len(schema) == 1 else {"$ref": schema["$ref"]}
    said = {
        keyword: value for keyword, value in schema.items() if keyword in _KEYWORDS_OF_3_0 or keyword.startswith("x-")
    }
    if isinstance(schema.get("examples"), list):
        # No keyword there, but it judges nothing, and its values are of use.
        said["examples"] = schema["examples"]
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if said.pop(exclusive, False) is True and limit in said:
            said[exclusive] = said.pop(limit)
    if said.pop("nullable", False) is True and isinstance(said.get("type"), str):
        said["type"] = [said["type"], "null"]
        if isinstance(said.get("enum"), list) and None not in said["enum"]:
            # §4.7.24: null is to be listed to be allowed; `type` alone does not admit it.
            said["type"] = said["type"][0]
    return said if said != schema else schema


def _rebuilt(value: Any, changed: Mapping[str, Any], pointer: str) -> Any:
    """A copy of a resource in which the schemas at `changed` are said differently, and all else is shared."""
    replaced = changed.get(pointer)
    if replaced is not None:
        value = replaced
    below = pointer + "/"
    if not any(place.startswith(below) for place in changed):
        return value
    if isinstance(value, Mapping):
        groups = _grouped(changed, below)
        return {
            key: _rebuilt(item, groups[escaped], below + escaped) if (escaped := escape(key)) in groups else item
            for key, item in value.items()
        }
    if isinstance(value, list):
        groups = _grouped(changed, below)
        return [
            _rebuilt(item, groups[str(index)], f"{below}{index}") if str(index) in groups else item
            for index, item in enumerate(value)
        ]
    return value


def _grouped(changed: Mapping[str, Any], below: str) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for place, value in changed.items():
        if place.startswith(below):
            groups.setdefault(place[len(below) :].split("/", 1)[0], {})[place] = value
    return groups


def _at(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        name = unescape(step)
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value
