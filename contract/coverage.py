"""What requests and answers have met of a document: each keyword admitting and refusing, each status, each example.

It judges what was recorded, whoever sent it: nothing here sends anything.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema_rs

from contract.dialect import Direction
from contract.fields import index
from contract.keywords import Judge, judge_of
from contract.media import Content, without_bytes
from contract.objects import Key, Thing
from contract.operation import Contract, Operation, base_path_of
from contract.problem import Problem
from contract.raw import NotText, Raw, pairs_of
from contract.reach import Reach
from contract.schema import PATTERNS, InvalidSchema, Node, schemas_for
from contract.structure import Kind, Place
from contract.styles import MISSING, Malformed
from contract.uses import Use

Steps = tuple[str | int, ...]
"""Where a value stands in what was sent."""

_SCHEMA: Final = "Schema Object"
_WITH_EXAMPLES: Final = frozenset({_SCHEMA, "Media Type Object", "Parameter Object"})
_NAME: Final = re.compile(r"\{([^{}/]+)\}")


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """One request as it was sent, and its answer. It has no repr: either may hold a secret."""

    method: str
    path: str
    """The template that the request was made for."""
    url: str
    headers: Sequence[tuple[bytes, bytes]]
    """Names in lower case."""
    body: bytes
    status: int | None = None
    """None where there was no answer."""
    answer_type: str = ""
    """`Content-Type` of the answer."""
    answer: bytes = b""


@dataclass(slots=True)
class KeywordSeen:
    """What one keyword has said of the values at its place."""

    pointer: str
    """JSON Pointer; behind the file's URI and `#` where it is not the root's."""
    of_requests: bool
    """Whether requests are held to it; of answers no refusal is to be expected."""
    admitted: int = 0
    refused: int = 0

    @property
    def lacks(self) -> tuple[str, ...]:
        """What was never seen of it, and could have been."""
        lacking = ("accepting",) if not self.admitted else ()
        return (*lacking, "refusing") if self.of_requests and not self.refused else lacking


@dataclass(slots=True)
class Example:
    """One example that the document gives for requests."""

    pointer: str
    equals: Callable[[Any], bool]
    met: int = 0


@dataclass(slots=True)
class Coverage:
    """Of one document: what has been met, counted."""

    contract: Contract
    keywords: dict[str, KeywordSeen] = field(default_factory=dict)
    """By pointer, in the document's order."""
    examples: dict[str, Example] = field(default_factory=dict)
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    """By operation (`POST /keys`): documented statuses, 0 where never met, and those met without being documented."""
    _reach: Reach = field(init=False)
    _judges: dict[tuple[Key, Direction], list[tuple[str, KeywordSeen, Judge]]] = field(default_factory=dict)
    _examples_at: dict[Key, list[Example]] = field(default_factory=dict)
    _operations: dict[tuple[str, str], Operation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reach = Reach(self.contract.document)
        for thing in self._reach.things.values():
            self._prepare(thing)
        for operation in self.contract.operations.values():
            self._operations[operation.method, operation.path] = operation
            self.statuses[f"{operation.method} {operation.path}"] = Counter(dict.fromkeys(operation.responses, 0))

    def add(self, exchange: Exchange) -> None:
        """Count what one request and its answer meet; a request for no operation of the document counts nothing."""
        operation = self._operations.get((exchange.method, exchange.path))
        if operation is None:
            return
        thing = self._reach.things[operation.place.uri, operation.place.pointer]
        self._add_parameters(operation, thing, exchange)
        if operation.body is not None and exchange.body:
            header = next((value for name, value in exchange.headers if name == b"content-type"), b"")
            for body in self._field(thing, "requestBody"):
                self._add_content(operation.body.content, body, header, exchange.body, Direction.REQUEST)
        if exchange.status is not None:
            self._add_answer(operation, exchange, exchange.status)

    def never(self) -> list[str]:
        """What was never met, a line each."""
        lines = [
            f"{seen.pointer}: never seen {' or '.join(seen.lacks)}" for seen in self.keywords.values() if seen.lacks
        ]
        for operation, counts in self.statuses.items():
            lines += [f"{operation}: status {status} never met" for status, count in counts.items() if not count]
        lines += [f"{example.pointer}: example never sent" for example in self.examples.values() if not example.met]
        return lines

    def as_json(self) -> dict[str, Any]:
        """It as one object."""
        return {
            "keywords": [
                {
                    "pointer": seen.pointer,
                    "of": "requests" if seen.of_requests else "answers",
                    "accepting": seen.admitted,
                    "refusing": seen.refused,
                }
                for seen in self.keywords.values()
            ],
            "statuses": [
                {"operation": operation, "status": status, "met": count}
                for operation, counts in self.statuses.items()
                for status, count in counts.items()
            ],
            "examples": [{"pointer": each.pointer, "met": each.met} for each in self.examples.values()],
            "never": self.never(),
        }

    # ---- what there is to be met -------------------------------------------------------------------------------------

    def _prepare(self, thing: Thing) -> None:
        use = self._reach.uses[thing.key]
        if not isinstance(thing.value, Mapping) or not use & (Use.REQUEST | Use.ANSWER | Use.SERVED):
            return
        if thing.kind == _SCHEMA:
            for direction, wanted in ((Direction.REQUEST, Use.REQUEST), (Direction.ANSWER, Use.ANSWER)):
                if use & wanted:
                    self._judges[thing.key, direction] = list(self._judges_of(thing, direction, use))
        if thing.kind in _WITH_EXAMPLES and (use & Use.REQUEST or thing.kind == "Parameter Object"):
            found = [Example(self._pointer(thing, steps), _equal_to(value)) for steps, value in self._given(thing)]
            self._examples_at[thing.key] = found
            self.examples |= {each.pointer: each for each in found}

    def _judges_of(self, thing: Thing, direction: Direction, use: Use) -> Iterator[tuple[str, KeywordSeen, Judge]]:
        schemas = schemas_for(self.contract.document, direction)
        try:
            node: Node = schemas.node_at(Place(thing.uri, thing.pointer, Kind.SCHEMA, thing.value))
        except InvalidSchema:
            return
        for keyword in thing.value:
            if isinstance(node.value, Mapping) and keyword in node.value:
                judge = judge_of(schemas, node, keyword)
                if judge is not None:
                    pointer = self._pointer(thing, (keyword,))
                    seen = self.keywords.setdefault(pointer, KeywordSeen(pointer, bool(use & Use.REQUEST)))
                    yield keyword, seen, judge

    def _given(self, thing: Thing) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        """The examples of a schema, a media type or a parameter (OpenAPI 3.1 §4.8.14, Validation §9.5)."""
        if "example" in thing.value:
            yield ("example",), thing.value["example"]
        examples = thing.value.get("examples")
        if thing.kind == _SCHEMA:
            yield from ((("examples", index), value) for index, value in enumerate(examples or ()))
            return
        for below in self._field(thing, "examples"):
            if isinstance(below.value, Mapping) and "value" in below.value:
                yield ("examples", below.pointer.rpartition("/")[2], "value"), below.value["value"]

    def _pointer(self, thing: Thing, steps: Sequence[str | int]) -> str:
        own = thing.uri == self.contract.document.uri
        return ("" if own else f"{thing.uri}#") + thing.child(*steps)

    # ---- what is met -------------------------------------------------------------------------------------------------

    def _add_parameters(self, operation: Operation, thing: Thing, exchange: Exchange) -> None:
        holder = self._reach.things[thing.uri, thing.pointer.rpartition("/")[0]]
        places = {
            (place.value.get("in"), place.value.get("name")): place
            for owner in (holder, thing)
            for place in self._field(owner, "parameters")
            if isinstance(place.value, Mapping)
        }
        try:
            raw = self._raw(exchange)
        except NotText:
            return
        for parameter in operation.parameters:
            place = places.get((parameter.location, parameter.name))
            try:
                value = parameter.read(raw)
            except (Malformed, NotText):
                continue
            if value is MISSING or place is None:
                continue
            self._count_examples(place, value)
            for below, kind, _ in self._reach.below(place):
                if kind == "schema":
                    self._walk(below, value, Direction.REQUEST)
                elif kind == "content":
                    self._walk_all(self._field(below, "schema"), value, Direction.REQUEST)

    def _raw(self, exchange: Exchange) -> Raw:
        split = urlsplit(exchange.url)
        base = re.escape(base_path_of(self.contract.document))
        names = _NAME.findall(exchange.path)
        pieces = [re.escape(piece) for piece in _NAME.split(exchange.path)[::2]]
        match = re.fullmatch(base + "([^/]*)".join(pieces), split.path)
        cookies = [value.decode("latin-1") for name, value in exchange.headers if name == b"cookie"]
        return Raw(
            path=dict(zip(names, match.groups(), strict=True)) if match else {},
            query=pairs_of(split.query),
            headers=index(exchange.headers),
            cookies=[pair for cookie in cookies for pair in pairs_of(cookie, ";")],
        )

    def _add_answer(self, operation: Operation, exchange: Exchange, status: int) -> None:
        response = operation.response_for(status)
        counts = self.statuses[f"{operation.method} {operation.path}"]
        counts[str(status) if response is None else response.status] += 1
        if response is not None and exchange.answer:
            place = self._reach.things.get((response.place.uri, response.place.pointer))
            if place is not None:
                kind = exchange.answer_type.encode("latin-1", "replace")
                self._add_content(response.content, place, kind, exchange.answer, Direction.ANSWER)

    def _add_content(self, content: Content, holder: Thing, header: bytes, body: bytes, direction: Direction) -> None:
        found = content.find(header)
        if found is None:
            return
        entry, parameters = found
        try:
            value = without_bytes(entry.decode(body, parameters))
        except Problem:
            return
        for media_type in self._field(holder, "content"):
            if media_type.pointer == entry.pointer:
                if direction is Direction.REQUEST:
                    self._count_examples(media_type, value)
                self._walk_all(self._field(media_type, "schema"), value, direction)

    def _field(self, thing: Thing, wanted: str) -> list[Thing]:
        """What stands in a field of an object, behind its references."""
        return [self._target(below) for below, kind, _ in self._reach.below(thing) if kind == wanted]

    def _target(self, thing: Thing) -> Thing:
        while thing.kind == "Reference Object" and (target := next(self._reach.targets(thing), None)) is not None:
            thing = target
        return thing

    def _walk_all(self, things: Sequence[Thing], value: Any, direction: Direction) -> None:
        for thing in things:
            self._walk(thing, value, direction)

    def _walk(self, thing: Thing, whole: Any, direction: Direction) -> None:
        """Have every keyword judge what stands at its place, from a schema downwards and along its references."""
        pending: list[tuple[Thing, Any, Steps]] = [(thing, whole, ())]
        walked = set()
        while pending:
            current, value, steps = pending.pop()
            if (current.key, steps) in walked:
                continue
            walked.add((current.key, steps))
            silent = self._judge(current, value, direction)
            pending += [(target, value, steps) for target in self._reach.targets(current)]
            for below, keyword, name in self._reach.below(current):
                if keyword not in silent:
                    found = _values_below(current.value, keyword, name, value)
                    pending += [(below, item, (*steps, *step)) for step, item in found]

    def _judge(self, thing: Thing, value: Any, direction: Direction) -> set[str]:
        """Count what the keywords of one schema say of a value; those that say nothing of it."""
        silent = set()
        for keyword, seen, judge in self._judges.get((thing.key, direction), ()):
            verdict = judge(value)
            seen.admitted += verdict is True
            seen.refused += verdict is False
            if verdict is None:
                silent.add(keyword)
        if direction is Direction.REQUEST:
            self._count_examples(thing, value)
        return silent

    def _count_examples(self, thing: Thing, value: Any) -> None:
        for example in self._examples_at.get(thing.key, ()):
            example.met += example.equals(value)


def _equal_to(example: Any) -> Callable[[Any], bool]:
    # JSON Schema's equality (Core §4.2.2): 1 is 1.0, and is not true.
    judge: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator({"const": example}).is_valid
    return judge


def _values_below(schema: Mapping[str, Any], keyword: str, name: str, value: Any) -> Iterable[tuple[Steps, Any]]:
    """The values that a subschema is applied to, if `value` is what its schema is applied to (Core §10).

    Each with the steps that lead to it.
    """
    if keyword in ("allOf", "anyOf", "oneOf", "not", "if", "then", "else"):
        return [((), value)]
    if isinstance(value, list):
        return (((index,), value[index]) for index in _items_below(schema, keyword, name, len(value)))
    if not isinstance(value, dict):
        return ()
    if keyword == "propertyNames":
        return (((key, "its name"), key) for key in value)
    if keyword == "dependentSchemas":
        return [((), value)] if name in value else []
    return (((key,), value[key]) for key in _members_below(schema, keyword, name, value))


def _items_below(schema: Mapping[str, Any], keyword: str, name: str, length: int) -> range:
    if keyword == "prefixItems":
        return range(length)[int(name) : int(name) + 1]
    if keyword == "items":
        return range(length)[len(schema.get("prefixItems", ())) :]
    return range(length if keyword == "contains" else 0)


def _members_below(schema: Mapping[str, Any], keyword: str, name: str, members: Mapping[str, Any]) -> list[str]:
    if keyword == "properties":
        return [name] if name in members else []
    if keyword == "patternProperties":
        return [key for key in members if _matches(name)(key)]
    if keyword == "additionalProperties":
        named = schema.get("properties", ())
        patterns = [_matches(pattern) for pattern in schema.get("patternProperties", ())]
        return [key for key in members if key not in named and not any(matches(key) for matches in patterns)]
    return []


@cache
def _matches(pattern: str) -> Callable[[Any], bool]:
    judge: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator(
        {"pattern": pattern}, pattern_options=PATTERNS
    ).is_valid
    return judge
