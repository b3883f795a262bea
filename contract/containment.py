"""Whether one schema admits all that another does: proven, or not said.

jsonschema-rs's canonical form decides most pairs. What it leaves open (schemas that contain themselves, lists of lists)
is tried by rules of our own, each of which is sound: where none of them applies there is no proof.
"""

import json
import re
from collections.abc import Iterator, Mapping
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

MAX_DEPTH: Final = 60
"""Pairs within one another that are open at once in an alternative."""

_ANYTHING: Final[Mapping[str, JSON]] = {}

Pair = tuple[int, int]
Open = frozenset[Pair] | None


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
    return _Proof(wider, narrower).succeeds()


def is_same(one: Bundle, other: Bundle) -> bool:
    """Whether two schemas say the same, word by word."""
    return text_of(one.as_schema()) == text_of(other.as_schema())


def text_of(value: JSON) -> str:
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
    """One proof: a list of pairs, of each of which it is shown that the first admits what the second does.

    A pair that is on the list, or open further out, is taken to hold within a value: a value ends, so what fails would
    fail without it too (induction over the value's depth). About the same value nothing is taken to hold, and schemas
    that refer to themselves about the same value are left alone.
    """

    wider: Bundle
    narrower: Bundle
    _steps: int = 0
    _listed: set[Pair] = field(default_factory=set)
    _pending: list[tuple[JSON, JSON]] = field(default_factory=list)

    def succeeds(self) -> bool:
        """Whether the proof comes to an end."""
        if _loops(self.wider) or _loops(self.narrower):
            return False
        self._add(self.wider.root, self.narrower.root)
        while self._pending:
            if not self._holds(*self._pending.pop()):
                return False
        return True

    def _add(self, wide: JSON, narrow: JSON) -> None:
        wide, narrow = _behind(self.wider, wide), _behind(self.narrower, narrow)
        if (pair := (id(wide), id(narrow))) not in self._listed:
            self._listed.add(pair)
            self._pending.append((wide, narrow))

    def _below(self, wide: JSON, narrow: JSON, outer: Open) -> bool:
        """Whether a pair about a part of the value holds: at once within an alternative, else in its turn."""
        if outer is None:
            self._add(wide, narrow)
            return True
        return self._holds(wide, narrow, outer)

    def _holds(self, wide: JSON, narrow: JSON, outer: Open = None, here: frozenset[Pair] = frozenset()) -> bool:
        """Whether `wide` admits all that `narrow` does.

        `here` are the open pairs about the same value, `outer` those about what it is a part of; None while no
        alternative has been gone into, so that what is true of parts may be left for later.
        """
        wide, narrow = _behind(self.wider, wide), _behind(self.narrower, narrow)
        self._steps += 1
        pair = id(wide), id(narrow)
        if self._steps > MAX_STEPS or pair in here or len(outer or ()) > MAX_DEPTH:
            return False
        if wide is True or wide == {} or narrow is False:
            return True
        if outer is not None and (pair in outer or pair in self._listed) and not here:
            return True
        narrow = _ANYTHING if narrow is True else narrow
        if wide is False or not isinstance(narrow, Mapping):
            return False
        here |= {pair}
        tried = frozenset[Pair]() if outer is None else outer
        if self._by_values(wide, narrow) or self._by_parts_of_narrow(wide, narrow, tried, here):
            return True
        return wide.keys() <= _RULED and all(self._keyword(k, wide, narrow, outer, here) for k in wide)

    def _keyword(self, keyword: str, wide: Any, narrow: Any, outer: Open, here: frozenset[Pair]) -> bool:
        value = wide[keyword]
        if keyword == "$ref":
            return self._holds(self.wider.target(wide), narrow, outer, here)
        if keyword == "allOf":
            return all(self._holds(part, narrow, outer, here) for part in value)
        if keyword == "anyOf":
            tried = frozenset[Pair]() if outer is None else outer
            return any(self._holds(part, narrow, tried, here) for part in value)
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
        below = None if outer is None else outer | here
        if keyword in ("items", "prefixItems"):
            return self._items(wide, narrow, below)
        if keyword in ("properties", "additionalProperties"):
            return self._members(wide, narrow, below)
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
        if "$ref" in narrow and self._holds(wide, self.narrower.target(narrow), outer, here):
            return True
        if any(self._holds(wide, part, outer, here) for part in narrow.get("allOf", ())):
            return True
        return any(
            bool(narrow.get(keyword)) and all(self._holds(wide, part, outer, here) for part in narrow[keyword])
            for keyword in ("anyOf", "oneOf")
        )

    def _items(self, wide: Any, narrow: Any, outer: Open) -> bool:
        wide_first, narrow_first = wide.get("prefixItems", []), narrow.get("prefixItems", [])
        longest = max(len(wide_first), len(narrow_first))
        wide_rest, narrow_rest = wide.get("items", True), narrow.get("items", True)
        wide_all = [*wide_first, *[wide_rest] * (longest - len(wide_first)), wide_rest]
        narrow_all = [*narrow_first, *[narrow_rest] * (longest - len(narrow_first)), narrow_rest]
        return all(self._below(a, b, outer) for a, b in zip(wide_all, narrow_all, strict=True))

    def _members(self, wide: Any, narrow: Any, outer: Open) -> bool:
        if "patternProperties" in narrow:
            return False
        wide_named, narrow_named = wide.get("properties", {}), narrow.get("properties", {})
        wide_rest, narrow_rest = wide.get("additionalProperties", True), narrow.get("additionalProperties", True)
        return all(
            self._below(wide_named.get(name, wide_rest), narrow_named.get(name, narrow_rest), outer)
            for name in {*wide_named, *narrow_named}
        ) and self._below(wide_rest, narrow_rest, outer)


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


def _behind(side: Bundle, schema: JSON) -> JSON:
    """What a schema that only refers refers to."""
    for _ in range(MAX_DEPTH):
        if not isinstance(schema, Mapping) or schema.keys() != {"$ref"}:
            break
        schema = side.target(schema)
    return schema


def _loops(side: Bundle) -> bool:
    """Whether a definition refers to itself about the same value: what such a schema admits is not defined."""
    uses = {id(schema): {id(part) for part in _at_once(side, schema)} for schema in side.definitions.values()}
    while done := [name for name, used in uses.items() if not used & uses.keys()]:
        for name in done:
            del uses[name]
    return bool(uses)


def _at_once(side: Bundle, schema: JSON) -> Iterator[JSON]:
    """The definitions that a schema refers to about the same value."""
    pending = [schema]
    while pending:
        current = pending.pop()
        if not isinstance(current, Mapping):
            continue
        if "$ref" in current:
            yield side.target(current)
        pending += [part for keyword in ("allOf", "anyOf", "oneOf") for part in current.get(keyword, ())]
        pending += [current[keyword] for keyword in ("if", "then", "else", "not") if keyword in current]
        pending += [
            part for keyword in ("dependentSchemas", "dependencies") for part in current.get(keyword, {}).values()
        ]


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
    whole = within.as_schema(schema) if refers(schema) else schema
    return jsonschema_rs.Draft202012Validator(
        whole, validate_formats=True, pattern_options=PATTERNS, offline=True
    ).is_valid


def refers(schema: JSON) -> bool:
    """Whether a schema needs the definitions of its bundle."""
    return '"$ref"' in json.dumps(schema, default=repr)


def admits_every_text(schema: Bundle) -> bool:
    """Whether it is proven that no text is refused."""
    return contains(schema, Bundle({"type": "string"}, {})) or contains(schema, ANYTHING)
