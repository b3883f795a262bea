"""Python's types as annotations say them, and the names of classes: what `contract.typing_of` makes out of schemas."""

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_LONGEST_NAME: Final = 40
"""Characters of a class's name."""

_NOT_FOR_CLASSES: Final = frozenset(
    {"Any", "Literal", "NotRequired", "TypedDict", "TypeAlias", "Never", "Request", "Answer", "I", "O"}
)
"""What generated modules import, and what ruff takes for digits (E742)."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A type by its name: `str`, `Any`, `None`."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A Literal; each value beside its class, as `True == 1`."""

    values: tuple[tuple[type, Any], ...]


@dataclass(frozen=True, slots=True)
class Of:
    """`list[…]` or `dict[str, …]`."""

    holder: str
    item: "Type"


@dataclass(frozen=True, slots=True)
class Either:
    """A union."""

    members: "tuple[Type, ...]"


@dataclass(frozen=True, slots=True)
class Named:
    """What a declaration declares."""

    declaration: "Declaration"


Type = Plain | Choice | Of | Either | Named


@dataclass(eq=False, slots=True)
class Declaration:
    """A TypedDict, or a name for another type."""

    wanted: str
    members: "dict[str, tuple[Type, bool]] | None" = None
    """Each member's type, and whether it is required; None for what is no TypedDict."""
    alias: Type | None = None
    source: str = ""
    """What the document calls it; empty for what has no name there."""
    referred: bool = False
    """Whether it is asked for while it is being made out: it contains itself."""


ANY: Final = Plain("Any")
NONE: Final = Plain("None")
NEVER: Final = Plain("Never")
STR: Final = Plain("str")
BYTES: Final = Plain("bytes")
_CLASSES: Final[Mapping[type, str]] = {str: "str", int: "int", bool: "bool"}


def either(members: Iterable[Type]) -> Type:
    """The union of types, none said twice, `None` last."""
    flat: list[Type] = []
    for member in members:
        flat += member.members if isinstance(member, Either) else [member]
    if ANY in flat:
        return ANY
    choices = tuple(value for member in flat if isinstance(member, Choice) for value in member.values)
    rest = [member for member in flat if not isinstance(member, Choice) and member not in (NONE, NEVER)]
    if Plain("float") in rest:
        # Every int is a float to a type checker.
        rest = [member for member in rest if member != Plain("int")]
    kept = tuple(value for value in dict.fromkeys(choices) if Plain(_CLASSES[value[0]]) not in rest)
    made = [*([Choice(kept)] if kept else []), *dict.fromkeys(rest), *([NONE] if NONE in flat else [])]
    if not made:
        return NEVER
    return made[0] if len(made) == 1 else Either(tuple(made))


def class_name(text: str) -> str:
    """A name of the document as that of a class: `api-key created` → `ApiKeyCreated`."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    made = "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST_NAME]
    if not made or made[0].isdigit():
        made = f"Schema{made}"
    taken = keyword.iskeyword(made) or made in _NOT_FOR_CLASSES or hasattr(builtins, made)
    return f"{made}Schema" if taken else made
