"""What is JSON and what is not (RFC 8259), through HTTP: the cases of nst's JSONTestSuite, their texts written anew."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from running import faults_of, running

ACCEPTED: Final = 501
"""What a valid text gets: the operation has no function, and its schema is `true`."""

VALID: Final = (
    # Arrays, and space around everything.
    b"[]", b"[[]   ]", b'[""]', b"[false]", b'[null, 1, "1", {}]', b"[1\n]", b" [1]", b"[1,null,null,null,2]",
    b"[2] ", b"[]\t\r\n ", b" [] ", b'["a"]', b"[ 4]", b"\t[true]",
    # Numbers.
    b"[123e65]", b"[0e+1]", b"[0e1]", b"[-0.000000000000000000000000000000000000000000000000000000000001]", b"[20e1]",
    b"[-0]", b"[-123]", b"[-1]", b"[1E22]", b"[1E-2]", b"[1E+2]", b"[123e45]", b"[123.456e78]", b"[1e-2]", b"[1e+2]",
    b"[123]", b"[123.456789]", b"[0.0]", b"[-0.0]", b"[1.0e-0]", b"[1e400]", b"[123456789012345678901234567890]",
    # Objects.
    b"{}", b'{"a":"b"}', b'{"a":"b","a":"c"}', b'{"a":"b","a":"b"}', b'{"":0}', b'{"foo\\u0000bar": 42}', b'{"a":[]}',
    b'{"min": -1.0e+28, "max": 1.0e+28}', b'{\n"a": "b"\n}', '{"ключ":"значение"}'.encode(),
    # Texts, escapes and whatever Unicode has.
    b'["\\u0060\\u012a\\u12AB"]', b'["\\uD801\\udc37"]', b'["\\ud83d\\ude39\\ud83d\\udc8d"]',
    b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]', b'["\\\\u0000"]', b'["\\""]', b'["a/*b*/c/*d//e"]', b'["\\\\a"]', b'["\\\\n"]',
    b'["\\u0012"]', b'["\\uFFFF"]', b'["\\uDBFF\\uDFFF"]', '["\uffff"]'.encode(), '["\U0010ffff"]'.encode(),
    b'["\\u0000"]', b'["\\u002c"]', '["π"]'.encode(), '["\u2028"]'.encode(), '["\u2029"]'.encode(),
    b'["\\u0061\\u30af\\u30EA\\u30b9"]', b'["new\\u00A0line"]', '["\U0001bfff"]'.encode(), b'["\\uD834\\uDd1e"]',
    b'["\\u200B"]', b'["\\u2064"]', b'["\\uFDD0"]', b'["\\uFFFE"]', b'["\\u0022"]', b'["\x7f"]', '["€𝄞"]'.encode(),
    b'["a\x7fa"]', b'" "', b'[" "]',
    # A text need not be an array or object.
    b"false", b"42", b"-0.1", b"null", b'"asd"', b"true", b'""', b"0", b"\xef\xbb\xbf{}",
)  # fmt: skip

INVALID: Final = (
    # Arrays.
    b"[1 true]", b"[a\xe5]", b'["": 1]', b'[""],', b"[,1]", b"[1,,2]", b'["x",,]', b'["x"]]', b'["",]', b'["x"',
    b"[x", b"[3[4]]", b"[\xff]", b"[1:2]", b"[,]", b"[-]", b'[   , ""]', b'["a",\n4\n,1,', b"[1,]", b"[1,,]",
    b'["\x0ba"\\f]', b"[*]", b'[""', b"[1,", b"[1,\n1\n,1", b"[{}", b"]", b"[", b"[1]]", b"[1]x", b"[][]", b"[[1]",
    b"{]", b"[}",
    # Literals.
    b"[fals]", b"[nul]", b"[tru]", b"[True]", b"[TRUE]", b"[None]", b"[undefined]", b"nul", b"tru", b"falsehood",
    b"[nulll]",
    # Numbers.
    b"[++1234]", b"[+1]", b"[+Inf]", b"[-01]", b"[-1.0.]", b"[-2.]", b"[-NaN]", b"[.-1]", b"[.2e-3]", b"[0.1.2]",
    b"[0.3e+]", b"[0.3e]", b"[0.e1]", b"[0E+]", b"[0E]", b"[0e+]", b"[0e]", b"[1.0e+]", b"[1.0e-]", b"[1.0e]",
    b"[1 000.0]", b"[1eE2]", b"[2.e+3]", b"[2.e-3]", b"[2.e3]", b"[9.e+]", b"[Inf]", b"[NaN]", b"[\xef\xbc\x91]",
    b"[1+2]", b"[0x1]", b"[0x42]", b"[Infinity]", b"[0e+-1]", b"[-123.123foo]", b"[123\xe5]", b"[1e1\xe5]",
    b"[0\xe5]", b"[-Infinity]", b"[-foo]", b"[- 1]", b"[-012]", b"[-.123]", b"[-1x]", b"[1ea]", b"[1.]", b"[.123]",
    b"[1.2a-3]", b"[1.8011670033376514H-308]", b"[012]", b"[1_000]", b"[1e]", b"--1", b"[2.e]",
    # Objects.
    b'["x", truth]', b'{[: "x"}\n', b'{"x", null}', b'{"x"::"b"}', "{🇨🇭}".encode(), b'{"a":"a" 123}',
    b"{key: 'value'}", b'{"\xb9":"0",}', b'{"a" b}', b'{:"b"}', b'{"a" "b"}', b'{"a":', b'{"a"', b"{1:1}",
    b"{9999E9999:1}", b"{null:null}", b'{"id":0,,,,,}', b"{'a':0}", b'{"id":0,}', b'{"a":"b"}/**/', b'{"a":"b"}/**//',
    b'{"a":"b"}//', b'{"a":"b"}/', b'{"a":"b",,"c":"d"}', b'{a: "b"}', b'{"a":"a', b'{ "foo" : "bar", "a" }',
    b'{"a":"b"}#', b"{", b"{,}", b'{"a":1',
    # Texts.
    b" ", b'["\\uD800\\"]', b'["\\uD800\\u"]', b'["\\uD800\\u1"]', b'["\\uD800\\u1x"]', "[é]".encode(), b'["\\\x00"]',
    b'["\\\\\\"]', b'["\\x00"]', '["\\🌀"]'.encode(), b'["\\"]', b'["\\u00A"]', b'["\\uD834\\uDd"]',
    b'["\\uD800\\uD800\\x"]', b'["\\u\xe5"]', b'["\\a"]', b'["\\uqqqq"]', b'["\\\xe5"]', b'[\\u0020"asd"]', b"[\\n]",
    b'"', b"['single']", b"abc", b'["\\', b'["a\x00a"]', b'["new\nline"]', b'["\t"]', b'"\\UA66D"', b'""x',
    b'["a\x1fa"]', b"\\u0041",
    # Structure.
    b"<.>", b"[<null>]", "[\u2060]".encode(), b"\xef\xbb", b"\xe5", b"2@", b"{}}", b'{"":', b'{"a":/*comment*/"b"}',
    b'{"a": true} "x"', b"['", b"[,", b"[{", b'["a', b'["a"', b'{"a":\'a\'', b'["\\{["\\{["\\{["\\{', b"*", b"#{}",
    b"[\x0c]", b'["asd]', b"asd\xc3\x9f", b'[\\u000A""]', b"[1", b"[ false, nul", b"[ true, fals", b"\xe2\x81\xa0",
    b"\xc2\xa0[]", b'{"asd":"asd"', b"\0", b"[\0]", b"[" * 100_000, b'[{"":' * 50_000, b"{}{}", b"[1]//",
    # Undecided by the suite; here, what is not Unicode in UTF-8 is no JSON.
    b'["\\uDADA"]', b'["\\uD888\\u1234"]', b'["\\uD800\\n"]', b'["\\uDd1ea"]', b'["\\uD800\\uD800"]',
    b'["\\ud800abc"]', b'["\\uDd1e\\uD834"]', b'["\\uDFAA"]', b'["\xff"]', b'["\xe0\xff"]', b'["\xed\xa0\x80"]',
    b'["\xc0\xaf"]', b'["\x81"]', b'["\xf4\xbf\xbf\xbf"]', b'["\xfc\x83\xbf\xbf\xbf\xbf"]', '["é"]'.encode("utf-16"),
    '["é"]'.encode("utf-16-le"), b'[1e9999999999999999999, "\\uD800"]',
)  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service that takes any value at `/any`, and an object with one `name` at `/object`."""
    folder: Path = tmp_path_factory.mktemp("json")
    schemas = {"any": True, "object": {"type": "object", "required": ["name"]}}
    paths = {
        f"/{name}": {
            "post": {
                "operationId": name,
                "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
                "responses": {"200": {"description": "Valid"}},
            }
        }
        for name, schema in schemas.items()
    }
    document = {"openapi": "3.1.0", "info": {"title": "JSON", "version": "1"}, "paths": paths}
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    with running("dev", "--spec", path, cwd=folder) as service, service.client() as client:
        yield client
    log = service.log.read_text()
    assert "Traceback" not in log, log


def post(client: httpx.Client, path: str, text: bytes) -> httpx.Response:
    """The answer to a text."""
    return client.post(path, content=text, headers={"Content-Type": "application/json"})


def test_valid_texts_are_judged_by_the_schema_alone(client: httpx.Client) -> None:
    """No text that is JSON is called otherwise: one schema takes them all, another names what it misses."""
    wrong = []
    for text in VALID:
        if post(client, "/any", text).status_code != ACCEPTED:
            wrong.append(text)
        fault_types = {fault["type"] for fault in faults_of(post(client, "/object", text), 422)}
        if "json_invalid" in fault_types:
            wrong.append(text)
    assert not wrong


def test_invalid_texts_are_no_json(client: httpx.Client) -> None:
    """Each text that is not JSON is 422 `json_invalid`, whatever the schema takes."""
    wrong = []
    for text in INVALID:
        answer = post(client, "/any", text)
        if answer.status_code != 422 or [fault["type"] for fault in faults_of(answer, 422)] != ["json_invalid"]:
            wrong.append((text[:50], answer.status_code, answer.text))
    assert not wrong
