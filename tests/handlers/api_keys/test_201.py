"""A key is made: the answer, its token, and what is kept of it."""

import asyncio
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from running import KEYS, Serving, Wire, checksum_of

MEMBERS = ["id", "org_id", "prefix", "name", "scopes", "last_used_at", "revoked_at", "created_at", "token"]

MAX_BODY_SIZE = 1 << 20
"""Bytes: the default of `--max-body-size`."""

TEXTS = [
    pytest.param("a\0b", id="null"),
    pytest.param("\0\0", id="only-nulls"),
    pytest.param("\u202eevil\u202c\u2066x\u2069", id="bidi-marks"),
    pytest.param("\U0001f511\U0010ffff", id="astral"),
    pytest.param("e\u0301 \u00e9 \ufb01", id="not-normalised"),
    pytest.param("\ufeff \u200b\u2028\u2029\x85", id="invisible"),
    pytest.param('"\\\r\n\t\x1b[31m\x7f', id="control"),
    pytest.param("  spaces  ", id="spaces"),
    pytest.param("'; DROP TABLE api_keys; --", id="sql"),
    pytest.param("%s %(name)s {name} :name $1 ?", id="placeholders"),
    pytest.param("\ud7ff\ue000\uffff\ufffe", id="noncharacters"),
]


def test_the_answer_has_the_nine_members(serving: Serving) -> None:
    """A new key is answered 201 with the nine members of `ApiKeyCreated`, in the document's order, and no other."""
    answer = serving.post({"name": "a name", "scopes": ["b", "a", "b"], "env": "live"})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert list(made) == MEMBERS
    assert (made["name"], made["scopes"]) == ("a name", ["b", "a", "b"])
    assert (made["last_used_at"], made["revoked_at"]) == (None, None)


def test_it_is_not_to_be_stored(serving: Serving) -> None:
    """The answer, which holds a secret, tells caches to keep none of it."""
    assert serving.post({"name": "key"}).headers["cache-control"] == "no-store"


def test_ids_are_uuids_of_version_7(serving: Serving) -> None:
    """Ids are UUIDv7 as RFC 9562 writes them, and the organisation is the caller's."""
    made = serving.key()
    assert str(UUID(made["id"])) == made["id"]
    assert UUID(made["id"]).version == 7
    assert made["org_id"] == serving.root["org_id"]


