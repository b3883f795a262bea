"""Which part of one schema corresponds to which part of another: what judges the same place of a value."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from contract.bundle import JSON, LIST, MAP, ONE, Bundle
from contract.containment import text_of

MAX_PAIRS: Final = 3_000
"""Places of a value that are looked at."""

SMALL: Final = 120
"""Schemas in a bundle that is looked at everywhere."""

Parts = Sequence[JSON]


def pairs_of(one: Bundle, other: Bundle) -> Iterator[tuple[Parts, Parts, str]]:
    """The parts of each that judge the same place, with the place; the nearest first, each pair once."""
    for ones, others, path, _ in _walk(one, other):
        yield ones, others, path


def focus_of(one: Bundle, other: Bundle) -> frozenset[int] | None:
    """The parts of `one`, by their `id`, on the way to where it differs from `other`; None where it is small."""
    if sum(_size(part) for part in (one.root, *one.definitions.values())) < SMALL:
        return None
    pairs = list(_walk(one, other))
    wanted: set[int] = set()
    for ones, others, _, above in reversed(pairs):
        parts = {id(within) for part in ones for within in one.within(part)} | {id(part) for part in ones}
        if parts & wanted or _said(one, ones) != _said(other, others):
            wanted |= parts
            wanted |= {id(part) for part in above}
    return frozenset(wanted)


def _walk(one: Bundle, other: Bundle) -> Iterator[tuple[Parts, Parts, str, Parts]]:
    pending: list[tuple[Parts, Parts, str, Parts]] = [([one.root], [other.root], "", [])]
    seen: set[tuple[tuple[int, ...], ...]] = set()
    while pending and len(seen) < MAX_PAIRS:
        ones, others, path, above = pending.pop(0)
        key = _key(one, ones), _key(other, others)
        if key in seen:
            continue
        seen.add(key)
        yield ones, others, path, above
        members, counterparts = one.members(ones), other.members(others)
        pending += [
            (parts, counterparts.get(name, []), f"{path}.{name}".removeprefix("."), ones)
            for name, parts in members.items()
        ]
        for keyword in ("items", "additionalProperties", "contains"):
            if below := one.under(ones, keyword):
                pending.append((below, other.under(others, keyword), path, ones))


def _key(side: Bundle, parts: Parts) -> tuple[int, ...]:
    return tuple(id(within) for part in parts for within in side.within(part))


def _said(side: Bundle, parts: Parts) -> list[str]:
    """What is said of a place itself, and not of what is in it."""
    return [
        text_of({k: list(v) if k in MAP else v for k, v in within.items() if k not in _DEEPER})
        for part in parts
        for within in side.within(part)
    ] + [str(part) for part in parts if not isinstance(part, Mapping)]


_DEEPER: Final = frozenset({"$ref", "items", "additionalProperties", "contains", "allOf", "anyOf", "oneOf"})
"""Keywords whose schemas are pairs, or parts of the place, themselves."""


def _size(schema: JSON) -> int:
    if not isinstance(schema, Mapping):
        return 1
    below = [schema[keyword] for keyword in ONE if keyword in schema]
    below += [part for keyword in LIST for part in schema.get(keyword, ())]
    below += [part for keyword in MAP for part in schema.get(keyword, {}).values()]
    return 1 + sum(map(_size, below))
