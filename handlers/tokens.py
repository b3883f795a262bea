"""API tokens: how one is made, and how a real one is told from a typo without a look-up.

`imt_<env>_<8 characters>` is the prefix, which may be shown; 32 random characters and 6 of checksum follow. As a
regular expression for secret scanners: `imt_[0-9A-Za-z]{0,16}_[0-9A-Za-z]{46}`.
"""

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from secrets import token_bytes
from threading import Lock
from typing import Final
from zlib import crc32

from db import TokenKey

ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Base 62, in the order of ASCII."""

PREFIX_LENGTH: Final = 8
"""Characters of a prefix that are random."""

SECRET_LENGTH: Final = 32
"""Characters; 190 bits, as each holds log2(62) = 5.95."""

CHECKSUM_LENGTH: Final = 6
"""Characters that 32 bits need in base 62."""

MAX_ENV_LENGTH: Final = 16
"""Characters of an env that stand in a prefix."""

FORM: Final = re.compile(
    rb"imt_[0-9A-Za-z]{0,%d}_[0-9A-Za-z]{%d}" % (MAX_ENV_LENGTH, PREFIX_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH)
)
"""What a token looks like, whatever its checksum."""

POOL_SIZE: Final = 2048
"""Bytes fetched at a time from the operating system's random source; they make about 50 tokens."""

_PREFIX_END: Final = -(SECRET_LENGTH + CHECKSUM_LENGTH)
"""Where what may be shown of a token ends."""

_PAIR: Final = tuple(bytes((high, low)) for high in ALPHABET for low in ALPHABET)
_PAIRS: Final = len(_PAIR)
"""Two digits at a time: a checksum is made and read with every request."""

_UNBIASED: Final = 256 - 256 % len(ALPHABET)
_TO_ALPHABET: Final = bytes(ALPHABET[byte % len(ALPHABET)] for byte in range(256))
_BIASED: Final = bytes(range(_UNBIASED, 256))
_NOT_ALPHANUMERIC: Final = re.compile(r"[^0-9A-Za-z]")


@dataclass(slots=True)
class Token:
    """A token just made. Only its digest is ever kept."""

    prefix: str
    text: str = field(repr=False)
    """The secret itself."""
    digest: bytes = field(repr=False)
    """SHA-256, 32 bytes (FIPS 180-4)."""


def make(env: object) -> Token:
    """A new token for an env, which it shows if that is a text; from the operating system's random source."""
    characters = _characters.take(PREFIX_LENGTH + SECRET_LENGTH)
    body = b"imt_%b_%b" % (_shown(env if isinstance(env, str) else ""), characters)
    text = body + checksum(body)
    return Token(body[:-SECRET_LENGTH].decode(), text.decode(), digest(text))


def read(text: bytes) -> TokenKey | None:
    """What a text that has the form and the checksum of a token is looked up by; None for any other."""
    if FORM.fullmatch(text) is None or checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return text[:_PREFIX_END].decode("ascii"), digest(text)


def digest(text: bytes) -> bytes:
    """What is kept of a token, beside its prefix."""
    return sha256(text).digest()


def checksum(body: bytes) -> bytes:
    """CRC-32 (ISO/IEC/IEEE 8802-3) of all that stands before it, in base 62."""
    rest, last = divmod(crc32(body), _PAIRS)
    first, middle = divmod(rest, _PAIRS)
    return _PAIR[first] + _PAIR[middle] + _PAIR[last]


@lru_cache(maxsize=64)
def _shown(env: str) -> bytes:
    """What stands of an env in a token."""
    return _NOT_ALPHANUMERIC.sub("", env)[:MAX_ENV_LENGTH].encode()


class _Characters:
    """Random characters of the alphabet, each as likely as any other: bytes that would favour some are thrown away.

    Fetched many at a time: a system call for each token costs more than all else about it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pool = b""
        self._used = 0

    def take(self, length: int) -> bytes:
        """The next characters; nobody gets them again."""
        with self._lock:
            start, end = self._used, self._used + length
            while end > len(self._pool):
                self._pool = self._pool[start:] + token_bytes(POOL_SIZE).translate(_TO_ALPHABET, _BIASED)
                start, end = 0, length
            self._used = end
            return self._pool[start:end]


_characters = _Characters()


def _after_fork() -> None:
    """A child that kept the pool would make its parent's tokens."""
    global _characters  # noqa: PLW0603 (one process, one pool)
    _characters = _Characters()


os.register_at_fork(after_in_child=_after_fork)
