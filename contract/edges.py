"""The edges of what schemas mention: bounds, names and values, and what lies on either side of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from contract.bundle import JSON, LIST, MAP, ONE, Bundle
from contract.coercion import type_of
from contract.containment import literals_of
from contract.formats import FORMATS
from contract.patterns import texts_of

MAX_PARTS: Final = 40
"""Values of one member, item or branch."""


@dataclass(slots=True)
class Edges:
    """What the schemas of both sides mention, pooled: values of one are worth trying at the edges of the other."""

    texts: list[str] = field(default_factory=list)
    numbers: list[Any] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    others: list[JSON] = field(default_factory=list)

    def add(self, schema: Bundle) -> "Edges":
        """Take in what a schema mentions."""
        for value in schema.hints:
            self._add_value(value)
        for part in (schema.root, *schema.definitions.values()):
            self._add_schema(part)
        return self

    def _add_schema(self, schema: JSON) -> None:
        if not isinstance(schema, Mapping):
            return
        for keyword, value in schema.items():
            self._add_bounds(keyword, value)
            if keyword in ("const", "enum"):
                for each in value if keyword == "enum" else [value]:
                    self._add_value(each)
            elif keyword == "required":
                _put(self.names, *value)
            elif keyword in ONE:
                self._add_schema(value)
            elif keyword in LIST:
                for each in value:
                    self._add_schema(each)
            elif keyword in MAP:
                patterned = keyword == "patternProperties"
                _put(self.names, *(text for key in value for text in (texts_of(key)[:2] if patterned else [key])))
                for each in value.values():
                    self._add_schema(each)

    def _add_bounds(self, keyword: str, value: Any) -> None:
        if keyword.endswith(("Length", "Items", "Properties", "Contains")) and type_of(value) == "integer":
            _put(self.sizes, int(value), int(value) + 1, max(int(value) - 1, 0))
        elif "imum" in keyword or keyword == "multipleOf":
            _put(self.numbers, *beside(value))
        elif keyword == "pattern":
            _put(self.texts, *(literals_of(value) or islice(texts_of(value), MAX_PARTS)))
        elif keyword == "format":
            _put(self.texts, *FORMATS.get(value, ()))

    def _add_value(self, value: JSON) -> None:
        pools: dict[str, list[Any]] = {"string": self.texts, "integer": self.numbers, "number": self.numbers}
        _put(pools.get(type_of(value), self.others), value)


def beside(number: Any) -> list[Any]:
    """A bound, and what lies on either side of it."""
    half = Decimal("0.5") if isinstance(number, Decimal) else 0.5
    return [number, number + 1, number - 1, number + half, number - half]


def _put(pool: list[Any], *values: Any) -> None:
    pool += [value for value in values if not any(value == known and type(value) is type(known) for known in pool)]
