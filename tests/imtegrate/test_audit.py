"""`imtegrate audit`: who did what, by HTTP and by the command line."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from running import Serving, create_organisation, faults_of, unknown_token

MEMBERS = ["at", "action", "key_id", "org_id", "subject_id", "address", "request_id", "document", "detail"]


def events(serving: Serving, *options: str) -> list[dict[str, Any]]:
    """What `audit --json` prints."""
    done = serving.command("audit", "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    told: list[dict[str, Any]] = json.loads(done.stdout)
    assert [list(event) for event in told] == [MEMBERS] * len(told)
    return told


@pytest.fixture(scope="module")
def document(serving: Serving) -> str:
    """SHA-256 of the document in force, as anybody can take it."""
    return sha256(serving.http.get("/openapi.json").content).hexdigest()


def test_a_creation_is_one_line(serving: Serving, document: str) -> None:
    """A 201 is one line: which key made which, from where, under which request id and document."""
    answer = serving.post({"name": "told"}, headers={"X-Request-ID": "told-201"})
    [told] = [event for event in events(serving) if event["request_id"] == "told-201"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(told.pop("at"))) < timedelta(minutes=1)
    assert told == {
        "action": "key.created",
        "key_id": serving.root["key_id"],
        "org_id": serving.root["org_id"],
        "subject_id": answer.json()["id"],
        "address": "127.0.0.1",
        "request_id": "told-201",
        "document": document,
        "detail": "",
    }


@pytest.mark.parametrize(
    ("scopes", "body", "why"),
    [
        ([], {"name": "child"}, "api-keys:write"),
        (["api-keys:write"], {"name": "child", "scopes": ["*"]}, "body/scopes/0"),
    ],
    ids=["may-not-write", "gives-what-it-lacks"],
)
def test_a_refusal_for_lack_of_right_is_one_line(
    serving: Serving, document: str, scopes: list[str], body: dict[str, Any], why: str
) -> None:
    """A 403 is exactly one line: which key was refused what, from where, and nothing was made."""
    weak = serving.key(scopes=scopes)
    request_id = f"told-403-{len(scopes)}"
    faults_of(serving.post(body, token=weak["token"], headers={"X-Request-ID": request_id}), 403)
    [told] = [event for event in events(serving) if event["request_id"] == request_id]
    assert why in told["detail"]
    del told["at"], told["detail"]
    assert told == {
        "action": "key.refused",
        "key_id": weak["id"],
        "org_id": serving.root["org_id"],
        "subject_id": None,
        "address": "127.0.0.1",
        "request_id": request_id,
        "document": document,
    }


def test_what_is_no_matter_of_right_is_no_line(serving: Serving) -> None:
    """Neither a request without a good token (401) nor one that breaks the document (422) is told."""
    before = len(events(serving))
    faults_of(serving.post({"name": "child"}, token=unknown_token()), 401)
    faults_of(serving.post({"name": "child"}, token=""), 401)
    faults_of(serving.post({"name": 1}), 422)
    assert len(events(serving)) == before


def test_the_operators_doing_is_told(serving: Serving) -> None:
    """What the command line makes, rotates and revokes is a line each, of no key; revoking again is none."""
    org = create_organisation(serving.database_url, serving.folder, "told")
    name = ("--org", org["org_id"], "--name", "k", "--json")
    made = json.loads(serving.command("keys", "create", *name).stdout)
    successor = json.loads(serving.command("keys", "rotate", made["prefix"], "--json").stdout)
    serving.revoke(made)
    serving.revoke(made)
    assert serving.command("keys", "rotate", made["prefix"]).returncode == 1
    told = events(serving, "--org", org["org_id"])
    assert [(event["action"], event["subject_id"]) for event in told] == [
        ("organisation.created", org["org_id"]),
        ("key.created", org["key_id"]),
        ("key.created", made["id"]),
        ("key.rotated", successor["id"]),
        ("key.revoked", made["id"]),
    ]
    assert {(event["key_id"], event["address"], event["request_id"], event["document"]) for event in told} == {
        (None, "", "", None)
    }
    assert made["prefix"] in told[3]["detail"]
    assert events(serving, "--org", org["org_id"], "--limit", "2") == told[3:]
    assert events(serving, "--org", "told") == told


def test_since(serving: Serving) -> None:
    """`--since` takes a duration or a moment, which itself is within."""
    told = events(serving)
    assert events(serving, "--since", "24h") == told
    assert events(serving, "--since", "0s") == []
    assert events(serving, "--since", told[-1]["at"]) == told[-1:]
    assert events(serving, "--since", "2100-01-01") == []
    for nonsense in ("yesterday", "24", "-1h", "9999999d", "2030-13-01"):
        done = serving.command("audit", "--since", nonsense)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr


def test_it_holds_no_secret(serving: Serving) -> None:
    """Neither the table nor the JSON shows more of a token than its prefix; of an unknown organisation it is silent."""
    made = serving.key(scopes=["*"])
    for options in ((), ("--json",)):
        done = serving.command("audit", *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert made["id"] in done.stdout
        assert made["token"][17:] not in done.stdout
        assert serving.token[17:] not in done.stdout
    done = serving.command("audit", "--org", made["token"])
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert made["token"][17:] not in done.stderr
