"""What one schema admits and another refuses: shown by a value, ruled out by a proof, or left open."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from contract import json_text
from contract.bundle import ANYTHING, JSON, Bundle, Undecidable, bundle
from contract.coercion import type_of
from contract.containment import contains, difference, is_same
from contract.correspondence import focus_of, pairs_of
from contract.defaults import default_of
from contract.edges import Edges
from contract.problem import ValidationError
from contract.samples import samples
from contract.schema import Node, Schema

Severity = Literal["breaks", "maybe", "safe"]

MAX_FINDINGS: Final = 20
"""Witnesses for one schema: where everything is new, a list of everything says less."""

_MAX_DEPTH: Final = 8
"""Levels of a value that is written as text."""

_MAX_STEPS: Final = 2_000
"""Pairs of schemas looked at for defaults."""

_MAX_SHOWN: Final = 60
"""Characters of a value that stands in a message."""

Carry = Callable[[JSON], "tuple[JSON, JSON] | None"]
"""What a value is to the old and to the new side once it has travelled; None where it cannot travel."""

UNREADABLE: Final = object()
"""What a value is to a side that cannot read it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between two schemas."""

    severity: Severity
    message: str
    witness: JSON = None


def of_requests(
    old: Schema | None, new: Schema | None, carry: Carry | None = None, *, rewritten: bool = False
) -> Iterator[Finding]:
    """What callers notice of a schema of theirs: `carry` is how their values travel, JSON if it is not given.

    Values that travel as text may be read by another schema as something else; only for JSON, and where both schemas
    read text alike, does a proof about values say all. It says nothing where they are `rewritten`: written for the one
    side and read otherwise by the other.
    """
    sides = _sides(old, new, projected=False)
    if sides is None:
        yield UNDECIDED
        return
    sender, receiver = sides
    if is_same(sender, receiver) and not rewritten:
        return
    carry = carry or _as_it_is
    travelled = [
        (value, carried)
        for value in _candidates(sender, receiver)
        if (carried := carry(value)) is not None and _takes(old, carried[0])
    ]
    refused = [(value, seen) for value, (_, seen) in travelled if not _takes(new, seen)]
    broken: list[tuple[JSON, JSON]] = []
    leaning: list[tuple[JSON, JSON]] = []
    for value, seen in refused:
        plain = _declared_only(value, [sender.root], [receiver.root], sender, receiver)
        also = carry(plain) if plain != value else None
        leans = also is not None and _takes(old, also[0]) and _takes(new, also[1])
        (leaning if leans else broken).append((value, seen))
    if broken or leaning:
        yield from _shown(broken, "breaks", new, _refused)
        yield from _shown(leaning, "maybe", new, _judged_now)
    elif not rewritten and contains(receiver, sender) and (carry is _as_it_is or _read_alike(sender, receiver)):
        yield from _widened(sender, receiver, "accepts all that it accepted")
    else:
        yield UNDECIDED


def of_answers(old: Schema | None, new: Schema | None, *, in_text: bool = False) -> Iterator[Finding]:
    """What callers notice of a schema of answers; a member that a schema does not declare is not sent.

    Where values are sent `in_text`, a number is to whoever was told of a text the text that it is written as.
    """
    sides = _sides(new, old, projected=True)
    if sides is None:
        yield UNDECIDED
        return
    sender, receiver = sides
    before = _sides(old, new, projected=True)
    if before is not None and is_same(before[0], sender):
        return
    unexpected = [
        (value, value)
        for value in _candidates(sender, receiver)
        if _takes(new, value)
        and _is_sent(new, value)
        and not _takes(old, value)
        and not (in_text and type_of(value) in SCALARS and _takes(old, json_text.dumps(value).decode()))
    ]
    found = list(_shown(unexpected, "breaks", old, _unexpected))
    yield from found
    gone = _gone(before[0] if before is not None else ANYTHING, sender)
    for name in gone:
        if not any(finding.message.startswith(f"{name} ") for finding in found):
            yield Finding("maybe", f"{name} is no longer declared, so it is no longer sent")
    if found or gone:
        return
    if contains(receiver, sender):
        yield from _widened(before[0] if before is not None else ANYTHING, sender, "holds nothing that it did not")
    else:
        yield UNDECIDED


def of_defaults(old: Schema | None, new: Schema | None) -> Iterator[Finding]:
    """Defaults that changed: a request that leaves something out now means something else."""
    if old is None or new is None:
        return
    pending: list[tuple[list[Node], list[Node], str]] = [([old.node], [new.node], "")]
    seen: set[tuple[tuple[int, ...], ...]] = set()
    while pending and len(seen) < _MAX_STEPS:
        olds, news, path = pending.pop(0)
        before, after = _within(olds), _within(news)
        key = tuple(tuple(id(node.value) for node in side) for side in (before, after))
        if key in seen:
            continue
        seen.add(key)
        old_members, new_members = _members_of(before), _members_of(after)
        for name in {**old_members, **new_members}:
            below = f"{path}.{name}".removeprefix(".")
            sides = old_members.get(name, []), new_members.get(name, [])
            was, is_ = map(_default, sides)
            if was != is_:
                yield Finding("maybe", f"{below}: the default was {was} and is {is_}")
            pending.append((*sides, below))
        items = [[node.child("items") for node in side if "items" in node.value] for side in (before, after)]
        pending.append((items[0], items[1], f"{path}.*".removeprefix(".")))


def _within(nodes: Sequence[Node]) -> list[Node]:
    """Schemas, and what of them judges the same value."""
    found: list[Node] = []
    pending = list(nodes)
    while pending:
        node = pending.pop(0).target()
        if not isinstance(node.value, Mapping) or any(node.value is known.value for known in found):
            continue
        found.append(node)
        for keyword in ("allOf", "anyOf", "oneOf"):
            pending += [node.child(keyword, index) for index in range(len(node.value.get(keyword, ())))]
    return found


def _members_of(nodes: Sequence[Node]) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.value.get("properties", ()):
            found.setdefault(name, []).append(node.child("properties", name))
    return found


def _default(nodes: Sequence[Node]) -> str:
    """The default of a member, in words."""
    return next((brief(value) for found, value in map(default_of, nodes) if found), "none")


UNDECIDED: Final = Finding("maybe", "changed: nothing was found that it breaks, and it is not proven that nothing does")
"""Neither shown nor ruled out."""


def _sides(sender: Schema | None, receiver: Schema | None, *, projected: bool) -> tuple[Bundle, Bundle] | None:
    try:
        return (
            bundle(sender.node, projected=projected) if sender is not None else ANYTHING,
            bundle(receiver.node) if receiver is not None else ANYTHING,
        )
    except Undecidable:
        return None


def _candidates(sender: Bundle, receiver: Bundle) -> Iterator[JSON]:
    """Values worth trying: first of what is exactly the difference, then at the edges of both."""
    edges = Edges().add(receiver).add(sender)
    if (exact := difference(sender, receiver)) is not None:
        # The canonical form may say things that only it can read; the schema itself is tried all the same.
        with suppress(ValueError, KeyError):
            yield from samples(exact, edges)
    yield from samples(sender, edges, focus_of(sender, receiver))


def _as_it_is(value: JSON) -> tuple[JSON, JSON]:
    return value, value


def _takes(schema: Schema | None, value: JSON) -> bool:
    if value is UNREADABLE:
        return False
    try:
        return schema is None or schema.is_valid(value)
    except (ValueError, OverflowError):
        return False


def _is_sent(schema: Schema | None, value: JSON) -> bool:
    """Whether a value is what projection leaves of it."""
    return schema is None or schema.project is None or bool(schema.project(value) == value)


# ---- what is shown ---------------------------------------------------------------------------------------------------

Say = Callable[[str, JSON, ValidationError | None], str]


def _shown(
    witnesses: Iterable[tuple[JSON, JSON]], severity: Severity, judge: Schema | None, say: Say
) -> Iterator[Finding]:
    """One finding for each place and kind of fault, with the smallest value that shows it."""
    known: set[tuple[Any, ...]] = set()
    count = 0
    for value, errors in sorted(
        ((value, _errors(judge, seen)) for value, seen in witnesses),
        key=lambda one: (len(one[1]) != 1, len(json_text.dumps(one[0]))),
    ):
        keys = {_kind(error) for error in errors}
        if (keys and keys & known) or (not keys and known) or count >= MAX_FINDINGS:
            continue
        known |= keys or {()}
        count += 1
        error = errors[0] if errors else None
        place = ".".join(map(str, error.loc)) if error is not None else ""
        held = _held(value, error.loc) if error is not None else value
        yield Finding(severity, say(place, held, error), value)


def _kind(error: ValidationError) -> tuple[Any, ...]:
    """What faults have in common that differ by an index, or by the name of a member that nobody declared."""
    loc = error.loc[:-1] if error.type == "extra_forbidden" else error.loc
    return tuple("*" if isinstance(step, int) else step for step in loc), error.type


def _errors(schema: Schema | None, value: JSON) -> list[ValidationError]:
    return schema.errors(value, ()) if schema is not None and value is not UNREADABLE else []


def _refused(place: str, held: JSON, error: ValidationError | None) -> str:
    if error is None:
        return f"{brief(held)} was accepted and is refused"
    if error.type == "missing":
        return f"{place} could be left out and is required"
    return f"{_described(place, held, error)} was accepted and is refused: {error.msg}"


def _judged_now(place: str, held: JSON, error: ValidationError | None) -> str:
    said = f": {error.msg}" if error is not None else ""
    return f"{place} {brief(held)} was not declared and accepted, and is now declared and refused{said}".lstrip()


def _unexpected(place: str, held: JSON, error: ValidationError | None) -> str:
    if error is None:
        return f"{brief(held)} may now be sent"
    if error.type == "missing":
        return f"{place} is no longer guaranteed"
    return f"{_described(place, held, error)} may now be sent, of which it was said: {error.msg}"


def _described(place: str, held: JSON, error: ValidationError) -> str:
    """A value and where it stands; where its size is the matter, its size."""
    if isinstance(held, str) and (len(held) > _MAX_SHOWN or "too_" in error.type):
        return f"{place or 'text'} of {_counted(len(held), 'character')}"
    if isinstance(held, list) and "too_" in error.type:
        return f"{place or 'list'} of {_counted(len(held), 'item')}"
    return f"{place} {brief(held)}".lstrip()


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _held(value: JSON, loc: Sequence[str | int]) -> JSON:
    """What stands in a value at a place; steps that name a branch of a union lead nowhere."""
    for step in loc:
        if (isinstance(value, Mapping) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        ):
            value = value[step]  # type: ignore[index]  # looked at above
    return value


def brief(value: JSON) -> str:
    """A value as JSON, shortened."""
    text = json_text.dumps(value).decode()
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def _widened(old: Bundle, new: Bundle, what: str) -> Iterator[Finding]:
    """The notice of a change that breaks nothing; none where both say the same in other words."""
    added, gone = _gone(new, old), _gone(old, new)
    if added:
        yield Finding("safe", f"{', '.join(added)} may be there now; {what}")
    if gone:
        yield Finding("safe", f"{', '.join(gone)} is no longer declared; {what}")
    if not added and not gone and not (contains(old, new) and contains(new, old)):
        yield Finding("safe", f"changed, and {what}")


def _gone(old: Bundle, new: Bundle) -> list[str]:
    """Members that `old` declares and `new`, beside others, does not."""
    found = []
    for olds, news, path in pairs_of(old, new):
        after = new.members(news)
        found += [f"{path}.{name}".removeprefix(".") for name in old.members(olds) if after and name not in after]
    return found


# ---- members that were not declared ----------------------------------------------------------------------------------


def _declared_only(value: JSON, olds: Sequence[JSON], news: Sequence[JSON], old: Bundle, new: Bundle) -> JSON:
    """A value without the members that the old schema neither declares nor speaks of, and the new one declares.

    That a member is declared which nobody was told of concerns only callers who already sent it.
    """
    if isinstance(value, list):
        before_items, after_items = old.under(olds, "items"), new.under(news, "items")
        return [_declared_only(item, before_items, after_items, old, new) for item in value]
    if not isinstance(value, Mapping):
        return value
    before, after = old.members(olds), new.members(news)
    opened = any(old.under(olds, keyword) for keyword in _OPENS)
    return {
        name: _declared_only(item, before.get(name, []), after.get(name, []), old, new)
        for name, item in value.items()
        if opened or name in before or name not in after
    }


_OPENS: Final = ("additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames")
"""Keywords by which a schema speaks of members that it does not name."""


# ---- text ------------------------------------------------------------------------------------------------------------

SCALARS: Final = frozenset({"boolean", "integer", "null", "number", "string"})
"""Types of values that are written as one text."""


def _read_alike(old: Bundle, new: Bundle) -> bool:
    """Whether a text that `old` reads as a value is read by `new`, which admits that value, as an admitted one."""
    types = [_types_within(side) for side in (old, new)]
    if all(found is not None and found <= SCALARS for found in types):
        # Each reading of the text that some type allows is tried.
        return True
    shapes = [_shape(side, side.root, 0) for side in (old, new)]
    return None not in shapes and shapes[0] == shapes[1]


def _types_within(side: Bundle) -> frozenset[str] | None:
    """The types that the parts of a schema speak of; None where one of them leaves them open."""
    root = side.root
    while isinstance(root, Mapping) and root.keys() == {"$ref"}:
        root = side.target(root)
    if not isinstance(root, Mapping):
        return None
    if "type" in root:
        return frozenset([root["type"]] if isinstance(root["type"], str) else root["type"])
    if "const" in root or "enum" in root:
        return frozenset(type_of(value) for value in root.get("enum", [root.get("const")]))
    branches = root.get("anyOf") or root.get("oneOf") or ()
    found = [_types_within(Bundle(branch, side.definitions)) for branch in branches]
    return frozenset().union(*(types for types in found if types)) if found and None not in found else None


def _shape(side: Bundle, schema: JSON, depth: int) -> Any:
    """How a text is taken apart by a schema; None where that depends on the text."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return None
    if schema.keys() == {"$ref"}:
        return _shape(side, side.target(schema), depth + 1)
    type_ = schema.get("type")
    if not isinstance(type_, str) or schema.keys() & {"$ref", "allOf", "anyOf", "oneOf", "if", "prefixItems"}:
        return None
    if type_ == "array":
        below: Any = _shape(side, schema.get("items"), depth + 1)
        return ("array", below) if below is not None else None
    if type_ == "object":
        members = {name: _shape(side, part, depth + 1) for name, part in schema.get("properties", {}).items()}
        if None in members.values() or schema.get("additionalProperties") is not False:
            return None
        return "object", tuple(members.items())
    return type_
