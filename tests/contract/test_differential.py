"""The service and the FastAPI application that wrote its document, asked the same thousands of things."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from contract import ASGIApp, bind, build_app, compile_contract, load
from running import DOCUMENT

from .fastapi_reference import CREATED, Answer, Fault, Headers, ask, reference, without_echo

JSON: Final = (b"content-type", b"application/json")
SEED: Final = 1
PUBLISHED: Final = json.loads(DOCUMENT.read_bytes())
PATTERN: Final = PUBLISHED["components"]["schemas"]["ApiKeyCreate"]["properties"]["env"]["pattern"]
VALID: Final = b'{"name": "deploy key", "scopes": ["reports:read", "*"], "env": "live"}'


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    kind: str
    body: bytes
    headers: Headers = (JSON,)


# ---- what is sent ----------------------------------------------------------------------------------------------------

ABSENT: Final = object()

NAMES: Final[Sequence[Any]] = (
    ABSENT, None, "", "a", "ab", "a" * 120, "a" * 121, "\U0001f511", "\U0001f511" * 120, "\U0001f511" * 121, "e\u0301",
    "\u0301", "\0\0", "\ufeff", "\U0001f468\u200d\U0001f469", 7, -0.0, True, [], ["ab"], {}, {"name": "ab"},
)  # fmt: skip
SCOPES: Final[Sequence[Any]] = (
    ABSENT, None, [], ["a"], "a", 0, {}, {"0": "a"}, [1], [None, "a", [], {}], [["a"]], ["a", True], False, ["", "\0"],
)  # fmt: skip
ENVS: Final[Sequence[Any]] = (
    ABSENT, None, "test", "live", "", "test\n", "\ntest", "test ", "TEST", "prod", "testlive", "t\u0435st", "l\u0456ve",
    "\uff54\uff45\uff53\uff54", "test\u2028", 1, ["test"], {"env": "test"}, True,
)  # fmt: skip

JUNK: Final = (
    b"", b" ", b"\t\r\n ", b"\0", b"null", b"true", b"false", b"0", b"-0", b"1.5", b'""', b'"text"', b"[]", b"[{}]",
    b"[null]", b"{}", b"{]", b"}", b"]", b"{{}}", b"{[]}", b"{,}", b"[,]", b"{:}", b'{"name"}', b'{"name":}',
    b'{"name" "ab"}', b'{"name": "ab" "env": "test"}', b'{"name": "ab",}', b'{"scopes": ["a",], "name": "ab"}',
    b"{'name': 'ab'}", b'{name: "ab"}', b'{"name": "ab"} // comment', b'{/* comment */ "name": "ab"}',
    b'# comment\n{"name": "ab"}', b'{"name": "ab"}{"name": "ab"}', b'{"name": "ab"}}', b'{"name": "ab"}\n\n',
    b'{"name": "ab"}\0', b'{"name": True}', b'{"name": undefined}', b'{"name": nul}', b'{"name": 01}', b'{"name": +1}',
    b'{"name": .5}', b'{"name": 1.}', b'{"name": 1e}', b'{"name": 1e+}', b'{"name": -}', b'{"name": 0x10}',
    b'{"name": 1_000}', b'{"name": "a\\qb"}', b'{"name": "a\\x41"}', b'{"name": "\\u12"}', b'{"name": "\\u12G4"}',
    b'{"name": "\\u 123"}', b'{"name": "\\u+123"}', b'{"name": "ab\\"}', b'{"name": "\\u0000\\u0000"}',
    b'{"name": "\\ud83d\\udd11!"}', b'{"name": "ab", "": 1}', b'{"na\\u006de": "ab"}', b'{"NAME": "ab"}',
    b'{"name": "a", "name": "ab"}', b'{"name": "ab", "name": "a"}', b'{"name": "ab", "name": null}',
    b'{"env": "x", "name": "ab", "env": "test"}', b'{"scopes": 1, "name": 1, "scopes": [1], "name": 2}',
    b'{"name": "ab", "__proto__": {}, "__class__": 1}', b"name=ab&env=test", b"<name>ab</name>", b"name: ab\n",
    b'\xef\xbb\xbf{"name": "ab"}', b'\xef\xbb\xbf{"name": 1}', b'\xef\xbb\xbf{"name": }', b"\xef\xbb\xbf",
    b'\xef\xbb\xbf\xef\xbb\xbf{"name": "ab"}', b'{"name": "\xef\xbb\xbfab"}', b'\xe2\x80\xa8{"name": "ab"}',
    b'\xc2\xa0{"name": "ab"}', b'\x0c{"name": "ab"}', b'\x1e{"name": "ab"}',
)  # fmt: skip

CONSTANTS: Final = (b"NaN", b"Infinity", b"-Infinity")
SURROGATES: Final = (
    b'"\\ud800"', b'"\\udc00"', b'"\\udc00\\ud800"', b'"\\ud800\\ud800"', b'"a\\ud83dz"', b'"\\ud83d\\u0041"',
)  # fmt: skip
BAD_UTF_8: Final = (
    b"\xff", b"\xfe\xff", b"\x80", b"\xc3", b"\xc3(", b"\xc0\x80", b"\xe2\x82", b"\xed\xa0\x80",
    b"\xed\xa0\xbd\xed\xb4\x91", b"\xf0\x9f\x94", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
)  # fmt: skip
NUMBERS: Final = (
    b"1e400", b"-1e400", b"1e-400", b"1E+99999", b"123456789012345678901234567890", b"0.1234567890123456789012345",
    b"9" * 4299, b"9" * 4300, b"9" * 4301, b"9" * 5000, b"-" + b"9" * 4299, b"-" + b"9" * 4300, b"-" + b"9" * 5000,
    b"0." + b"3" * 5000, b"1" + b"0" * 5000 + b".0", b"1e" + b"9" * 30, b"1e-" + b"9" * 30, b"0e" + b"9" * 30,
    b"18446744073709551615", b"18446744073709551616", b"-9223372036854775809", b"1.7976931348623159e308",
)  # fmt: skip
VALUES: Final = (b"true", b"[]", b"{}", b'"ab"')
DEPTHS: Final = (10, 100, 198, 199, 200, 201, 400, 900, 5000, 100_000)

MEDIA_TYPES: Final = (
    b"application/json", b"application/json; charset=utf-8", b"application/json;charset=UTF-8", b"APPLICATION/JSON",
    b"Application/Json; Charset=utf-8", b" application/json ", b"application/json;",
    b"application/json; charset=ascii", b'application/json; a="b;c"', b"text/plain", b"text/json",
    b"application/vnd.api+json", b"application/problem+json", b"application/xml",
    b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"*/*", b"application/*",
    b"application", b"json", b"", b"application/json/more", b"application/jsonx", b"application/json5",
    b"application/octet-stream", b"text/plain; application/json", b"\xff/\xff",
)  # fmt: skip


def text_of(members: Sequence[tuple[str, object]], *, ascii_only: bool = False) -> bytes:
    """A body with these members, those that are absent left out."""
    return json.dumps({name: value for name, value in members if value is not ABSENT}, ensure_ascii=ascii_only).encode()


def combinations() -> Iterator[Sent]:
    """Every value of every member, beside every value of the others, in any order of the members."""
    order = random.Random(SEED)  # noqa: S311 (it has to be the same each time)
    for name, scopes, env in product(NAMES, SCOPES, ENVS):
        if order.random() < 1 / 3:
            members = [("name", name), ("scopes", scopes), ("env", env)]
            order.shuffle(members)
            yield Sent("combination", text_of(members, ascii_only=order.random() < 1 / 2))


def members() -> Iterator[Sent]:
    """Every value of every member alone, and with members that the document does not have."""
    for name, values in (("name", NAMES), ("scopes", SCOPES), ("env", ENVS)):
        for value in values:
            rest = [] if name == "name" else [("name", "ab")]
            yield Sent("member", text_of([*rest, (name, value)]))
            yield Sent("member", text_of([("more", {"a": [1, None]}), *rest, (name, value), ("Name", 1)]))


def lengths() -> Iterator[Sent]:
    """Names and scopes of every length that matters, in characters of one byte to four, and of several parts."""
    for length, char in product((0, 1, 2, 3, 119, 120, 121, 240), ("a", "é", "e\u0301", "€", "\U0001f511", "\0", "\n")):
        yield Sent("length", text_of([("name", char * length)]))
        yield Sent("length", text_of([("name", char * length)], ascii_only=True))
    for scope in ("a", 1, None):
        yield Sent("length", text_of([("name", "ab"), ("scopes", [scope] * 10_000)]))
    yield Sent("length", text_of([("name", "ab"), ("scopes", ["a"] * 9_999 + [1])]))
    yield Sent("length", text_of([("name", "a" * 100_000), ("env", "t" * 100_000)]))


def spoilt() -> Iterator[Sent]:
    """Bodies that end at every byte, have a byte too much at every place, or one less."""
    bodies = (VALID, '{"env":"live","name":"\U0001f511 é \\u00e9"}'.encode(), b'[{"name": -1.5e3, "scopes": [true]}]')
    for body, at in product(bodies, range(100)):
        if at < len(body):
            yield Sent("truncated", body[:at])
            yield Sent("one less", body[:at] + body[at + 1 :])
            for byte in (b'"', b",", b"\n", b"\x7f", b"{"):
                yield Sent("one more", body[:at] + byte + body[at:])
    for code in range(0x20):
        yield Sent("control character", b'{"name": "a' + bytes([code]) + b'b"}')
        yield Sent("control character", bytes([code]) + b'{"name": "ab"}')
        yield Sent("control character", b'{"name": "a\\u00%02xb"}' % code)


def strange() -> Iterator[Sent]:
    """What some parsers take and others do not."""
    yield from (Sent("junk", body) for body in JUNK)
    for value in (*CONSTANTS, *SURROGATES, *NUMBERS, *VALUES):
        yield Sent("strange value", b'{"name": ' + value + b"}")
        yield Sent("strange value", b'{"name": "ab", "more": ' + value + b"}")
        yield Sent("strange value", b'{"name": "ab", "scopes": [' + value + b', 1], "env": ' + value + b"}")
        yield Sent("strange value", value)
        yield Sent("strange value", b'{"name": "ab", "more": ' + value)
        yield Sent("strange value", b'{"name": ' + value + b', "name": "ab"}')
        yield Sent("strange value", b'{"name": "ab", "x": 1e999, "more": ' + value + b"}")
    for value in SURROGATES:
        yield Sent("strange value", b'{"name": "ab", ' + value + b": 1}")
    for value in BAD_UTF_8:
        for before in (b"", b'{"name": "ab", "more": "', b'{"name": "ab", "x": 1e9999, "y": "', b'{"name": "\xc3\xa9'):
            yield Sent("bad UTF-8", before + value + b'"}')
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-7", "latin-1"):
        for text in ('{"name": "ab"}', '{"name": "é€"}', '{"name": 1}', '{"name"', "null"):
            yield Sent("another encoding", text.encode(encoding, "replace"))
    for depth in DEPTHS:
        yield Sent("depth", b"[" * depth)
        yield Sent("depth", b"[" * depth + b"]" * depth)
        yield Sent("depth", b'{"a":' * depth)
        yield Sent("depth", b'{"name": "ab", "more": ' + b'{"a":' * (depth - 1) + b"1" + b"}" * depth)
        yield Sent("depth", b'{"name": "ab", "scopes": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}")
        yield Sent("depth", b'{"name": "' + b"[{" * depth + b'", "more": [' + b"[]," * depth + b"{}]}")


def media_types() -> Iterator[Sent]:
    """Every media type with every sort of body, and none."""
    authorizations: Sequence[Headers] = ([], [(b"authorization", b"Bearer token")], [(b"authorization", b"\xff\0")])
    for media_type, body in product((*MEDIA_TYPES, None), (b"", VALID, b"{}", b'{"name": "a"', b"null", b"[1]")):
        headers = [] if media_type is None else [(b"content-type", media_type)]
        yield from (Sent("media type", body, [*headers, *more]) for more in authorizations)


def generated() -> Iterator[Sent]:
    """What Hypothesis makes of members that nearly are the document's, and of any JSON at all."""
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    anything = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
    names = st.text(min_size=1, max_size=122) | anything
    scopes = st.lists(st.text() | plain) | anything
    envs = st.sampled_from(["test", "live"]) | st.from_regex(PATTERN) | anything
    nearly = st.fixed_dictionaries({"name": names}, optional={"scopes": scopes, "env": envs, "more": anything})
    for strategy in (nearly, anything):
        made: list[Any] = []
        examples_of(strategy, made.append)
        yield from (Sent("generated", json.dumps(value, ensure_ascii=False).encode()) for value in made)


