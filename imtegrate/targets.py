"""Targets of requests (RFC 9112 §3.2): paths, those that a proxy is asked for, and those of no resource."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import httptools

from imtegrate.limits import BadRequest, NothingAllowed

_AUTHORITY: Final = rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)"
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://(%b(?::[0-9]*)?)((?:/[^?#]*)?)((?:\?[^#]*)?)" % _AUTHORITY)
"""RFC 9110 §4.2.1, §4.2.2; user information is an error (§4.2.4)."""
_PORT: Final = re.compile(rb"%b:([0-9]{1,5})" % _AUTHORITY)
"""RFC 9112 §3.2.3."""
_MAX_PORT: Final = (1 << 16) - 1

_SHORT: Final = 128
"""Bytes of a path that is worth keeping as it was read: it comes again."""


def read_target(method: bytes, target: bytes) -> tuple[bytes, bytes]:
    """What an absolute target asks for: path and query, and the host, which counts for more than `Host` (§3.2.2).

    Raises:
        BadRequest: the target is of no form that the method may have.
        NothingAllowed: it is no resource: another server, to be reached through us (CONNECT, RFC 9110 §9.3.6), or the
            server as a whole (OPTIONS, §9.3.7).
    """
    if method == b"CONNECT":
        named = _PORT.fullmatch(target)
        if named is None or not 0 < int(named[1]) <= _MAX_PORT:
            raise BadRequest("CONNECT wants a host and a port (RFC 9110, section 9.3.6).")
        raise NothingAllowed
    if target == b"*" and method == b"OPTIONS":
        raise NothingAllowed
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise BadRequest("The target should be a path or an http URI (RFC 9112, section 3.2).")
    host, path, query = absolute.groups()
    if method == b"OPTIONS" and not path and not query:
        # As a proxy would pass it on (RFC 9112 §3.2.4).
        raise NothingAllowed
    return (path or b"/") + query, host


def read_path(target: bytes) -> tuple[str, bytes, bytes]:
    """The path of a target, decoded and as it came, and its query.

    Raises:
        httptools.HttpParserInvalidURLError: it has none.
    """
    return _read_again(target) if len(target) <= _SHORT and b"?" not in target else _read(target)


def _read(target: bytes) -> tuple[str, bytes, bytes]:
    parsed = httptools.parse_url(target)
    raw_path: bytes = parsed.path
    path = raw_path.decode("ascii")
    return unquote(path) if "%" in path else path, raw_path, parsed.query or b""


_read_again: Final = lru_cache(maxsize=256)(_read)
