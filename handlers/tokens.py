"""API tokens: how one is made, and how a real one is told from a typo without a look-up.

`imt_<env>_<8 characters>` is the prefix, which may be shown; 32 random characters and 6 of checksum follow. As a regular
expression for secret scanners: `imt_[0-9A-Za-z]{0,16}_[0-9A-Za-z]{46}`.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from secrets import token_bytes
from typing import Final
from zlib import crc32

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
    """A new token for an env; from the operating system's random source."""
    characters = _random(PREFIX_LENGTH + SECRET_LENGTH)
    body = b"imt_%b_%b" % (_shown(str(env)), characters)
    text = body + checksum(body)
    return Token(body[:-SECRET_LENGTH].decode(), text.decode(), digest(text))


def read(text: bytes) -> bytes | None:
    """The digest of a text that has the form and the checksum of a token; None for any other."""
    if FORM.fullmatch(text) is None or checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return digest(text)


def digest(text: bytes) -> bytes:
    """What is kept of a token, and looked up."""
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


def _random(length: int) -> bytes:
    """Characters of the alphabet, each as likely as any other: bytes that would favour some are thrown away."""
    found = b""
    while len(found) < length:
        found += token_bytes(length + length // 2).translate(_TO_ALPHABET, _BIASED)
    return found[:length]