def examples_of(strategy: st.SearchStrategy[Any], take: Callable[[Any], None]) -> None:
    """The same examples each time, as long as the code is the same, whose constants Hypothesis tries too."""

    @seed(SEED)
    @settings(max_examples=300, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def each(value: Any) -> None:
        take(value)

    each()


# ---- where we mean to differ -----------------------------------------------------------------------------------------


def breaks_media_type(sent: Sent) -> bool:
    """A body has no media type, or one that the document does not have."""
    given_ = dict(sent.headers).get(b"content-type", b"")
    return bool(sent.body) and given_.partition(b";")[0].strip().lower() != b"application/json"


def is_other_unicode(sent: Sent) -> bool:
    """The text is UTF-16 or UTF-32, which Python's parser tells by its first bytes."""
    return json.detect_encoding(sent.body) not in ("utf-8", "utf-8-sig")


def is_no_unicode(sent: Sent) -> bool:
    """The bytes are not UTF-8; Python's parser takes surrogates in them."""
    try:
        sent.body.decode()
    except UnicodeDecodeError:
        return True
    return False


def holds_constant(sent: Sent) -> bool:
    """The text is JSON but for NaN or Infinity."""
    found: list[str] = []
    return parsed(sent, parse_constant=found.append) is not ABSENT and bool(found)


def holds_surrogate(sent: Sent) -> bool:
    """The text is JSON, and a string in it is no Unicode text."""
    try:
        json.dumps(parsed(sent, object_pairs_hook=list), ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def is_too_deep(sent: Sent) -> bool:
    """The text is JSON, and nested deeper than 200 levels."""
    value, depth = parsed(sent), 0
    level = [] if value is ABSENT else [value]
    while level := [
        item
        for one in level
        if isinstance(one, dict | list)
        for item in ([0] if not one else one.values() if isinstance(one, dict) else one)
    ]:
        depth += 1
    return depth > 200


def holds_long_number(sent: Sent) -> bool:
    """The text is JSON, and a number in it has more than 4300 digits, or more than 18 in its exponent."""
    found: list[str] = []
    is_json = parsed(sent, parse_float=found.append, parse_int=found.append) is not ABSENT
    return is_json and any(
        sum(map(str.isdigit, digits)) > 4300 or len(digits.lower().partition("e")[2].strip("+-")) > 18
        for digits in found
    )


def parsed(sent: Sent, **hooks: Any) -> Any:
    """What Python's parser makes of a body; `ABSENT` where it finds no JSON."""
    try:
        return json.loads(sent.body, **{"parse_int": float, **hooks})
    except (ValueError, RecursionError):
        return ABSENT


Meant = tuple[str, Callable[[Sent], bool], int, str]

MEANT: Final[Sequence[Meant]] = (
    # RFC 9110 §15.5.16: FastAPI takes a text for JSON by its suffix, and hands any other to the model as bytes.
    ("media type", breaks_media_type, 415, "unsupported_media_type"),
    # RFC 8259 §8.1: JSON between systems is UTF-8.
    ("UTF-16 and UTF-32", is_other_unicode, 422, "json_invalid"),
    # As above: Python decodes surrogates too.
    ("no UTF-8", is_no_unicode, 422, "json_invalid"),
    # RFC 8259 §9: an implementation may set limits; Python's depends on its version and on its stack.
    ("nesting", is_too_deep, 422, "json_invalid"),
    # As above: CPython refuses integers of as many digits, and rounds fractions.
    ("long numbers", holds_long_number, 422, "json_invalid"),
    # RFC 8259 §6: they are not permitted; Python takes them, and cannot send them back.
    ("NaN and Infinity", holds_constant, 422, "json_invalid"),
    # RFC 8259 §8.2: what becomes of them is unpredictable; no database keeps them.
    ("lone surrogates", holds_surrogate, 422, "json_invalid"),
)
"""Where the service differs from FastAPI: what tells such a request, and how it is answered."""


# ---- how they are compared -------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the requests."""

    equal: Counter[str]
    strayed: Counter[str]
    meant: Counter[str]
    wrong: list[str]

    @property
    def compared(self) -> int:
        """Requests that both applications answered alike."""
        return self.equal.total()


def everything() -> Iterator[Sent]:
    """Every request."""
    for generator in (combinations, members, lengths, spoilt, strange, media_types, generated):
        yield from generator()


@pytest.fixture(scope="module")
def ours() -> ASGIApp:
    """The service of the published document, with a handler that answers the same to all."""
    package = ModuleType("answering")
    package.__path__ = []

    async def create_key_v1_api_keys_post(body: object, authorization: str | None = None) -> object:
        return CREATED

    create_key_v1_api_keys_post.__module__ = package.__name__
    vars(package)[create_key_v1_api_keys_post.__name__] = create_key_v1_api_keys_post
    contract = compile_contract(load(DOCUMENT))
    return build_app(contract, bind(contract, package))


async def compare(ours: ASGIApp) -> Tally:
    """Ask both applications everything."""
    tally = Tally(Counter(), Counter(), Counter(), [])
    theirs, silent = reference(), without_echo(reference())
    for sent in everything():
        mine = await ask(ours, sent.body, sent.headers)
        other = await ask(theirs, sent.body, sent.headers)
        meant = next((entry for entry in MEANT if entry[1](sent)), None)
        if other.status not in (201, 422) or other.raised:
            what = f"{other.raised or other.status}"
            other = await ask(silent, sent.body, sent.headers)
            is_echo = other.status == 422 and not other.raised
            tally.strayed[f"{what}{' from the echo of the input' if is_echo else ''}"] += 1
        if meant is not None:
            name, _, status, type_ = meant
            agreed = mine.status == status and [fault[2] for fault in mine.faults] == [type_]
            tally.meant[name] += agreed
        elif other.status in (201, 422):
            agreed = seen(mine) == seen(other)
            tally.equal[f"{sent.kind}, {other.status}"] += agreed
        else:
            agreed = mine.status == 422 and [fault[2] for fault in mine.faults] == ["json_invalid"]
        if mine.raised or not agreed:
            tally.wrong.append(f"{sent.kind}: {sent.headers} {sent.body[:80]!r}\n  {mine}\n  {other}"[:600])
    return tally


def seen(answer: Answer) -> tuple[int, list[Fault]]:
    """The status, and the faults in their order."""
    return answer.status, answer.faults if answer.status == 422 else []


def test_the_reference_is_the_author_of_the_document() -> None:
    """The reference application's own document has the same paths and models: it is what wrote `openapi.json`."""
    written = reference().openapi()
    assert written["paths"] == PUBLISHED["paths"]
    schemas, published = written["components"]["schemas"], PUBLISHED["components"]["schemas"]
    assert schemas.keys() == published.keys()
    for name in ("ApiKeyCreate", "ApiKeyCreated", "HTTPValidationError"):
        assert schemas[name] == published[name]
        assert list(schemas[name].get("properties")) == list(published[name]["properties"]), "errors follow this order"


def test_every_answer_is_that_of_fastapi(ours: ASGIApp) -> None:
    """Status and faults are those of FastAPI with Pydantic 2, request for request, wherever its document lets it.

    Where FastAPI answers 400, 500 or raises, the answer is 422; where we mean to differ, it is as `MEANT` says.
    """
    tally = asyncio.run(compare(ours))
    print(f"\nequal: {tally.compared} {dict(tally.equal)}")  # noqa: T201 (for `pytest -s`)
    print(f"FastAPI strays: {tally.strayed.total()} {dict(tally.strayed)}")  # noqa: T201
    print(f"meant to differ: {tally.meant.total()} {dict(tally.meant)}")  # noqa: T201
    assert not tally.wrong, f"{len(tally.wrong)} answers differ:\n" + "\n".join(tally.wrong[:40])
    assert tally.compared >= 1000
    assert all(tally.meant[name] > 0 for name, *_ in MEANT)