def test_the_moment_is_utc(serving: Serving) -> None:
    """`created_at` is the moment of the request, as RFC 3339 writes it, in UTC."""
    before = datetime.now(UTC)
    text = serving.key()["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text)
    moment = datetime.fromisoformat(text)
    assert moment.utcoffset() == timedelta(0)
    assert before <= moment <= datetime.now(UTC)


@pytest.mark.parametrize("env", ["test", "live"])
def test_the_token_has_its_form(serving: Serving, env: str) -> None:
    """A token is its prefix, 32 random base-62 characters, and the base-62 CRC-32 of both."""
    made = serving.key(env=env)
    token, prefix = made["token"], made["prefix"]
    assert re.fullmatch(rf"imt_{env}_[0-9A-Za-z]{{8}}", prefix)
    assert token.startswith(prefix)
    assert re.fullmatch(r"[0-9A-Za-z]{38}", token.removeprefix(prefix))
    assert token[-6:] == checksum_of(token[:-6])


def test_what_is_left_out_has_its_default(serving: Serving) -> None:
    """Without `scopes` a key holds none; without `env` it is a test key, as the document's default says."""
    made = serving.post({"name": "key"}).json()
    assert made["scopes"] == []
    assert made["prefix"].startswith("imt_test_")


@pytest.mark.parametrize("name", ["ab", "x" * 120, "\U0001f511" * 120, "a" * 119 + "\0"])
def test_lengths_are_counted_in_characters(serving: Serving, name: str) -> None:
    """Names of 2 and of 120 characters are taken, however many bytes a character has."""
    assert serving.key(name=name)["name"] == name


def test_members_that_the_document_has_not_change_nothing(serving: Serving) -> None:
    """The document lets other members be sent; they are in no answer, and give nobody another organisation or id."""
    made = serving.key(org_id=str(UUID(int=0)), id=str(UUID(int=0)), prefix="x", revoked_at="now", admin=True)
    assert sorted(made) == sorted(MEMBERS)
    assert made["org_id"] == serving.root["org_id"]
    assert UUID(made["id"]).version == 7
    assert made["revoked_at"] is None


def test_texts_come_back_exactly(serving: Serving) -> None:
    """Any string comes back, and is kept, exactly as it was sent: nothing is escaped, normalised, trimmed or cut."""
    texts = [str(parameter.values[0]) for parameter in TEXTS]
    made = [serving.key(name=text, scopes=[text, "", text]) for text in texts]
    for key, text in zip(made, texts, strict=True):
        assert (key["name"], key["scopes"]) == (text, [text, "", text])
    listed = serving.listed()
    for key, text in zip(made, texts, strict=True):
        kept = listed[key["id"]]
        assert (kept["name"], kept["scopes"]) == (text, [text, "", text])


def test_escapes_and_bytes_are_the_same_text(serving: Serving) -> None:
    r"""JSON may write a character as itself or as `\u`; it is the same name either way."""
    escaped = b'{"name": "\\u0000\\ud83d\\udd11\\u00e9", "scopes": []}'
    plain = '{"name": "\\u0000\U0001f511é", "scopes": []}'.encode()
    for body in (escaped, plain):
        answer = serving.post(content=body, headers={"Content-Type": "application/json"})
        assert answer.json()["name"] == "\0\U0001f511é"


def test_a_key_holds_ten_thousand_scopes(serving: Serving) -> None:
    """One key may hold 10,000 scopes; they come back in order, are kept, and every one of them can be given on."""
    scopes = ["api-keys:write", *[f"service-{number}:read" for number in range(9_999)]]
    made = serving.key(scopes=scopes)
    assert made["scopes"] == scopes
    assert serving.post({"name": "child", "scopes": scopes[::-1]}, token=made["token"]).json()["scopes"] == scopes[::-1]
    assert serving.listed()[made["id"]]["scopes"] == scopes


def test_concurrent_keys_are_distinct(serving: Serving) -> None:
    """Of 32 keys that are asked for at once each has an id, a prefix and a token of its own, and the name asked for."""
    with serving.running.client() as client, ThreadPoolExecutor(32) as pool:
        headers = {"Authorization": f"Bearer {serving.token}"}
        names = [f"concurrent {number}" for number in range(32)]
        answers = list(pool.map(lambda name: client.post(KEYS, json={"name": name}, headers=headers), names))
    made = [answer.json() for answer in answers]
    assert [answer.status_code for answer in answers] == [201] * 32
    assert [key["name"] for key in made] == names
    for member in ("id", "prefix", "token"):
        assert len({key[member] for key in made}) == 32


def test_a_key_makes_keys(serving: Serving) -> None:
    """A key that was made with the right to makes another, in the same organisation."""
    made = serving.key(scopes=["*"])
    child = serving.post({"name": "child", "scopes": ["anything"]}, token=made["token"])
    assert child.status_code == 201
    assert child.json()["org_id"] == serving.root["org_id"]


def test_a_key_gives_what_it_holds(serving: Serving) -> None:
    """A live key with `api-keys:write` makes test and live keys with the scopes that it holds, itself included."""
    made = serving.key(scopes=["api-keys:write", "reports:read"])
    for env in ("test", "live"):
        body = {"name": "child", "scopes": ["reports:read", "api-keys:write"], "env": env}
        assert serving.post(body, token=made["token"]).status_code == 201


def test_a_test_key_makes_test_keys(serving: Serving) -> None:
    """A test key makes test keys."""
    made = serving.key(scopes=["*"], env="test")
    assert serving.post({"name": "child", "env": "test"}, token=made["token"]).status_code == 201
    assert serving.post({"name": "child"}, token=made["token"]).status_code == 201


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_in_any_case(serving: Serving, scheme: str) -> None:
    """The scheme of credentials is compared without regard to case (RFC 9110 §11.1)."""
    answer = serving.post({"name": "key"}, token="", headers={"Authorization": f"{scheme} {serving.token}"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ; x=1",
    ],
)
def test_the_media_type_may_have_parameters(serving: Serving, media_type: str) -> None:
    """JSON is JSON in any case and with any parameter (RFC 9110 §8.3.1)."""
    answer = serving.post(content=b'{"name": "key"}', headers={"Content-Type": media_type})
    assert answer.status_code == 201


def test_a_body_may_come_in_chunks(serving: Serving) -> None:
    """A body of unknown length is read to its last chunk, wherever characters are split, with and without trailers."""
    body = '{"name": "\U0001f511 chunked"}'.encode()
    authorization = f"Authorization: Bearer {serving.token}".encode()
    with Wire(serving.running.url) as wire:
        for trailer in (b"", b"X-Trailer: 1\r\n"):
            headers = (authorization, b"Content-Type: application/json", b"Transfer-Encoding: chunked")
            wire.ask(b"POST", KEYS.encode(), *headers)
            for index in range(len(body)):
                wire.chunk(body[index : index + 1])
            wire.send(b"0\r\n", trailer, b"\r\n")
            answer = wire.answer()
            assert answer.status == 201
            assert "\U0001f511 chunked".encode() in answer.body


def test_a_client_may_wait_to_be_told_to_send(serving: Serving) -> None:
    """`Expect: 100-continue` is answered 100 to who may call, and the body is then taken (RFC 9110 §10.1.1)."""
    body = b'{"name": "patient"}'
    with Wire(serving.running.url) as wire:
        authorization = f"Authorization: Bearer {serving.token}".encode()
        length = b"Content-Length: %d" % len(body)
        wire.ask(
            b"POST", KEYS.encode(), authorization, b"Content-Type: application/json", length, b"Expect: 100-continue"
        )
        assert wire.interim() == 100
        wire.send(body)
        assert wire.answer().status == 201


def test_requests_may_be_pipelined(serving: Serving) -> None:
    """Requests sent without waiting are answered in order on the one connection (RFC 9112 §9.3.2)."""
    with Wire(serving.running.url) as wire:
        authorization = f"Authorization: Bearer {serving.token}".encode()
        for number in range(3):
            body = b'{"name": "pipelined %d"}' % number
            length = b"Content-Length: %d" % len(body)
            wire.ask(b"POST", KEYS.encode(), authorization, b"Content-Type: application/json", length, body=body)
        for number in range(3):
            assert b'"pipelined %d"' % number in wire.answer().body


def test_a_body_of_the_limit_is_taken(serving: Serving) -> None:
    """A body of exactly 1 MiB is not too large, whether its length is told or not."""
    body = b'{"name": "large"}'.ljust(MAX_BODY_SIZE)
    headers = {"Content-Type": "application/json"}
    assert serving.post(content=body, headers=headers).status_code == 201
    assert serving.post(content=iter([body]), headers=headers).status_code == 201


def test_only_a_digest_is_kept(serving: Serving) -> None:
    """The database holds a token's SHA-256 and its prefix, and nothing that its secret could be told from."""
    made = serving.key(name="only a digest is kept")
    token = made["token"]
    if serving.database_url.startswith("sqlite"):
        path = Path(serving.database_url.removeprefix("sqlite:///"))
        kept = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
        with closing(sqlite3.connect(path)) as connection:
            [(digest,)] = connection.execute("SELECT digest FROM api_keys WHERE prefix = ?", [made["prefix"]])
    else:
        kept, digest = asyncio.run(row_of(serving.database_url, made["prefix"]))
    assert digest == sha256(token.encode()).digest()
    assert b"only a digest is kept" in kept
    assert made["prefix"].encode() in kept
    secret = token.removeprefix(made["prefix"])
    for trace in (token, secret, secret[:-6], token.encode().hex(), secret.encode().hex()):
        assert trace.encode() not in kept


async def row_of(url: str, prefix: str) -> tuple[bytes, bytes]:
    """A key's row as PostgreSQL writes it, and its digest."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow("SELECT api_keys::text AS row, digest FROM api_keys WHERE prefix = $1", prefix)
    finally:
        await connection.close()
    return row["row"].encode(), row["digest"]


def test_the_log_holds_no_secret(serving: Serving) -> None:
    """No token of a caller or of a new key is in the log, whatever became of the request."""
    made = serving.key(name="not in the log")
    refused = serving.post({"name": "x"}, token=made["token"])
    assert refused.status_code == 403
    log = serving.running.log.read_text()
    for token in (made["token"], serving.token):
        assert token not in log
        assert token[17:] not in log


def test_dev_acts_for_development(dev: Serving) -> None:
    """`dev` makes a key for a caller without a token, any scope and env, always for the one organisation."""
    first = dev.key(scopes=["*", "anything"], env="live")
    second = dev.key()
    assert list(first) == MEMBERS
    assert first["org_id"] == second["org_id"]
    assert first["token"].startswith("imt_live_")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic dXNlcjpwYXNz",
        "anything",
        "Bearer imt_test_short",
        "null",
        "Bearer é",
    ],
)
def test_dev_takes_any_header_that_holds_no_token(dev: Serving, header: str) -> None:
    """The document says that the header is any string: what is no token of ours is nobody's, and so anonymous."""
    body = b'{"name": "key"}'
    with Wire(dev.running.url) as wire:
        length = b"Content-Length: %d" % len(body)
        wire.ask(
            b"POST",
            KEYS.encode(),
            b"Authorization: " + header.encode(),
            b"Content-Type: application/json",
            length,
            body=body,
        )
        assert wire.answer().status == 201


def test_dev_judges_a_token_as_serve_does(dev: Serving) -> None:
    """With a token `dev` lets its key do what the key may."""
    made = dev.key(scopes=["*"])
    answer = dev.post({"name": "child", "scopes": ["a"]}, token=made["token"])
    assert answer.status_code == 201
    assert answer.json()["org_id"] == made["org_id"]
