"""What callers notice of the parameters and the body of an operation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from contract.bundle import JSON, Undecidable, bundle
from contract.coercion import types_of
from contract.containment import admits_every_text
from contract.differences import SCALARS, UNDECIDED, UNREADABLE, Carry, Finding, brief, of_defaults, of_requests
from contract.document import Document, address_of
from contract.media import Content, MediaType, essence, is_json, without_bytes
from contract.operation import Contract, Operation
from contract.parameters import Parameter
from contract.problem import Problem
from contract.raw import NotText, Raw
from contract.structure import Kind, Place
from contract.styles import MISSING, Malformed, style_of
from contract.wire import write_body, write_parameter

Found = Iterator[tuple[str, Finding]]

_PROBES: Final[tuple[JSON, ...]] = ("a", "1", "0", "true", "a b", "é", "2024-01-01")
"""Texts for a parameter that was not looked at before."""


@dataclass(frozen=True, slots=True)
class _Sited:
    """A parameter, the object that says it, and where an operation names it."""

    parameter: Parameter
    said: Mapping[str, Any]
    pointer: str
    schema_pointer: str

    @property
    def label(self) -> str:
        return f"{self.parameter.location} parameter {self.parameter.name}"

    @property
    def demanded(self) -> bool:
        """Whether a request without it is refused."""
        return self.parameter.required and not self.parameter.default

    @property
    def has_members(self) -> bool:
        """Whether it takes what other query parameters leave (`form`, exploded, an object)."""
        return (
            self.parameter.location == "query"
            and style_of(self.said, "query") == ("form", True)
            and "object" in types_of(self.parameter.schema.node)
        )

    @property
    def manner(self) -> tuple[Any, ...]:
        """How its value is written."""
        content = self.said.get("content")
        return (next(iter(content)),) if content else style_of(self.said, self.parameter.location)


def of_parameters(old_contract: Contract, new_contract: Contract, old: Operation, new: Operation) -> Found:
    """What changed in the parameters of an operation."""
    before = _sited(old_contract.document, old)
    after = _sited(new_contract.document, new)
    rest = any(sited.has_members for sited in (*before.values(), *after.values()))
    for key, sited in after.items():
        if key in before:
            yield from _kept(before[key], sited, new)
        else:
            yield from _added(sited, new, _elsewhere(sited, before, after), takes_rest=rest)
    for key, sited in before.items():
        if key not in after and not _elsewhere(sited, after, before):
            severity: Any = "maybe" if rest and sited.parameter.location == "query" else "safe"
            yield sited.pointer, Finding(severity, f"{sited.label}: is gone, and ignored where it is still sent")


def _sited(document: Document, operation: Operation) -> dict[tuple[str, str], _Sited]:
    """The parameters of an operation by what callers see of them: those of a path by their order, not their names."""
    places: dict[tuple[str, str], tuple[str, Place]] = {}
    place = operation.place
    above = place.pointer.rpartition("/")[0]
    holder = document.resolve(address_of(place.uri, above), place.uri).value
    for owner, pointer in ((holder, above), (place.value, place.pointer)):
        for index, item in enumerate(owner.get("parameters") or ()):
            at = f"{pointer}/parameters/{index}"
            found = document.dereference(Place(place.uri, at, Kind.PARAMETER, item))
            places[found.value["in"], found.value["name"]] = at, found
    sited: dict[tuple[str, str], _Sited] = {}
    for parameter in operation.parameters:
        at, found = places[parameter.location, parameter.name]
        name = parameter.name
        if parameter.location == "path":
            name = str(_position(operation.path, name))
        elif parameter.location == "header":
            name = name.lower()
        content = found.value.get("content")
        steps = ("content", next(iter(content)), "schema") if content else ("schema",)
        sited[parameter.location, name] = _Sited(parameter, found.value, at, found.child(*steps))
    return sited


def _position(path: str, name: str) -> int:
    """Which of the names in a path's template a parameter is."""
    return path[: path.find(f"{{{name}}}")].count("{")


def _elsewhere(
    sited: _Sited, others: Mapping[tuple[str, str], _Sited], own: Mapping[tuple[str, str], _Sited]
) -> _Sited | None:
    """The parameter of the same name in another location, if that is new there."""
    return next(
        (
            other
            for key, other in others.items()
            if key not in own
            and other.parameter.location != sited.parameter.location
            and other.parameter.name.lower() == sited.parameter.name.lower()
        ),
        None,
    )


