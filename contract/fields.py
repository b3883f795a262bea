"""Header fields by name: several steps of a request each ask for some of them."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final

Fields = Mapping[bytes, Sequence[bytes]]
"""By name, in lower case: the values in the order in which they came."""

_KEY: Final = "contract.fields"
"""Where the ASGI scope holds them, once somebody has asked."""


def fields_of(scope: MutableMapping[str, Any]) -> Fields:
    """The header fields of a request; `scope` is ASGI's."""
    fields: Fields | None = scope.get(_KEY)
    if fields is None:
        fields = scope[_KEY] = index(scope["headers"])
    return fields


def index(headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The header fields of a list, by name."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in fields:
            fields[name].append(value)
        else:
            fields[name] = [value]
    return fields
