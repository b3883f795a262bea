"""Texts that are of a format, the plainest first."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

FORMATS: Final[Mapping[str, Sequence[str]]] = {
    "date": ("2024-02-29",),
    "date-time": ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+01:00"),
    "duration": ("P1D",),
    "email": ("a@example.com",),
    "hostname": ("example.com",),
    "idn-email": ("a@example.com", "é@example.com"),
    "idn-hostname": ("example.com", "é.example.com"),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "iri": ("https://example.com/", "https://example.com/é"),
    "iri-reference": ("/a", "/é"),
    "json-pointer": ("/a",),
    "regex": ("a",),
    "relative-json-pointer": ("0",),
    "time": ("12:00:00Z",),
    "uri": ("https://example.com/",),
    "uri-reference": ("/a",),
    "uri-template": ("/{a}",),
    "uuid": ("6f1d1c54-6f0e-4b3c-9a3b-3f2c8d1e5a70",),
}
"""Texts of each format (JSON Schema 2020-12 validation §7.3)."""

_FIRST: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - what is made of it says which zone it means

MANY: Final[Mapping[str, Callable[[int], str]]] = {
    "date": lambda number: f"{_FIRST + timedelta(days=number):%Y-%m-%d}",
    "date-time": lambda number: f"{_FIRST + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}",
    "duration": lambda number: f"P{number}D",
    "email": lambda number: f"a{number}@example.com",
    "hostname": lambda number: f"a{number}.example.com",
    "ipv4": lambda number: f"192.0.2.{number}",
    "ipv6": lambda number: f"2001:db8::{number:x}",
    "time": lambda number: f"{_FIRST + timedelta(seconds=number):%H:%M:%SZ}",
    "uri": lambda number: f"https://example.com/{number}",
    "uuid": lambda number: f"6f1d1c54-6f0e-4b3c-9a3b-{number:012x}",
}
"""Another text of a format for each number; for so many as a list may need that differ."""