def _added(new: _Sited, operation: Operation, moved: _Sited | None, *, takes_rest: bool) -> Found:
    was = f"was a {moved.parameter.location} parameter and is one of the {new.parameter.location}" if moved else ""
    if new.demanded:
        message = f"{new.label}: {was or 'is new'} and required"
        yield new.pointer, Finding("breaks", message, _request_without(new, operation))
    elif moved:
        yield new.pointer, Finding("maybe", f"{new.label}: {was}: it is ignored where it was sent")
    else:
        yield new.pointer, _ignored_before(new, takes_rest=takes_rest)


def _ignored_before(new: _Sited, *, takes_rest: bool) -> Finding:
    """What nobody declared was ignored, and is judged now: of interest to those who sent it all the same."""
    if takes_rest and new.parameter.location == "query":
        return Finding("maybe", f"{new.label}: is new, and no longer a member of the parameter that takes the rest")
    for probe in _PROBES:
        raw = write_parameter({**new.said, "schema": {}, "content": None}, probe, new.parameter.name)
        if raw is not None and not _judge(new.parameter, raw)[1]:
            return Finding("maybe", f"{new.label}: is new; {brief(probe)} was ignored there and is refused", probe)
    if _takes_every_text(new.parameter):
        return Finding("safe", f"{new.label}: is new and optional")
    return Finding("maybe", f"{new.label}: is new and optional; where it was sent all the same it is judged now")


def _takes_every_text(parameter: Parameter) -> bool:
    """Whether it is proven that whatever is written as one text is accepted."""
    node = parameter.schema.node
    try:
        return types_of(node) <= {"string", "null"} and admits_every_text(bundle(node))
    except Undecidable:
        return False


def _request_without(sited: _Sited, operation: Operation) -> JSON:
    return {"method": operation.method, "path": operation.path, "without": sited.label}


def _judge(parameter: Parameter, raw: Raw) -> tuple[JSON, bool]:
    """What a parameter reads from a request, and whether that is accepted."""
    try:
        value = parameter.read(raw)
    except (Malformed, NotText):
        return UNREADABLE, False
    if value is MISSING:
        return UNREADABLE, bool(parameter.default) or not parameter.required
    return value, parameter.schema.is_valid(value)


def _kept(old: _Sited, new: _Sited, operation: Operation) -> Found:
    if new.demanded and not old.demanded:
        message = f"{new.label}: could be left out and is required"
        yield new.pointer, Finding("breaks", message, _request_without(new, operation))
    if old.demanded and not new.demanded:
        yield new.pointer, Finding("safe", f"{new.label}: was required and may be left out")
    before, after = old.parameter, new.parameter

    def carry(value: JSON) -> tuple[JSON, JSON] | None:
        raw = write_parameter(old.said, value, before.name)
        if raw is None:
            return None
        was = before.read(raw)
        path = {after.name: raw.path[before.name]} if raw.path else {}
        seen = Raw(path, raw.query, raw.headers, raw.cookies)
        try:
            found = after.read(seen)
        except (Malformed, NotText):
            return was, UNREADABLE
        return was, UNREADABLE if found is MISSING else found

    def safely(value: JSON) -> tuple[JSON, JSON] | None:
        try:
            found = carry(value)
        except (Malformed, NotText):
            return None
        # What the new side does not find at all it refuses only if it demands it.
        lost = found is not None and found[1] is UNREADABLE and not after.required
        return None if found is None or found[0] is MISSING or lost else found

    if old.manner != new.manner and not _is_alike(old, new):
        yield from _in_another_manner(old, new, safely)
    else:
        in_json = len(new.manner) == 1 and is_json(new.manner[0]) and after.location == "query"
        found = list(of_requests(before.schema, after.schema, None if in_json else safely))
        if found == [UNDECIDED] and types_of(before.schema.node) <= SCALARS and _takes_every_text(after):
            # What was read from the one text as something else is read as the text that it is.
            found = [Finding("safe", "takes any text now; accepts all that it accepted")]
        for finding in found:
            yield new.schema_pointer, _labelled(f"{new.label}: ", finding)
    was_, is_ = (brief(list(parameter.default)) for parameter in (before, after))
    if was_ != is_:
        message = f"{new.label}: the default was {was_[1:-1] or 'none'} and is {is_[1:-1] or 'none'}"
        yield new.pointer, Finding("maybe", message)


def _is_alike(old: _Sited, new: _Sited) -> bool:
    """Whether only `explode` differs, which means nothing for a value that is neither list nor object (§4.8.12.2)."""
    kinds = types_of(old.parameter.schema.node) | types_of(new.parameter.schema.node)
    return old.manner[0] == new.manner[0] and kinds <= SCALARS


