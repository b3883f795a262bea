"""Header fields by name: several steps of a request each ask for some of them."""

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

FIELDS: Final = "contract.fields"
"""Where the ASGI scope holds them, once somebody has asked."""


class Fields(dict[bytes, list[bytes]]):
    """By name, in lower case: the values in the order in which they came. Nobody changes them.

    The server may give the same ones to several requests, whose heads are the same to the byte: what was read of them
    once is kept.
    """

    __slots__ = ("_found",)
    _found: dict[Callable[["Fields"], Any], Any]

    def read(self, reader: Callable[["Fields"], T]) -> T:
        """What `reader` makes of the fields, and of nothing else."""
        found = self._found
        if reader not in found:
            found[reader] = reader(self)
        return cast("T", found[reader])


def fields_of(scope: MutableMapping[str, Any]) -> Fields:
    """The header fields of a request; `scope` is ASGI's."""
    fields: Fields | None = scope.get(FIELDS)
    if fields is None:
        fields = scope[FIELDS] = index(scope["headers"])
    return fields


def index(headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The header fields of a list, by name."""
    fields = Fields()
    fields._found = {}  # noqa: SLF001 - its own constructor would take longer than all else here
    for name, value in headers:
        if name in fields:
            fields[name].append(value)
        else:
            fields[name] = [value]
    return fields
