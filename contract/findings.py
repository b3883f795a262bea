"""What is wrong with a request: found at once, named only when its caller is known."""

from typing import TYPE_CHECKING, Any

from contract.effort import QUICK
from contract.problem import ValidationError

if TYPE_CHECKING:
    from contract.schema import Schema

Loc = tuple[str | int, ...]


class Findings:
    """Collects faults in the document's order.

    To find that a value breaks its schema takes microseconds, to name every way in which it does may take seconds: that
    is not done for whoever asks.
    """

    def __init__(self) -> None:
        self._found: list[ValidationError | tuple[Schema, Any, Loc]] = []

    def add(self, error: ValidationError) -> None:
        """A fault that is named already."""
        self._found.append(error)

    def refuse(self, schema: "Schema", value: Any, loc: Loc) -> None:
        """A value at `loc` that its schema refuses."""
        self._found.append((schema, value, loc))

    def __bool__(self) -> bool:
        return bool(self._found)

    def are_quick(self) -> bool:
        """Whether they are named in less time than anybody notices."""
        return all(
            isinstance(found, ValidationError) or found[0].takes_at_most(found[1], QUICK) for found in self._found
        )

    def named(self) -> list[ValidationError]:
        """Every fault by its name."""
        named: list[ValidationError] = []
        for found in self._found:
            if isinstance(found, ValidationError):
                named.append(found)
            else:
                schema, value, loc = found
                named += schema.errors(value, loc) or [ValidationError(loc, "Input is not valid", "invalid")]
        return named