def _in_another_manner(old: _Sited, new: _Sited, carry: Carry) -> Found:
    was, is_ = (_written(sited) for sited in (old, new))
    label = f"{new.label}: was written as {was} and is written as {is_}"
    found = of_requests(old.parameter.schema, new.parameter.schema, carry, rewritten=True)
    findings = [finding for finding in found if finding.severity == "breaks"]
    for finding in findings:
        yield new.pointer, _labelled(f"{label}: ", finding)
    if not findings:
        yield new.pointer, Finding("maybe", label)


def _written(sited: _Sited) -> str:
    first, *more = sited.manner
    return f"{first}, exploded" if more == [True] else str(first)


def _labelled(label: str, finding: Finding) -> Finding:
    return replace(finding, message=label + finding.message)


# ---- the body --------------------------------------------------------------------------------------------------------


def of_body(old_contract: Contract, new_contract: Contract, old: Operation, new: Operation) -> Found:
    """What changed in the body of an operation."""
    before, after = old.body, new.body
    without = {"method": new.method, "path": new.path, "without": "body"}
    if after is None:
        if before is not None:
            yield f"{old.pointer}/requestBody", Finding("safe", "body: is no longer looked at")
        return
    pointer = f"{new.pointer}/requestBody"
    if before is None:
        if after.required:
            yield pointer, Finding("breaks", "body: is new and required", without)
        else:
            yield pointer, Finding("maybe", "body: is new; where one was sent all the same it is judged now")
        return
    if after.required and not before.required:
        yield pointer, Finding("breaks", "body: could be left out and is required", without)
    if before.required and not after.required:
        yield pointer, Finding("safe", "body: was required and may be left out")
    encodings = _encodings(old_contract.document, old), _encodings(new_contract.document, new)
    yield from _of_content(before.content, after.content, encodings)


def _encodings(document: Document, operation: Operation) -> dict[str, JSON]:
    """How the members of each form are written (OpenAPI 3.1 §4.8.15)."""
    place = operation.place
    at = Place(place.uri, place.child("requestBody"), Kind.REQUEST_BODY, place.value["requestBody"])
    content = document.dereference(at).value.get("content", {})
    return {range_: said.get("encoding") or {} for range_, said in content.items() if isinstance(said, Mapping)}


def _of_content(old: Content, new: Content, encodings: tuple[Mapping[str, JSON], Mapping[str, JSON]]) -> Found:
    pairs: dict[tuple[str, str], tuple[MediaType, MediaType]] = {}
    for entry in old.entries:
        media_type = _concrete(entry.range)
        found = new.find(media_type.encode("latin-1", "replace"))
        if found is None:
            message = f"body: {entry.range} was accepted and is refused"
            yield entry.pointer, Finding("breaks", message, {"Content-Type": media_type})
        else:
            pairs[entry.range, found[0].range] = entry, found[0]
    for entry in new.entries:
        found = old.find(_concrete(entry.range).encode("latin-1", "replace"))
        if found is None:
            yield entry.pointer, Finding("safe", f"body: may now be {entry.range}")
        else:
            pairs.setdefault((found[0].range, entry.range), (found[0], entry))
    label = "body: " if len(new.entries) == 1 else ""
    for before, after in pairs.values():
        rewritten = before.range != after.range or encodings[0].get(before.range) != encodings[1].get(after.range)
        yield from _of_media_type(before, after, label or f"body of {after.range}: ", rewritten=rewritten)


def _concrete(range_: str) -> str:
    """A media type that falls under a range."""
    name = essence(range_)
    return name.replace("*/*", "application/x-unnamed").replace("/*", "/x-unnamed")


def _of_media_type(old: MediaType, new: MediaType, label: str, *, rewritten: bool) -> Found:
    media_type = _concrete(new.range if old.range.endswith("/*") else old.range)
    pointer = f"{new.pointer}/schema" if new.schema is not None else new.pointer

    def carry(value: JSON) -> tuple[JSON, JSON] | None:
        written = write_body(media_type, value)
        if written is None:
            return None
        try:
            was = without_bytes(old.decode(*written))
        except Problem:
            return None
        try:
            return was, without_bytes(new.decode(*written))
        except Problem:
            return was, UNREADABLE

    both_json = old.is_json and new.is_json
    by_text = None if both_json else carry
    for finding in of_requests(old.schema, new.schema, by_text, rewritten=rewritten and not both_json):
        yield pointer, _labelled(label, finding)
    for finding in of_defaults(old.schema, new.schema):
        yield pointer, _labelled(label, finding)
