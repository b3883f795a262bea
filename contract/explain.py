"""Says of a document what the service makes of it: each keyword and field as enforced, annotation or not followed.

What a field comes to in general is in `contract.verdicts`; here its surroundings are looked at. Nothing is left out.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import jsonschema_rs

from contract import dialect
from contract.document import Document, path_of
from contract.media import MAY_BE_JSON, essence, is_json
from contract.objects import BELOW, PATTERNED, Thing
from contract.reach import Reach
from contract.security import extractor
from contract.structure import Holds
from contract.uses import IN_EFFECT, Use, answered
from contract.verdicts import (
    EXTENSION,
    FIELDS,
    UNKNOWN_FIELD,
    UNKNOWN_KEYWORD,
    Rule,
    Verdict,
    annotation,
    enforced,
    not_followed,
)

_SCHEMA: Final = "Schema Object"
_NO_FORMATS: Final = ("no such thing (", "\\\\no\\such", "-no-", "1.x", "{", "")
"""Texts of which every format refuses at least one."""

_NO_OBJECT: Final = not_followed("refused at start: it is no object")

_OF_IGNORED_HEADERS: Final = ("accept", "content-type", "authorization")


@dataclass(frozen=True, slots=True)
class Explained:
    """One keyword or field of a document, and what becomes of it."""

    pointer: str
    """JSON Pointer; behind the file's name and `#` where it is not the root's."""
    what: str
    verdict: Verdict
    note: str

    def as_json(self) -> dict[str, str]:
        """It as one object."""
        return {"pointer": self.pointer, "what": self.what, "verdict": self.verdict, "note": self.note}


def explain(document: Document) -> list[Explained]:
    """Every keyword and field of a document, in its order; those of other files as far as references lead there."""
    reach = Reach(document)
    own = [thing for thing in reach.things.values() if thing.uri == document.uri]
    others = [thing for thing in reach.things.values() if thing.uri != document.uri]
    explainer = _Explainer(document, reach)
    lines: dict[str, Explained] = {}
    for thing in (*own, *others):
        for line in explainer.lines(thing):
            # What stands in a field may be told of it again: of a schema that is `true`, its keyword says more.
            if line.pointer not in lines or line.note == _NO_OBJECT.note:
                lines[line.pointer] = line
    return list(lines.values())


@cache
def asserts_format(name: str) -> bool:
    """Whether texts are held to a format; of a format that JSON Schema does not have, nothing is known."""
    validator = jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)
    return not all(validator.is_valid(text) for text in _NO_FORMATS)


class _Explainer:
    def __init__(self, document: Document, reach: Reach) -> None:
        self._document = document
        self._reach = reach
        self._is_3_0 = document.version == (3, 0)
        root = document.path.parent
        self._prefixes = {
            uri: "" if uri == document.uri else f"{os.path.relpath(path_of(uri), root)}#" for uri in document.resources
        }

    def lines(self, thing: Thing) -> Iterator[Explained]:
        """One object, field by field."""
        use = self._reach.uses[thing.key]
        if isinstance(thing.value, bool) and thing.kind == _SCHEMA:
            text = "true" if thing.value else "false"
            yield self._line(
                thing,
                (),
                f"{thing.kind}: {text}",
                _in_effect(enforced("admits anything" if thing.value else "admits nothing"), use),
            )
            return
        if not isinstance(thing.value, Mapping):
            yield self._line(thing, (), thing.kind, _NO_OBJECT)
            return
        for field, value in thing.value.items():
            yield self._line(thing, (field,), f"{thing.kind}: {field}", self._rule(thing, field, value, use))
            yield from self._entries(thing, field, value, use)

    def _entries(self, thing: Thing, field: str, value: Any, use: Use) -> Iterator[Explained]:
        """The names in a field that mean something themselves."""
        found = BELOW.get(thing.kind, {}).get(field)
        if found is None or found[0] is not Holds.MAP or not isinstance(value, Mapping):
            return
        if found[1] == "Media Type Object":
            for name in value:
                rule = _of_media_type(thing, name, value, use)
                yield self._line(thing, (field, name), f"media type {name}", rule)
        elif found[1] in ("Header Object", "Server Variable Object", "Encoding Object", "Security Scheme Object"):
            for name in value:
                yield self._line(thing, (field, name), f"{found[1]} {name}", self._of_entry(thing, field, name, use))

    def _of_entry(self, thing: Thing, field: str, name: str, use: Use) -> Rule:
        if field == "headers" and name.lower() == "content-type":
            return annotation("the answer's media type is that of `content` (3.1 §4.8.17)")
        if field == "securitySchemes":
            below = self._reach.uses[thing.uri, thing.child(field, name)]
            return _in_effect(
                enforced("demanded, and verified by the function of its name"), below, "no operation demands it"
            )
        return self._rule(thing, field, None, use)

    def _line(self, thing: Thing, steps: tuple[str, ...], what: str, rule: Rule) -> Explained:
        return Explained(self._prefixes[thing.uri] + thing.child(*steps), what, rule.verdict, rule.note)

    def _rule(self, thing: Thing, field: str, value: Any, use: Use) -> Rule:
        if field.startswith("x-") and thing.kind not in ("Security Requirement Object", "Discriminator Object"):
            return EXTENSION
        if thing.kind in PATTERNED:
            return _in_effect(FIELDS[thing.kind][PATTERNED[thing.kind][0]], use)
        if thing.kind == _SCHEMA and self._is_3_0 and (rule := _in_3_0(thing.value, field)) is not None:
            return _in_effect(rule, use)
        general = FIELDS[thing.kind].get(field, UNKNOWN_KEYWORD if thing.kind == _SCHEMA else UNKNOWN_FIELD)
        decide = _DECIDED.get((thing.kind, field))
        return _in_effect((decide(thing.value, value, use) if decide is not None else None) or general, use)


def _in_effect(rule: Rule, use: Use, unused: str = "nothing that is served refers to it") -> Rule:
    """What is enforced where it is in effect is not where it is not."""
    if rule.verdict != "enforced" or use & IN_EFFECT:
        return rule
    if Use.OUTGOING in use:
        return not_followed("describes requests to others; none is sent")
    if Use.PASSED_OVER in use:
        return not_followed("below something that is not followed")
    return annotation(unused)


def _of_media_type(thing: Thing, name: str, content: Mapping[str, Any], use: Use) -> Rule:
    if not use & IN_EFFECT:
        return _in_effect(enforced(""), use)
    kind = essence(name)
    if thing.kind == "Header Object":
        return not_followed("the function writes the text of its headers itself")
    if thing.kind == "Response Object":
        if name != answered(content):
            return not_followed(f"answers are sent as {answered(content)}; `Accept` is not looked at")
        return enforced("the media type of the answer")
    if thing.kind == "Parameter Object":
        if name != next(iter(content)):
            return not_followed("not read: it is not the first")
        return enforced("read as JSON" if is_json(name) else "read as the default style of its location")
    if is_json(name):
        return enforced("read as JSON")
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return enforced("read member by member")
    if kind.endswith(("/xml", "+xml")):
        return not_followed("XML is not read; the function gets it as it came, and the schema sees a text")
    if kind in MAY_BE_JSON:
        return enforced("JSON is read as JSON, all else is given to the function as bytes")
    return enforced("read as text" if kind.startswith("text/") else "given to the function as bytes")


# ---- fields whose surroundings decide --------------------------------------------------------------------------------

Decide = Callable[[Mapping[str, Any], Any, Use], Rule | None]
"""Takes an object, the value of one field of it, and what the object is used for; None: as in general."""


def _in_3_0(schema: Mapping[str, Any], field: str) -> Rule | None:
    """OpenAPI 3.0 has fewer keywords, and other meanings of some (3.0.4 §4.7.24)."""
    if field == "$ref":
        return None
    if "$ref" in schema and field not in ("readOnly", "writeOnly"):
        return annotation("beside $ref OpenAPI 3.0 has it ignored (3.0.4 §4.7.23)")
    if field not in dialect._KEYWORDS_OF_3_0:  # noqa: SLF001 (one list of them is enough)
        return not_followed("refused at start: no keyword of OpenAPI 3.0")
    if field == "nullable":
        return enforced("admits null beside the one `type`; an `enum` has to list it")
    if field in ("exclusiveMinimum", "exclusiveMaximum"):
        limit = "minimum" if field == "exclusiveMinimum" else "maximum"
        has_effect = schema[field] is True and limit in schema
        return enforced(f"makes `{limit}` exclusive") if has_effect else annotation("excludes nothing")
    return None


def _needs(keyword: str) -> Decide:
    def decide(schema: Mapping[str, Any], _value: Any, _use: Use) -> Rule | None:
        return None if keyword in schema else annotation(f"without `{keyword}` it constrains nothing")

    return decide


def _if(schema: Mapping[str, Any], _value: Any, _use: Use) -> Rule | None:
    has_consequence = "then" in schema or "else" in schema
    return None if has_consequence else annotation("without `then` and `else` it constrains nothing")


def _format(_schema: Mapping[str, Any], value: Any, _use: Use) -> Rule | None:
    if asserts_format(str(value)):
        return enforced("a text that is not of the format is refused")
    return annotation(f"{value} is no format of JSON Schema: it constrains nothing")


def _default(_schema: Mapping[str, Any], _value: Any, use: Use) -> Rule | None:
    if use & (Use.DEFAULT | Use.HEADER):
        return None
    return annotation("nothing is filled in here; one that its schema refuses is refused at start")


def _one_way(foreign_to: Use) -> Decide:
    def decide(_schema: Mapping[str, Any], value: Any, use: Use) -> Rule | None:
        if value is True and Use.MEMBER in use and foreign_to in use:
            return None
        return annotation("counts only for members of objects, true, and in the direction that it forbids")

    return decide


def _dialect_of_all(_root: Mapping[str, Any], value: Any, _use: Use) -> Rule | None:
    if str(value).rstrip("#") in _DIALECTS:
        return None
    return not_followed("schemas are judged by JSON Schema 2020-12 all the same")


_DIALECTS: Final = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://spec.openapis.org/oas/3.1/dialect/base",
)


def _name_of_parameter(parameter: Mapping[str, Any], value: Any, _use: Use) -> Rule | None:
    if parameter.get("in") == "header" and str(value).lower() in _OF_IGNORED_HEADERS:
        return enforced("read and judged like any header, though the specification has it ignored (3.1 §4.8.12.2)")
    return None


def _required(parameter: Mapping[str, Any], value: Any, _use: Use) -> Rule | None:
    if value is True or parameter.get("in") == "path":
        return None
    return annotation("what is not required may be absent")


def _parameter_schema(parameter: Mapping[str, Any], _value: Any, _use: Use) -> Rule | None:
    return not_followed("refused at start: beside `content`") if parameter.get("content") else None


def _style_of_content(parameter: Mapping[str, Any], _value: Any, _use: Use) -> Rule | None:
    content = parameter.get("content")
    return not_followed("refused at start: beside `content`") if content else None


def _scheme(scheme: Mapping[str, Any], _value: Any, _use: Use) -> Rule | None:
    if extractor(scheme) is not None:
        return None
    return not_followed("refused at start where an operation demands it: its credentials cannot be verified here")


def _encoding(_media_type: Mapping[str, Any], _value: Any, use: Use) -> Rule | None:
    if use & (Use.FORM | Use.PARTS):
        return None
    return annotation("means something for forms and multipart bodies of requests only (3.1 §4.8.14)")


def _content_type(_encoding_object: Mapping[str, Any], value: Any, use: Use) -> Rule | None:
    if not use & IN_EFFECT or (Use.PARTS in use and is_json(str(value))):
        return None
    return not_followed("a part is read by the media type that it has itself, else by its schema")


def _form_style(_encoding_object: Mapping[str, Any], _value: Any, use: Use) -> Rule | None:
    return None if Use.FORM in use or not use & IN_EFFECT else not_followed("parts are read by their media type")


def _in_header(keyword: str) -> Decide:
    """What the schema of an answer's header comes to: only what it fixes counts."""
    inner = _DECIDED_OF_SCHEMAS.get(keyword)

    def decide(schema: Mapping[str, Any], value: Any, use: Use) -> Rule | None:
        if use & (Use.REQUEST | Use.ANSWER) or Use.HEADER not in use or FIELDS[_SCHEMA][keyword].verdict != "enforced":
            return inner(schema, value, use) if inner is not None else None
        is_fixed = keyword in ("const", "default") or (
            keyword == "enum" and isinstance(value, list) and len(value) == 1
        )
        if is_fixed:
            return enforced("sent where the function sets none")
        return None if keyword in _NAMING else not_followed("the value of an answer's header is not judged")

    return decide


