"""Parts of a value, by the way to them that jsonschema-rs tells."""

from collections.abc import Mapping, Sequence
from typing import Any

Loc = tuple[str | int, ...]
"""The way to a part: names of members and indices of items."""


class Whole:
    """A value that has parts; where the members of its objects stand is found out once for each object."""

    __slots__ = ("_positions", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._positions: dict[int, dict[str, int]] = {}

    def path_of(self, steps: Sequence[str | int]) -> Loc:
        """The way to a part of the value, members by their names."""
        path: list[str | int] = []
        value = self.value
        for step in steps:
            name = named(value, step)
            path.append(name)
            value = part_at(value, (name,))
        return tuple(path)

    def position(self, members: Mapping[str, Any], name: str) -> int:
        """Where a member stands in an object that is part of the value."""
        if (positions := self._positions.get(id(members))) is None:
            positions = self._positions[id(members)] = {each: index for index, each in enumerate(members)}
        return positions.get(name, 0)


def named(value: Any, step: str | int) -> str | int:
    """A step to a member by its name: jsonschema-rs takes a name of digits (`0`, `01`) for an index."""
    if isinstance(step, str) or not isinstance(value, Mapping):
        return step
    name = str(step)
    if name in value:
        return name
    return next((each for each in value if each.isascii() and each.lstrip("+").isdigit() and int(each) == step), name)


def part_at(value: Any, path: Loc) -> Any:
    """The part that a way leads to; None where it leads to nowhere."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
