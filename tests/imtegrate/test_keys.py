"""`imtegrate keys create|list|show|rotate|revoke|verify`."""

import json
import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from running import IMTEGRATE, Serving, faults_of, imtegrate, unknown_token

MEMBERS = ["id", "org_id", "prefix", "name", "scopes", "env", "last_used_at", "revoked_at", "created_at"]


@pytest.fixture(scope="module")
def revoked(serving: Serving) -> dict[str, Any]:
    """A key that was revoked by its id, twice, and what was printed each time."""
    key = serving.key(scopes=["*"], name="to be revoked")
    printed = [serving.command("keys", "revoke", key["id"], "--json") for _ in range(2)]
    return {"key": key, "printed": printed}


def test_the_list_is_one_json_value(serving: Serving) -> None:
    """`keys list --json` prints one JSON array, oldest first, each key as its answer told it, and no secret."""
    made = serving.key(name="listed", scopes=["a", "b"], env="test")
    done = serving.command("keys", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(done.stdout)
    assert [list(key) for key in listed] == [MEMBERS] * len(listed)
    assert [key["created_at"] for key in listed] == sorted(key["created_at"] for key in listed)
    assert listed[-1] == {**{member: made[member] for member in MEMBERS if member != "env"}, "env": "test"}
    for token in (made["token"], serving.token):
        assert token[17:] not in done.stdout


def test_the_list_is_a_table(serving: Serving) -> None:
    """`keys list` prints a table in which every cell is whole, with no secret and no character that steers."""
    made = serving.key(name="in a table \x1b[31m\u202e", scopes=["a" * 200])
    done = serving.command("keys", "list")
    assert (done.returncode, done.stderr) == (0, "")
    [row] = [line for line in done.stdout.splitlines() if made["id"] in line]
    for shown in (made["prefix"], "a" * 200, "in a table \\u001b[31m\\u202e", made["created_at"]):
        assert shown in row
    for token in (made["token"], serving.token):
        assert token[17:] not in done.stdout


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    """Without any key the list is empty, which is no error."""
    done = imtegrate("keys", "list", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_last_use_is_told(serving: Serving) -> None:
    """A key that has made a key was used at that moment, to the minute; one that has not, never."""
    made = serving.key(scopes=["*"])
    child = serving.post({"name": "child"}, token=made["token"]).json()
    listed = serving.listed()
    assert listed[child["id"]]["last_used_at"] is None
    used = datetime.fromisoformat(listed[made["id"]]["last_used_at"])
    assert abs(used - datetime.fromisoformat(child["created_at"])) < timedelta(minutes=1)
    assert used.utcoffset() == timedelta(0)


def test_revoking_twice_is_no_error(revoked: dict[str, Any]) -> None:
    """A key that is revoked already stays so, since the moment it first was."""
    first, second = revoked["printed"]
    assert [(done.returncode, done.stderr) for done in (first, second)] == [(0, "")] * 2
    told = json.loads(first.stdout)
    assert list(told) == MEMBERS
    assert datetime.fromisoformat(told["revoked_at"]).utcoffset() == timedelta(0)
    assert json.loads(second.stdout) == told


def test_a_key_is_revoked_by_its_prefix(serving: Serving) -> None:
    """The prefix, which is in every list and log, names a key as well as its id; others stay as they are."""
    made, other = serving.key(scopes=["*"]), serving.key(scopes=["*"])
    done = serving.command("keys", "revoke", made["prefix"])
    assert (done.returncode, done.stderr) == (0, "")
    assert made["prefix"] in done.stdout
    faults_of(serving.post({"name": "child"}, token=made["token"]), 401)
    assert serving.post({"name": "child"}, token=other["token"]).status_code == 201


def test_an_unknown_key_is_told(serving: Serving) -> None:
    """What names no key is one line that says so and where to look, exit 1."""
    done = serving.command("keys", "revoke", "imt_live_00000000")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "imtegrate keys list" in done.stderr


def test_a_token_is_no_name_of_a_key(serving: Serving) -> None:
    """Who revokes by the token is refused, without the token being repeated on the terminal."""
    made = serving.key(scopes=["*"])
    done = serving.command("keys", "revoke", made["token"])
    assert done.returncode == 1
    assert made["token"][17:] not in done.stdout + done.stderr
    assert serving.post({"name": "child"}, token=made["token"]).status_code == 201


def test_a_good_token_is_verified(serving: Serving) -> None:
    """A good token, read from stdin, is told by its prefix, exit 0, and is not repeated."""
    done = serving.command("keys", "verify", stdin=f"{serving.token}\r\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert serving.root["prefix"] in done.stdout
    assert serving.token[17:] not in done.stdout


def test_a_good_token_is_verified_for_programs(serving: Serving) -> None:
    """`--json` prints one JSON value: that the token is good, and whose it is."""
    done = serving.command("keys", "verify", "--json", stdin=serving.token)
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["valid"], verdict["id"]) == (0, True, serving.root["key_id"])
    assert serving.token[17:] not in done.stdout


def test_a_token_has_to_come_from_somewhere(serving: Serving) -> None:
    """Where stdin is closed, that is said in a line, exit 1."""
    command = [*IMTEGRATE, "keys", "verify", "--database-url", serving.database_url]
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join(command)} <&-"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert "stdin is closed" in done.stderr


def test_a_bad_token_is_refused(serving: Serving, revoked: dict[str, Any]) -> None:
    """A mistyped, an unknown and a revoked token are told apart to the operator, exit 1, and never repeated."""
    tokens = {
        "nonsense": "checksum",
        serving.token[:-1] + ("a" if serving.token[-1] != "a" else "b"): "checksum",
        unknown_token(): "no key has",
        revoked["key"]["token"]: "revoked since",
    }
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda token: serving.command("keys", "verify", stdin=token), tokens))
    for (token, reason), done in zip(tokens.items(), verdicts, strict=True):
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert reason in done.stderr
        assert token not in done.stderr


def test_a_bad_token_is_refused_for_programs(serving: Serving, revoked: dict[str, Any]) -> None:
    """`--json` prints one JSON value for bad tokens too, with exit 1."""
    token = revoked["key"]["token"]
    done = serving.command("keys", "verify", "--json", stdin=token)
    assert (done.returncode, done.stderr) == (1, "")
    verdict = json.loads(done.stdout)
    assert (verdict["valid"], verdict["id"]) == (False, revoked["key"]["id"])
    assert verdict["reason"]
    assert token not in done.stdout


def test_no_command_takes_a_token_as_an_argument(tmp_path: Path) -> None:
    """`keys verify` has no argument: what stands in a command line, every user of the machine can read."""
    token = unknown_token()
    for arguments in (("keys", "verify", token), ("keys", token), (token,), ("keys", "list", f"--{token}")):
        done = imtegrate(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        assert token[17:] not in done.stderr


@pytest.mark.parametrize("option", ["--name", "--scope"])
def test_what_a_key_holds_is_text(tmp_path: Path, option: str) -> None:
    """A key's name or scope that is not UTF-8 is a usage error, which names the option."""
    named = () if option == "--name" else ("--name", "key")
    done = imtegrate("keys", "create", "--org", "Example", *named, option, os.fsdecode(b"caf\xe9"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option}: not UTF-8" in done.stderr
