"""Values for answers nobody has written: the document's examples, else what its schemas admit."""

import random
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, Final

from contract import json_text
from contract.bundle import bundle
from contract.composing import Found, Judge, Leaves, composed, drawn, said_by
from contract.document import PointerToNowhere
from contract.edges import Edges
from contract.media import MediaType, is_written_out
from contract.operation import Contract, Response, ResponseHeader
from contract.samples import samples
from contract.schema import Schema
from contract.structure import Kind, Place
from contract.wire import header_text

_FRAMING: Final = frozenset({"connection", "content-length", "content-type", "transfer-encoding"})
"""Headers that follow from the content as it is sent (RFC 9110 §8.6, RFC 9112 §6.1)."""

_DRAWS: Final = 20
"""Values drawn before one that is valid is taken from elsewhere."""


class Examples:
    """Finds values, and judges each before it is sent: an example that breaks its schema is passed over."""

    def __init__(self, contract: Contract) -> None:
        self._document = contract.document
        self._samples = lru_cache(maxsize=4096)(_samples_of)
        self._leaves: Leaves = {}
        self._composed = lru_cache(maxsize=4096)(_composed)

    def value(self, entry: MediaType, pick: random.Random | None) -> Found:
        """A value for a media type: its examples, its schema's, else one made; with `pick` one at random."""
        if entry.schema is None and not entry.is_json:
            return next(((True, value) for value in self._of_entry(entry)), (True, ""))
        if pick is not None and entry.schema is not None:
            return self._drawn(entry.schema, pick)
        for value in self._of_entry(entry):
            if entry.schema is None or _admits(entry.schema, value):
                return True, deepcopy(value)
            if not entry.is_json and is_written_out(value, entry.schema):
                return True, value
        if entry.schema is None:
            return True, {}
        return self.of_schema(entry.schema)

    def named(self, entry: MediaType, name: str) -> Found:
        """The example of this name."""
        described = entry.described.get("examples")
        item = described.get(name) if isinstance(described, Mapping) else None
        return self._value_of(item) if item is not None else (False, None)

    def of_header(self, header: ResponseHeader, pick: random.Random | None) -> Found:
        """A value for a header of an answer."""
        value = header.place.value if isinstance(header.place.value, Mapping) else {}
        if header.schema is None:
            return ("example" in value), value.get("example")
        if "example" in value and _admits(header.schema, value["example"]) and pick is None:
            return True, value["example"]
        for item in (value.get("examples") or {}).values() if pick is None else ():
            found, example = self._value_of(item)
            if found and _admits(header.schema, example):
                return True, example
        return self.of_schema(header.schema)

    def headers_of(self, response: Response, pick: random.Random | None) -> dict[str, str]:
        """The text of every header that an answer is declared to have, but for those that frame it."""
        headers = {}
        for header in response.headers:
            if header.name.lower() in _FRAMING:
                continue
            found, value = self.of_header(header, pick)
            if found and header.in_json:
                headers[header.name] = json_text.dumps(value).decode()
            elif found:
                headers[header.name] = header_text(value, explode=header.style[1])
        return headers

    def of_schema(self, schema: Schema) -> Found:
        """A value that a schema admits: one of its own, else one composed in full, else the plainest that was made."""
        for value in said_by(schema.node):
            if _admits(schema, value):
                return True, deepcopy(value)
        found, value = self._composed(schema)
        if found:
            return True, deepcopy(value)
        made = self._samples(schema)
        return (True, deepcopy(made[0])) if made else (False, None)

    def _drawn(self, schema: Schema, pick: random.Random) -> Found:
        """A value at random that has every member it may have; else one of those that were made, else any."""
        for _ in range(_DRAWS):
            found, value = drawn(schema.node, _judge_of(schema), pick, self._leaves)
            if found and _admits(schema, value):
                return True, deepcopy(value)
        made = self._samples(schema)
        return (True, deepcopy(pick.choice(made))) if made else self.of_schema(schema)

    def _of_entry(self, entry: MediaType) -> Iterator[Any]:
        described = entry.described
        if "example" in described:
            yield described["example"]
        for item in (described.get("examples") or {}).values():
            found, value = self._value_of(item)
            if found:
                yield value
        if entry.schema is not None:
            yield from said_by(entry.schema.node)

    def _value_of(self, item: Any) -> Found:
        try:
            place = self._document.dereference(Place(self._document.uri, "", Kind.EXAMPLE, item))
        except PointerToNowhere:
            return False, None
        if isinstance(place.value, Mapping) and "value" in place.value:
            return True, place.value["value"]
        return False, None


def _composed(schema: Schema) -> Found:
    """What is composed of members as they are, else of those that are judged; where the schema admits it."""
    for judge in (None, _judge_of(schema)):
        found, value = composed(schema.node, judge)
        if found and _admits(schema, value):
            return True, value
    return False, None


def _judge_of(schema: Schema) -> Judge:
    return lambda node, value: schema.compile_node(node).is_valid(value)


def _samples_of(schema: Schema) -> list[Any]:
    whole = bundle(schema.node)
    made = samples(whole, Edges().add(whole))
    return [value for value in made if _admits(schema, value)]


def _admits(schema: Schema, value: Any) -> bool:
    projected = schema.project(deepcopy(value)) if schema.project is not None else value
    return schema.is_valid(value) and schema.is_valid(projected)
