"""Hypothesis against the parsers, called directly: whatever they are given they answer, or refuse as they say."""

import copy
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import typer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from compiling import compiled, document_with, operation_with
from contract import DocumentError, json_text, load
from contract.check import check
from contract.findings import Findings
from contract.media import decoder
from contract.parameters import Parameter
from contract.problem import Problem
from contract.raw import NotText, Raw, pairs_of
from contract.security import extractor
from contract.styles import MISSING, STYLES_OF
from db import InvalidDatabaseURL
from db.url import PostgreSQLURL, parse
from handlers import tokens
from handlers.credentials import bearer_token
from imtegrate import moments
from imtegrate.forwarded import Forwarded, Network
from imtegrate.request_ids import RequestIds, trace_of
from imtegrate.service import faults_of
from running import DOCUMENT, unknown_token

EFFORT: Final = 20 if os.environ.get("IMTEGRATE_SOAK") == "1" else 1
"""How many times as many inputs as in a plain run."""


def tried(count: int) -> settings:
    """So many inputs in a plain run."""
    return settings(
        max_examples=count * EFFORT,
        deadline=None,
        # Folders that fixtures make are written anew by each input.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def made_of(*pieces: str) -> st.SearchStrategy[str]:
    """Texts of these pieces, and of any others."""
    return st.lists(st.one_of(st.sampled_from(pieces), st.text(max_size=4)), max_size=12).map("".join)


def sent(text: str) -> bytes:
    """As it may stand in a header: any byte but those that end one."""
    return text.encode("utf-8", "surrogateescape").translate(None, b"\r\n\0")


class Asked:
    """What a parser sees of a request."""

    def __init__(self, name: bytes, *values: bytes, query: bytes = b"") -> None:
        self._fields = [(name, value) for value in values]
        self.scope = {"headers": self._fields, "query_string": query}

    def headers(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self._fields if key == name]


# ---- credentials -----------------------------------------------------------------------------------------------------

credentials = made_of("Bearer", "bearer ", "Basic ", " ", "\t", ",", ":", "=", "imt_", "live_", unknown_token(), "dTpw")


@tried(1500)
@given(st.lists(credentials, max_size=3))
@example([f"Bearer {unknown_token()}"])
def test_credentials(values: list[str]) -> None:
    """Prefix and digest come of one header that holds one well-formed token, and of nothing else; nothing raises."""
    headers = [sent(value) for value in values]
    found = bearer_token({b"authorization": headers})
    scheme, _, token = headers[0].strip().partition(b" ") if len(headers) == 1 else (b"", b"", b"")
    is_ours = scheme.lower() == b"bearer" and token.strip() == unknown_token().encode()
    if found is not None:
        prefix, digest = found
        assert digest == tokens.digest(token.strip())
        assert token.strip().startswith(prefix.encode())
        assert tokens.FORM.fullmatch(token.strip())
    assert found is not None or not is_ours


SCHEMES: Final = [
    {"type": "http", "scheme": "bearer"},
    {"type": "http", "scheme": "basic"},
    {"type": "oauth2", "flows": {}},
    {"type": "apiKey", "in": "header", "name": "X-Key"},
    {"type": "apiKey", "in": "query", "name": "key"},
    {"type": "apiKey", "in": "cookie", "name": "key"},
]


@tried(1500)
@given(
    st.sampled_from(SCHEMES),
    st.sampled_from([b"authorization", b"x-key", b"cookie"]),
    st.lists(st.one_of(credentials, made_of("key", "=", ";", '"', "\\", "%", "%FF", "$Path", "expires")), max_size=3),
)
def test_extractors(scheme: dict[str, Any], name: bytes, values: list[str]) -> None:
    """Every scheme's credentials are text, a pair of texts, or not there."""
    extract = extractor(scheme)
    assert extract is not None
    fields = [sent(value) for value in values]
    request: Any = Asked(name, *fields, query=b"&".join(fields))
    found = extract(request)
    assert found is None or isinstance(found, str) or [type(part) for part in found] == [str, str]


# ---- JSON ------------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

json_pieces = st.one_of(
    st.sampled_from(
        ["[", "]", "{", "}", ":", ",", '"', "\\", "\\ud800", "\\udc00", '"a":', "\ufeff", "\n", "\0", "tru"]
    ),
    st.sampled_from(["0", "1", "-", ".", "e", "E+9", "9" * 20, "NaN", "Infinity", "null", "1e999999999999999999999"]),
    st.sampled_from(["[" * 250, "]" * 250]),
)


@tried(2500)
@given(st.one_of(st.binary(max_size=40), st.lists(json_pieces | st.text(max_size=2), max_size=14).map("".join)))
def test_text_that_may_be_json(text: bytes | str) -> None:
    """Anything at all is a value or `InvalidJSON`; a value is written as JSON that reads as the same value."""
    source = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    refusal = None
    try:
        value = json_text.loads(source)
    except json_text.InvalidJSON as error:
        refusal = error
    if refusal is None:
        assert json_text.loads(json_text.dumps(value)) == value
    else:
        assert 0 <= refusal.position <= len(source)
        assert refusal.reason


def exactly(value: Any) -> Any:
    """A value with each number as what its text says: a double stands for the shortest text that reads as it."""
    if isinstance(value, dict):
        return {name: exactly(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return Decimal(repr(value)) if isinstance(value, float) else value


@tried(1500)
@given(json_values)
def test_json_round_trip(value: Any) -> None:
    """What is written is read as it was, to the last digit and member."""
    read = json_text.loads(json_text.dumps(value))
    assert exactly(read) == exactly(value)
    assert json_text.loads(json_text.dumps(read)) == read


# ---- parameters ------------------------------------------------------------------------------------------------------

SHAPES: Final[list[dict[str, Any]]] = [
    {"type": "string"},
    {"type": "integer"},
    {"type": ["number", "null"]},
    {"type": "boolean"},
    {"type": "array", "items": {"type": "integer"}},
    {"type": "array", "prefixItems": [{"type": "boolean"}], "items": {"type": "array"}},
    {"type": "object", "properties": {"R": {"type": "integer"}, "G": {"type": "array"}}, "required": ["R"]},
    {"type": "object", "additionalProperties": {"type": "number"}},
    {"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "array"}, {"type": "integer"}]},
    {},
]


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> list[Parameter]:
    """One of every location, style, `explode` and shape, and those whose content is JSON."""
    folder = tmp_path_factory.mktemp("parameters")
    described = [
        {"name": "color", "in": location, "style": style, "explode": explode, "schema": schema, "required": True}
        for location, styles in STYLES_OF.items()
        for style in sorted(styles)
        for explode in (False, True)
        for schema in SHAPES
    ]
    described += [
        {"name": "color", "in": location, "required": True, "content": {"application/json": {"schema": schema}}}
        for location in STYLES_OF
        for schema in SHAPES
    ]
    found = []
    for one in described:
        contract = compiled(folder, operation_with(parameters=[one]))
        found += contract.operations["op"].parameters
    assert len(found) == len(described)
    return found


@tried(400)
@given(
    made_of("color", "=", "&", ";", ",", ".", "[", "]", "[R]", "color[", "R", "%", "%20", "%FF", "%7B", "|", "+", "1e9")
)
@example("color[R][=1&color[R=2&color[]=&color[R]=1")
@example(";color")
@example("%7B%22R%22%3A1%7D")
def test_parameters(parameters: list[Parameter], text: str) -> None:
    """Whatever stands where a parameter is to be, each style reads a value that its schema takes, or tells a fault."""
    raw = Raw(path={"color": text}, headers={b"color": [sent(text)]})
    with suppress(NotText):
        raw.query = pairs_of(text)
    with suppress(NotText):
        raw.cookies = pairs_of(text, ";")
    for parameter in parameters:
        findings = Findings()
        taken = parameter.take(raw, findings)
        faults = findings.named() if findings else []
        # All are required: one that is taken is there, and as the document says.
        assert faults or (taken is not MISSING and parameter.schema.is_valid(taken))
        for fault in faults:
            assert tuple(fault.loc[:2]) == parameter.loc


@tried(500)
@given(
    st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "application/json"]),
    st.dictionaries(st.sampled_from(["charset", "boundary"]), st.sampled_from(["utf-8", "latin-1", "no", "b", ""])),
    made_of(
        "--b", "--b--", "\r\n", "\r\n\r\n", "Content-Disposition: form-data; name=", '"a"', "a=1", "&", "%FF", "\\"
    ),
)
@example("multipart/form-data", {}, "--b")
def test_bodies(media_type: str, said: dict[str, str], text: str) -> None:
    """Whatever a body of any media type holds is read, or refused as a request is."""
    with suppress(Problem):
        decoder(media_type, None, {})(text.encode("utf-8", "surrogatepass"), said)


# ---- documents -------------------------------------------------------------------------------------------------------

PUBLISHED: Final = json.loads(DOCUMENT.read_bytes())

junk = st.one_of(
    json_values,
    st.sampled_from(
        ["#/components/schemas/ApiKeyCreate", "#", "#/nowhere", "other.json#/a", "http://[", "file://", "("]
    ),
    st.sampled_from([{"$ref": "#"}, {"$ref": "http://["}, {"$ref": 1}, {"$id": "http://["}, {"$ref": "\0.json"}]),
    st.sampled_from([{"type": "nothing"}, {"pattern": "("}, {"allOf": []}, {"properties": []}, {"minimum": "1"}]),
)


def places_of(value: Any, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value, by the steps that lead to it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [steps, *(place for step, item in items for place in places_of(item, (*steps, step)))]


PLACES: Final = [place for place in places_of(PUBLISHED) if place]


@st.composite
def mutated(draw: Callable[[Any], Any]) -> Any:
    """The published document with up to three places taken away, given junk or given another place's value."""
    document = copy.deepcopy(PUBLISHED)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(PLACES))
        holder = document
        try:
            for step in path:
                holder = holder[step]
            match draw(st.sampled_from(["take", "replace", "add", "move"])):
                case "take":
                    del holder[last]
                case "replace":
                    holder[last] = copy.deepcopy(draw(junk))
                case "add":
                    holder[last][draw(st.sampled_from(["$ref", "$id", "type", "pattern", "x", "$anchor"]))] = (
                        copy.deepcopy(draw(junk))
                    )
                case _:
                    other: Any = PUBLISHED
                    for step in draw(st.sampled_from(PLACES)):
                        other = other[step]
                    holder[last] = copy.deepcopy(other)
        except (KeyError, IndexError, TypeError):
            # An earlier mutation has taken the place away.
            continue
    return document


@tried(1000)
@given(mutated())
@example(document_with(paths={"/": {"$ref": "http://["}}))
@example(document_with(components={"schemas": {"a": {"$id": "http://[", "$ref": "b"}}}))
@example(document_with(components={"schemas": {"a": {"$ref": "\0.json"}}}))
@example(document_with(components={"schemas": {"a": {"$ref": "größe.json"}}}))
@example(document_with(components={"schemas": {"a": {"$id": "an id"}}}))
@example(document_with(components={"schemas": {"a": {"$id": "%zz"}, "b": {"$ref": "a[b.json"}}}))
@example({"openapi": "3.1."})
def test_mutated_documents(tmp_path: Path, document: Any) -> None:
    """Of any document the faults are told, each with its place and its mend, or there are none; nothing raises."""
    path = tmp_path / "openapi.json"
    path.write_bytes(json_text.dumps(document))
    with suppress(DocumentError):
        check(load(path))
    for fault in faults_of(path):
        assert fault.message
        assert fault.mend


@tried(200)
@given(
    st.one_of(st.binary(max_size=60), made_of("openapi: 3.1.0\n", "a:", " ", "- ", "{", "]", "&a ", "*a", "!!", "<<: "))
)
def test_documents_of_any_bytes(tmp_path: Path, source: bytes | str) -> None:
    """A file of any bytes is refused as a document is, as JSON and as YAML."""
    for name in ("openapi.json", "openapi.yaml"):
        path = tmp_path / name
        path.write_bytes(source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass"))
        with suppress(DocumentError):
            check(load(path))


# ---- what a proxy, a client or an operator says ----------------------------------------------------------------------


@tried(1500)
@given(
    st.lists(
        made_of("for=", '"', "\\", ";", ",", "[::1]", ":80", "10.0.0.1", "192.0.2.7", "by=", "unknown", "_x"),
        max_size=3,
    ),
    st.lists(made_of(",", " ", "10.0.0.1", "192.0.2.7", "::ffff:10.0.0.1", "%", "[", "]:1"), max_size=3),
    st.sampled_from(["10.0.0.1", "203.0.113.9", "::1", "not an address", None]),
)
def test_forwarded(said: list[str], also: list[str], peer: str | None) -> None:
    """A client's address is an address, and the peer's own unless a proxy that is trusted says another."""
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"])

    headers = [(b"forwarded", sent(one)) for one in said] + [(b"x-forwarded-for", sent(one)) for one in also]
    scope = {"headers": headers, "client": None if peer is None else (peer, 1)}
    run_to_end(Forwarded(app, [Network.parse("10.0.0.0/8")]), scope)
    (client,) = seen
    if peer != "10.0.0.1":
        assert client == (None if peer is None else (peer, 1))
    else:
        Network.parse(client[0])


@tried(1500)
@given(st.lists(made_of("00-", "-01", "ff-", "0" * 32, "a" * 32, "b" * 16, "-", "imt_", unknown_token()), max_size=2))
def test_request_ids(values: list[str]) -> None:
    """Every request has an id of at most 128 sane characters, which is no token; a trace's is 32 digits."""
    for name in (b"x-request-id", b"traceparent"):
        scope: dict[str, Any] = {"headers": [(name, sent(value)) for value in values]}

        async def app(_scope: Any, _receive: Any, _send: Any) -> None:
            """Answer nothing."""

        run_to_end(RequestIds(app), scope)
        assert re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,128}", scope["contract.request_id"])
        assert "imt_" not in scope["contract.request_id"]
    for value in values:
        trace = trace_of(sent(value))
        assert trace is None or (re.fullmatch("[0-9a-f]{32}", trace) and int(trace, 16))


def run_to_end(app: Any, scope: Any) -> None:
    """Call an application that waits for nothing."""
    with suppress(StopIteration):
        app(scope, None, None).send(None)


@tried(1000)
@given(
    made_of(
        "1", "9" * 9, "d", "h", "s", "-", ":", "T", "Z", "+14:00", "2030-01-31", "0001-01-01", "9999-12-31T23:59:59"
    )
)
@example("9999-12-31T23:59:59-14:00")
@example("0001-01-01T00:00:00+14:00")
@example("999999999d")
@example("36525d")
def test_durations_and_moments(text: str) -> None:
    """What an operator types for a time is one, in UTC, or a usage error."""
    with suppress(typer.BadParameter):
        assert moments.duration(text, "--overlap") <= moments.LONGEST
    with suppress(typer.BadParameter):
        ahead = moments.ahead(text, "--expires")
        assert ahead is not None
        assert ahead > datetime.now(UTC)
    with suppress(typer.BadParameter):
        back = moments.back(text, "--since")
        assert back is not None
        assert back.utcoffset() == datetime.now(UTC).utcoffset()


PASSWORD: Final = "hunter2xyzzy"

urls = made_of(
    "postgresql://",
    "postgres:",
    "sqlite:///",
    "//",
    "u",
    ":",
    f":{PASSWORD}@",
    "@",
    "h",
    ",",
    ":5432",
    "[::1]",
    "[",
    "/n",
) | made_of(
    "postgresql://h/n?", "&", "=", "host=", "port=", "h1:x,h2", "h1,h2", f"password={PASSWORD}", "#", "%", "9" * 5000
)


@tried(2500)
@given(urls)
@example("postgresql:///n?host=h1:x,h2")
@example("postgresql:///n?host=h1,h2&port=" + "9" * 5000)
@example("postgresql://h:" + "9" * 5000 + "/n")
@example("postgresql://h1%3Ax,h2/n")
@example("postgresql://h/n?prepared_statement_cache_size=" + "9" * 5000)
@example(f"postgresql://u:1/{PASSWORD}@h/n")
@example(f"postgresql://u:1#{PASSWORD}@h/n")
def test_database_urls(url: str) -> None:
    """Any text is a database URL or refused in one line; a password is shown by neither."""
    try:
        read = parse(url)
    except InvalidDatabaseURL as error:
        shown = str(error)
        assert len(shown.splitlines()) == 1
    else:
        shown = read.masked + repr(read)
    if f":{PASSWORD}@" in url or f"1/{PASSWORD}" in url:
        assert not url.startswith("postgres") or PASSWORD not in shown


@tried(1000)
@given(
    st.text(min_size=3, max_size=20).filter(lambda text: "***" not in text), st.sampled_from(["", "?sslmode=require"])
)
def test_a_password_of_any_characters(password: str, options: str) -> None:
    """Percent-encoded, any password is taken as it is, and `***` stands for it wherever the URL is shown."""
    with suppress(UnicodeEncodeError):
        encoded = quote(password, safe="")
        read = parse(f"postgresql://user:{encoded}@host:5432/name{options}")
        assert isinstance(read, PostgreSQLURL)
        assert read.masked == f"postgresql://user:***@host:5432/name{options}"
        assert f":{encoded}@" in read.dsn
