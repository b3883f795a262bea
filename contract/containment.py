"""Whether one schema admits all that another does: proven, or not said.

jsonschema-rs's canonical form decides most pairs. What it leaves open (schemas that contain themselves, lists of lists)
is tried by rules of our own, each of which is sound: where none of them applies there is no proof.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jsonschema_rs
from jsonschema_rs import CanonicalSchema, canonical, canonicalize

from contract.bundle import ANYTHING, JSON, Bundle
from contract.coercion import ALL_TYPES, type_of
from contract.schema import PATTERNS

MAX_STEPS: Final = 5_000
"""Pairs of schemas looked at for one proof; every pair is a few dictionary look-ups."""

_LITERALS: Final = re.compile(r"\^(?:\((?:\?:)?([\w /:,@-]+(?:\|[\w /:,@-]+)*)\)|([\w /:,@-]+))\$", re.ASCII)
"""A pattern that lists the texts it matches: `^(test|live)$`."""

_LOWER: Final = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")
_UPPER: Final = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_SAME: Final = ("format", "multipleOf", "pattern", "uniqueItems")
_RULED: Final = frozenset(
    {*_LOWER, *_UPPER, *_SAME, "$ref", "additionalProperties", "allOf", "anyOf", "const", "enum", "items"}
    | {"prefixItems", "properties", "required", "type"}
)
"""Keywords of the wider schema that there is a rule for."""

Pair = tuple[int, int]


def contains(wider: Bundle, narrower: Bundle) -> bool:
    """Whether it is proven that `wider` admits every value that `narrower` admits."""
    if is_same(wider, narrower):
        return True
    first, second = _canonical(wider), _canonical(narrower)
    if first is not None and second is not None:
        try:
            if first.covers(second) is canonical.Containment.YES:
                return True
        except ValueError:
            # The canonical form has no answer; the rules may.
            pass
    return _Proof(wider, narrower).holds(wider.root, narrower.root)


def is_same(one: Bundle, other: Bundle) -> bool:
    """Whether two schemas say the same, word by word."""
    return _text(one.as_schema()) == _text(other.as_schema())


def _text(value: JSON) -> str:
    """A value as text in which, other than in Python, `1` and `true` differ."""
    return json.dumps(value, sort_keys=True, default=repr)


def difference(narrower: Bundle, wider: Bundle) -> Bundle | None:
    """A schema of what `narrower` admits and `wider` does not, as exact as it could be found; None where it was not."""
    first, second = _canonical(narrower), _canonical(wider)
    if first is None or second is None:
        return None
    try:
        schema: Any = first.subtract(second).to_json_schema()
    except ValueError:
        return None
    if not isinstance(schema, dict):
        return None
    definitions = schema.pop("$defs", {})
    schema.pop("$schema", None)
    return Bundle(schema, definitions, narrower.hints)


def literals_of(pattern: str) -> list[str] | None:
    """The texts that a pattern lists; None where it does more than list them."""
    found = _LITERALS.fullmatch(pattern)
    return (found[1] or found[2]).split("|") if found else None


def _canonical(schema: Bundle) -> CanonicalSchema | None:
    try:
        return canonicalize(
            schema.as_schema(),
            draft=jsonschema_rs.Draft202012,
            validate_formats=True,
            pattern_options=PATTERNS,
            offline=True,
        )
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
        return None


@dataclass(slots=True)
class _Proof:
    """One proof. Pairs met again further inside a value are taken to hold: a value ends (induction over its depth)."""

    wider: Bundle
    narrower: Bundle
    steps: int = 0
    _kept: list[JSON] = field(default_factory=list)

    def holds(
        self,
        wide: JSON,
        narrow: JSON,
        outer: frozenset[Pair] = frozenset(),
        here: frozenset[Pair] = frozenset(),
    ) -> bool:
        """Whether `wide` admits all that `narrow` does; `here` are the open pairs about the same value."""
        self.steps += 1
        pair = id(wide), id(narrow)
        if self.steps > MAX_STEPS or pair in here:
            return False
        if pair in outer or wide is True or wide == {} or narrow is False:
            return True
        if narrow is True:
            narrow = {}
        if wide is False or not isinstance(narrow, Mapping):
            return False
        self._kept += [wide, narrow]
        here |= {pair}
        if self._by_values(wide, narrow) or self._by_parts_of_narrow(wide, narrow, outer, here):
            return True
        if not wide.keys() <= _RULED:
            return False
        return all(self._keyword(keyword, wide, narrow, outer, here) for keyword in wide)

    def _keyword(self, keyword: str, wide: Any, narrow: Any, outer: frozenset[Pair], here: frozenset[Pair]) -> bool:
        value = wide[keyword]
        if keyword == "$ref":
            return self.holds(self.wider.target(wide), narrow, outer, here)
        if keyword == "allOf":
            return all(self.holds(part, narrow, outer, here) for part in value)
        if keyword == "anyOf":
            return any(self.holds(part, narrow, outer, here) for part in value)
        if keyword == "type":
            return _types(narrow) <= _types(wide)
        if not _types(narrow) & _CONCERNED.get(keyword, ALL_TYPES):
            return True
        if keyword == "required":
            return set(value) <= set(narrow.get("required", ()))
        if keyword in _LOWER:
            return _number(narrow.get(keyword)) and narrow[keyword] >= value
        if keyword in _UPPER:
            return _number(narrow.get(keyword)) and narrow[keyword] <= value
        if keyword in _SAME:
            return bool(keyword in narrow and narrow[keyword] == value)
        if keyword in ("items", "prefixItems"):
            return self._items(wide, narrow, outer | here)
        if keyword in ("properties", "additionalProperties"):
            return self._members(wide, narrow, outer | here)
        return False

    def _by_values(self, wide: Any, narrow: Any) -> bool:
        """Where the narrower one lists its values, each is tried."""
        values = narrow.get("enum", [narrow["const"]] if "const" in narrow else None)
        if values is None and narrow.get("type") == "string" and "pattern" in narrow:
            values = literals_of(narrow["pattern"])
        if values is None:
            return False
        takes, admits = compiled(self.wider, wide), compiled(self.narrower, narrow)
        return all(takes(value) or not admits(value) for value in values)

    def _by_parts_of_narrow(self, wide: Any, narrow: Any, outer: frozenset[Pair], here: frozenset[Pair]) -> bool:
        """What a schema admits, each part that it is composed of admits."""
        if "$ref" in narrow and self.holds(wide, self.narrower.target(narrow), outer, here):
            return True
        if any(self.holds(wide, part, outer, here) for part in narrow.get("allOf", ())):
            return True
        return any(
            bool(narrow.get(keyword)) and all(self.holds(wide, part, outer, here) for part in narrow[keyword])
            for keyword in ("anyOf", "oneOf")
        )

    def _items(self, wide: Any, narrow: Any, outer: frozenset[Pair]) -> bool:
        wide_first, narrow_first = wide.get("prefixItems", []), narrow.get("prefixItems", [])
        longest = max(len(wide_first), len(narrow_first))
        wide_rest, narrow_rest = wide.get("items", True), narrow.get("items", True)
        wide_all = [*wide_first, *[wide_rest] * (longest - len(wide_first)), wide_rest]
        narrow_all = [*narrow_first, *[narrow_rest] * (longest - len(narrow_first)), narrow_rest]
        return all(self.holds(a, b, outer) for a, b in zip(wide_all, narrow_all, strict=True))

    def _members(self, wide: Any, narrow: Any, outer: frozenset[Pair]) -> bool:
        if "patternProperties" in narrow:
            return False
        wide_named, narrow_named = wide.get("properties", {}), narrow.get("properties", {})
        wide_rest, narrow_rest = wide.get("additionalProperties", True), narrow.get("additionalProperties", True)
        return all(
            self.holds(wide_named.get(name, wide_rest), narrow_named.get(name, narrow_rest), outer)
            for name in {*wide_named, *narrow_named}
        ) and self.holds(wide_rest, narrow_rest, outer)


_CONCERNED: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), frozenset({"string"})),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems", "items", "prefixItems"), frozenset({"array"})),
    **dict.fromkeys(
        ("minProperties", "maxProperties", "required", "properties", "additionalProperties"), frozenset({"object"})
    ),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), frozenset({"integer", "number"})
    ),
}
"""The types of values that a keyword judges; others it lets pass."""


def _types(schema: Any) -> frozenset[str]:
    """The types that a schema's own `type` admits."""
    declared = schema.get("type")
    if declared is None:
        return ALL_TYPES
    types = frozenset([declared] if isinstance(declared, str) else declared)
    return types | {"integer"} if "number" in types else types


def _number(value: Any) -> bool:
    return type_of(value) in ("integer", "number")


def compiled(within: Bundle, schema: JSON) -> Any:
    """What judges values by a part of a bundle."""
    return jsonschema_rs.Draft202012Validator(
        within.as_schema(schema), validate_formats=True, pattern_options=PATTERNS, offline=True
    ).is_valid


def admits_every_text(schema: Bundle) -> bool:
    """Whether it is proven that no text is refused."""
    return contains(schema, Bundle({"type": "string"}, {})) or contains(schema, ANYTHING)
