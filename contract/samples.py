"""Values that a schema admits, chosen at the edges: the bounds, the members left out, one kind of value after another.

Nothing is drawn at random: the same schema gives the same values. What is made is a guess that is then judged by the
compiled schema, so a rule here may be rough, but never makes a wrong value count.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from contract.bundle import JSON, ONE, Bundle
from contract.coercion import type_of
from contract.containment import compiled, refers
from contract.edges import MAX_PARTS, Edges, beside
from contract.formats import FORMATS, MANY
from contract.patterns import texts_of

MAX_VALUES: Final = 400
"""Values of one schema."""

MAX_ITEMS: Final = 20_000
"""Items of one list: a witness is to be read."""

MAX_CHARACTERS: Final = 200_000
"""Characters of one text: columns of databases end at 65,535, and a text is told by its length."""

MAX_DISTINCT: Final = 1_000
"""Items of one list in which none stands twice."""

_FEW: Final = 2
"""Values of a part that is not to be varied."""

_MAX_DEPTH: Final = 7
_MAX_STEPS: Final = 2_000
"""Schemas looked at for one set of values."""

UNDECLARED: Final = "undeclared"
"""The name of a member that no document declares."""

_TEXTS: Final = ("", "a", "A", "0", "-1", "1.5", "true", "null", "a b", "é", "a/b", "a\n")
_NUMBERS: Final = (0, 1, -1, 2, 0.5, -0.5, 1000, 10**12, -(10**12))
_PLAIN: Final[tuple[JSON, ...]] = ("a", 1, True, None, 0.5, [], {}, ["a"], {"a": 1})
"""One value of each kind, where a schema does not say which."""


def samples(schema: Bundle, edges: Edges, focus: frozenset[int] | None = None) -> list[JSON]:
    """Values that `schema` admits, the plainest first; varied only in the parts in `focus`, if that is given."""
    return _Sampler(schema, edges, focus).values(schema.root, 0)


class _Sampler:
    def __init__(self, schema: Bundle, edges: Edges, focus: frozenset[int] | None) -> None:
        self._bundle = schema
        self._focus = focus
        self._edges = edges
        self._steps = 0
        self._judges: dict[int, tuple[JSON, Callable[[Any], bool]]] = {}

    def values(self, schema: JSON, depth: int, *, varied: bool = True) -> list[JSON]:
        """Admitted values of a part of the bundle; none where it is too deep to be looked into."""
        self._steps += 1
        deepest = _MAX_DEPTH if self._focus is None else _MAX_DEPTH * 3
        if schema is False or depth > deepest or self._steps > _MAX_STEPS:
            return []
        if schema is True or schema == {}:
            return list(_PLAIN)
        limit = _FEW if not varied else MAX_VALUES if depth == 0 else MAX_PARTS
        guesses = self._guesses(schema, depth, varied=varied)
        if depth == 0 or not refers(schema):
            is_valid = self._judge(schema)
            guesses = (value for value in guesses if _judged(is_valid, value))
        # What refers to much would take long to compile over and over: it is judged as a part of the whole.
        return list(islice(_distinct(guesses), limit))

    def _varied(self, part: JSON, above: bool) -> bool:
        """Whether a part is to be varied, as what it is in is or is not."""
        return above and (self._focus is None or id(self._bundle.resolved(part)) in self._focus)

    def _judge(self, schema: JSON) -> Callable[[Any], bool]:
        if id(schema) not in self._judges:
            # The schema is kept, for its id to stay its own.
            self._judges[id(schema)] = schema, compiled(self._bundle, schema)
        return self._judges[id(schema)][1]

    def _guesses(self, schema: Mapping[str, Any], depth: int, *, varied: bool) -> Iterator[JSON]:
        if "const" in schema:
            yield schema["const"]
        yield from schema.get("enum", ())
        for alternative in self._alternatives(schema):
            yield from self.values(alternative, depth + 1, varied=varied)
        makers = {
            "string": self._texts, "integer": self._numbers, "number": self._numbers, "boolean": _booleans,
            "null": _nulls, "array": self._lists, "object": self._objects,
        }  # fmt: skip
        for type_ in _types(schema):
            if type_ in ("array", "object") and _is_composed(schema):
                # Its alternatives have been made already, with all that is said here.
                continue
            yield from makers[type_](schema, depth, varied)
        if depth == 0 or not refers(schema):
            yield from self._bundle.hints
            yield from self._edges.others

    def _alternatives(self, schema: Mapping[str, Any]) -> Iterator[JSON]:
        """The schema with what it is composed of written into it, one alternative after another."""
        if "$ref" in schema:
            yield _merged(_without(schema, "$ref"), self._bundle.target(schema))
        elif schema.get("allOf"):
            merged: JSON = _without(schema, "allOf")
            for part in schema["allOf"]:
                merged = _merged(merged, part)
            yield merged
        elif "anyOf" in schema or "oneOf" in schema:
            keyword = "anyOf" if "anyOf" in schema else "oneOf"
            for branch in schema[keyword]:
                yield _merged(_without(schema, keyword), branch)
        elif "if" in schema:
            rest = _without(schema, "if", "then", "else")
            yield _merged(_merged(rest, schema["if"]), schema.get("then", True))
            yield _merged(rest, schema.get("else", True))
        elif schema.get("dependentSchemas"):
            rest = _without(schema, "dependentSchemas")
            yield rest
            for name, part in schema["dependentSchemas"].items():
                yield _merged(_merged(rest, part), {"required": [name]})

    def _texts(self, schema: Mapping[str, Any], _depth: int, _varied: bool) -> Iterator[JSON]:
        if "pattern" in schema:
            yield from islice(texts_of(schema["pattern"]), MAX_PARTS)
        yield from FORMATS.get(schema.get("format", ""), ())
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        sizes = _sizes(least, most, self._edges.sizes, MAX_CHARACTERS)
        if 0 < least <= MAX_CHARACTERS:
            yield "a" * least
        yield from _TEXTS[1:]
        yield from ("a" * size for size in sizes)
        yield from self._edges.texts
        # A text cut or drawn out to an edge.
        for text in self._edges.texts[:MAX_PARTS]:
            yield from (text + "a" * (size - len(text)) for size in sizes if size > len(text))
            yield from (text[:size] for size in sizes if size < len(text))
        yield ""

    def _numbers(self, schema: Mapping[str, Any], _depth: int, _varied: bool) -> Iterator[JSON]:
        bounds = [schema[k] for k in schema if "imum" in k and type_of(schema[k]) in ("integer", "number")]
        yield from _NUMBERS[:2]
        yield from (number for bound in bounds for number in beside(bound))
        if (step := schema.get("multipleOf")) is not None:
            yield from (step * factor for factor in (1, 2, 3, -1, 5, 7, 100))
            yield from (step * (bound // step + 1) for bound in bounds)
        yield from self._edges.numbers
        yield from _NUMBERS

    def _lists(self, schema: Mapping[str, Any], depth: int, varied: bool) -> Iterator[JSON]:
        if not varied and not schema.get("minItems", 0) and "contains" not in schema:
            yield []
            return
        item = schema.get("items", True)
        first = [self.values(part, depth + 1, varied=varied) for part in schema.get("prefixItems", ())]
        rest = self.values(item, depth + 1, varied=self._varied(item, varied))
        needed = [self.values(schema["contains"], depth + 1)] if "contains" in schema else []
        if schema.get("uniqueItems"):
            rest = self._drawn_out(item, rest)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        sizes = list(_distinct([least, *_sizes(least, most, [1, 2, *self._edges.sizes])]))
        if needed and needed[0] and not first:
            # Lists of nothing else, for how many of them there may be.
            yield from ([needed[0][0]] * int(size) for size in sizes if size <= MAX_ITEMS)
        for size in sizes:
            if size > MAX_ITEMS or (size > len(first) and not rest) or not all(first[:size]):
                continue
            yield (base := _filled(first, rest, size))
            yield (mixed := _filled(first, rest, size, mixed=True))
            options = needed[0] if needed else rest
            for index in {0, size - 1} if size else ():
                for value in [*(first[index] if index < len(first) else rest), *options][: MAX_PARTS * 2]:
                    yield [*base[:index], value, *base[index + 1 :]]
                    if schema.get("uniqueItems"):
                        yield [*mixed[:index], value, *mixed[index + 1 :]]

    def _drawn_out(self, item: JSON, values: list[JSON]) -> list[JSON]:
        """Enough distinct items for the longest of the lists that bounds speak of."""
        needed = max((size for size in self._edges.sizes if size <= MAX_DISTINCT), default=0)
        item = self._bundle.resolved(item)
        if not isinstance(item, Mapping):
            return values
        base = next((value for value in values if isinstance(value, dict)), None)
        # Objects that differ in what is not declared are alike once that is left out of an answer.
        missing = needed if base is not None else needed - len(values)
        if missing <= 0:
            return values
        more = (guess for number in range(missing * 2) for guess in self._numbered(item, base, number))
        drawn = list(islice((guess for guess in more if guess not in values), missing))
        return [*values, *drawn] if base is None else [*drawn, *values]

    def _numbered(self, item: Mapping[str, Any], base: Mapping[str, JSON] | None, number: int) -> Iterator[JSON]:
        """Values that are different for each number; of objects, `base` with another value in one of its members."""
        if base is not None:
            for name, member in item.get("properties", {}).items():
                part = self._bundle.resolved(member)
                if name in base and isinstance(part, Mapping):
                    yield from ({**base, name: guess} for guess in self._numbered(part, None, number))
            return
        if refers(item):
            # As in `values`: what refers to much is judged as a part of the whole.
            return
        make = MANY.get(item.get("format", ""))
        guesses = (number, f"{UNDECLARED}{number}", *([make(number)] if make is not None else []))
        is_valid = self._judge(item)
        yield from (guess for guess in guesses if _judged(is_valid, guess))

    def _objects(self, schema: Mapping[str, Any], depth: int, varied: bool) -> Iterator[JSON]:
        declared = schema.get("properties", {})
        parts = {
            name: self.values(member, depth + 1, varied=self._varied(member, varied))
            for name, member in declared.items()
            if name in schema.get("required", ()) or self._varied(member, varied)
        }
        other = schema.get("additionalProperties", True)
        # What may be beside the declared members is looked at only when it is needed or says something.
        others = self.values(other, depth + 1, varied=self._varied(other, varied)) if other is not False else []
        needed = [*schema.get("required", ())]
        parts |= {name: others for name in needed if name not in parts}
        if all(parts[name] for name in needed):
            base = {name: parts[name][0] for name in needed}
            full = {**base, **{name: values[0] for name, values in parts.items() if values}}
            yield base
            if not varied:
                return
            yield full
            yield from _varied(base, full, parts)
            yield from self._with_others(schema, base, full, others, depth)

    def _with_others(
        self,
        schema: Mapping[str, Any],
        base: Mapping[str, JSON],
        full: Mapping[str, JSON],
        others: Sequence[JSON],
        depth: int,
    ) -> Iterator[JSON]:
        """Objects with members that are not declared."""
        names = [name for name in self._edges.names if name not in schema.get("properties", {})]
        for name in [UNDECLARED, *names]:
            for value in others[:MAX_PARTS]:
                yield {**base, name: value}
                yield {**full, name: value}
        named: dict[str, JSON] = {}
        for pattern, part in schema.get("patternProperties", {}).items():
            values = self.values(part, depth + 1)
            for name in islice(texts_of(pattern), 4):
                yield from ({**base, name: value} for value in values)
            named |= {name: values[0] for name in self._names(pattern) if values}
        if "propertyNames" in schema:
            names = [name for name in self.values(schema["propertyNames"], depth + 1) if isinstance(name, str)]
            for name in names:
                yield from ({**base, name: value} for value in others[:2])
            named |= {name: others[0] for name in names if others}
        least, most = schema.get("minProperties", 0), schema.get("maxProperties")
        for size in _sizes(least, most, self._edges.sizes):
            if named:
                yield dict(islice({**base, **named}.items(), size))
            if others and size <= MAX_PARTS:
                filled = {**base, **{f"{UNDECLARED}{index}": others[0] for index in range(size - len(base))}}
                yield filled
            yield dict(islice({**base, **full}.items(), size))

    def _names(self, pattern: str) -> list[str]:
        """Names that a pattern matches, which may go on behind it where it does not end with them."""
        texts = texts_of(pattern)
        longer = (f"{text}{more}" for more in _TEXTS[1:5] for text in texts)
        is_valid = compiled(self._bundle, {"pattern": pattern})
        return [name for name in (*texts, *longer) if _judged(is_valid, name)]


def _varied(base: Mapping[str, JSON], full: Mapping[str, JSON], parts: Mapping[str, Sequence[JSON]]) -> Iterator[JSON]:
    """Each value of each member, beside little and beside much; each member left out."""
    for size in range(MAX_PARTS):
        for name, values in parts.items():
            if size < len(values):
                yield {**base, name: values[size]}
    for name in full:
        if name not in base:
            yield _without(full, name)
    for name, values in parts.items():
        yield from ({**full, name: value} for value in values)


def _filled(first: Sequence[Sequence[JSON]], rest: Sequence[JSON], size: int, *, mixed: bool = False) -> list[JSON]:
    heads = [values[0] for values in first[:size]]
    return [*heads, *[rest[i % len(rest) if mixed else 0] for i in range(size - len(heads))]]


def _merged(one: JSON, other: JSON) -> JSON:
    """A schema of what both admit, roughly."""
    if one is False or other is False:
        return False
    if one is True or one == {}:
        # Itself, not a copy: by its identity it is known.
        return other
    if other is True:
        return one
    merged = dict(one)
    for keyword, value in other.items():
        merged[keyword] = _both(keyword, merged[keyword], value) if keyword in merged else value
    return merged


def _both(keyword: str, one: Any, other: Any) -> Any:
    if keyword in ("properties", "patternProperties", "dependentSchemas"):
        return {**one, **{n: {"allOf": [one[n], part]} if n in one else part for n, part in other.items()}}
    if keyword == "required":
        return [*one, *(name for name in other if name not in one)]
    if keyword == "allOf":
        return [*one, *other]
    if keyword in ONE and keyword in ("items", "additionalProperties", "propertyNames"):
        return {"allOf": [one, other]}
    if keyword == "type":
        types = [t for t in _listed(one) if t in _listed(other) or (t == "integer" and "number" in _listed(other))]
        return types or one
    if keyword.startswith("min") or keyword == "exclusiveMinimum":
        return max(one, other)
    if keyword.startswith("max") or keyword == "exclusiveMaximum":
        return min(one, other)
    if keyword == "enum":
        return [value for value in one if value in other] or one
    return other


def _is_composed(schema: Mapping[str, Any]) -> bool:
    return "$ref" in schema or bool(schema.get("allOf"))


def _types(schema: Mapping[str, Any]) -> list[str]:
    if "type" in schema:
        return _listed(schema["type"])
    return ["string", "integer", "boolean", "null", "array", "object"]


def _listed(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _booleans(_schema: Any, _depth: int, _varied: bool) -> Iterator[JSON]:
    yield from (True, False)


def _nulls(_schema: Any, _depth: int, _varied: bool) -> Iterator[JSON]:
    yield None


def _sizes(least: int, most: int | None, pool: Iterable[int], longest: int = MAX_ITEMS) -> list[int]:
    """Sizes within bounds: the bounds, and of the pool what lies between."""
    highest = longest if most is None else min(most, longest)
    return sorted({int(size) for size in (least, least + 1, most or 0, *pool) if least <= size <= highest})


def _without(schema: Mapping[str, Any], *keywords: str) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if keyword not in keywords}


def _distinct(values: Iterable[JSON]) -> Iterator[JSON]:
    seen: set[str] = set()
    for value in values:
        key = repr(value)
        if key not in seen:
            seen.add(key)
            yield value


def _judged(is_valid: Callable[[Any], bool], value: JSON) -> bool:
    try:
        return is_valid(value)
    except (ValueError, OverflowError):
        # A guess that cannot even be judged is none.
        return False