_NAMING: Final = ("$ref", "$id", "$anchor", "$dynamicAnchor", "$schema")

_DECIDED_OF_SCHEMAS: Final[Mapping[str, Decide]] = {
    "then": _needs("if"),
    "else": _needs("if"),
    "if": _if,
    "minContains": _needs("contains"),
    "maxContains": _needs("contains"),
    "format": _format,
    "default": _default,
    "readOnly": _one_way(Use.REQUEST),
    "writeOnly": _one_way(Use.ANSWER),
}

_DECIDED: Final[Mapping[tuple[str, str], Decide]] = {
    **{(_SCHEMA, keyword): _in_header(keyword) for keyword in FIELDS[_SCHEMA]},
    ("OpenAPI Object", "jsonSchemaDialect"): _dialect_of_all,
    ("Parameter Object", "name"): _name_of_parameter,
    ("Parameter Object", "required"): _required,
    ("Parameter Object", "schema"): _parameter_schema,
    ("Parameter Object", "style"): _style_of_content,
    ("Parameter Object", "explode"): _style_of_content,
    ("Header Object", "required"): _required,
    ("Request Body Object", "required"): _required,
    **{("Security Scheme Object", field): _scheme for field in ("type", "name", "in", "scheme")},
    ("Media Type Object", "encoding"): _encoding,
    ("Encoding Object", "contentType"): _content_type,
    **{("Encoding Object", field): _form_style for field in ("style", "explode", "allowReserved")},
}
