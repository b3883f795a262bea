"""`imtegrate orgs create|list`: organisations, and the one time that a root key is shown."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from running import Serving, checksum_of, create_organisation, imtegrate

MEMBERS = ["org_id", "name", "key_id", "prefix", "token", "scopes", "env", "created_at"]


def test_it_prints_one_json_value(serving: Serving) -> None:
    """`--json` prints one JSON value and nothing else, and the token in it is live, holds everything, and works."""
    done = serving.command("orgs", "create", "Example Ltd \U0001f511\u202e", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout)
    assert list(made) == MEMBERS
    assert (made["name"], made["scopes"], made["env"]) == ("Example Ltd \U0001f511\u202e", ["*"], "live")
    assert made["token"].startswith(made["prefix"])
    assert made["token"][-6:] == checksum_of(made["token"][:-6])
    answer = serving.post({"name": "first", "env": "live", "scopes": ["anything"]}, token=made["token"])
    assert answer.status_code == 201
    assert answer.json()["org_id"] == made["org_id"]
    root = serving.listed()[made["key_id"]]
    assert (root["org_id"], root["name"], root["prefix"]) == (made["org_id"], "root", made["prefix"])


def test_each_is_another(serving: Serving) -> None:
    """Two organisations of one name are two, whose keys make keys for their own only."""
    made = serving.command("orgs", "create", serving.root["name"], "--json")
    other = json.loads(made.stdout)
    assert other["org_id"] != serving.root["org_id"]
    assert UUID(other["org_id"]).version == 7
    assert serving.post({"name": "key"}, token=other["token"]).json()["org_id"] == other["org_id"]


def test_people_are_shown_the_token_whole(tmp_path: Path) -> None:
    """Without `--json` there is a table, and the token in it is whole, however narrow the output."""
    done = imtegrate("orgs", "create", "Example", cwd=tmp_path, env={"COLUMNS": "20"})
    assert done.returncode == 0
    [token] = [line.split()[1] for line in done.stdout.splitlines() if line.split()[:1] == ["token"]]
    assert token[-6:] == checksum_of(token[:-6])


def test_it_makes_its_sqlite_file(tmp_path: Path) -> None:
    """It can be the first command of all: the file is made, for its user only, and holds no token."""
    done = imtegrate("orgs", "create", "Example", "--json", cwd=tmp_path)
    path = tmp_path / "imtegrate.db"
    assert path.stat().st_mode & 0o777 == 0o600
    token = json.loads(done.stdout)["token"]
    assert token[17:].encode() not in path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_names_do_not_steer_the_terminal(tmp_path: Path) -> None:
    """Control and bidirectional characters of a name are written out in a table."""
    done = imtegrate("orgs", "create", "a\x1b[31mb\u202ec", cwd=tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "\\u001b" in done.stdout


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A database that cannot be made is one line on stderr that says why, exit 1."""
    done = imtegrate("orgs", "create", "x", "--database-url", "sqlite:///nowhere/x.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "does not exist" in done.stderr


def test_they_are_listed(serving: Serving) -> None:
    """`orgs list --json` prints every organisation, oldest first, and the table tells the same."""
    made = create_organisation(serving.database_url, serving.folder, "listed")
    done = serving.command("orgs", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(done.stdout)
    assert [list(one) for one in listed] == [["id", "name", "created_at"]] * len(listed)
    assert (listed[0]["id"], listed[-1]["id"], listed[-1]["name"]) == (
        serving.root["org_id"],
        made["org_id"],
        "listed",
    )
    table = serving.command("orgs", "list").stdout
    assert all(one["id"] in table for one in listed)


def test_organisations_do_not_see_one_another(serving: Serving) -> None:
    """Every command with `--org`, and every key that is made, is of that organisation alone."""
    ours, theirs = (create_organisation(serving.database_url, serving.folder, name) for name in ("ours", "theirs"))
    for org in (ours, theirs):
        done = serving.command("keys", "create", "--org", org["org_id"], "--name", "k", "--scope", "*", "--json")
        made = json.loads(done.stdout)
        child = serving.post({"name": "child"}, token=made["token"]).json()
        assert child["org_id"] == org["org_id"]
        listed = json.loads(serving.command("keys", "list", "--org", org["org_id"], "--json").stdout)
        assert [key["id"] for key in listed] == [org["key_id"], made["id"], child["id"]]
        told = json.loads(serving.command("audit", "--org", org["name"], "--json").stdout)
        assert {event["org_id"] for event in told} == {org["org_id"]}
        subjects = [event["subject_id"] for event in told]
        assert subjects == [org["org_id"], org["key_id"], made["id"], child["id"]]
        rotated = json.loads(serving.command("keys", "rotate", made["id"], "--json").stdout)
        assert rotated["org_id"] == org["org_id"]


def test_an_organisation_has_to_be_one(serving: Serving) -> None:
    """An id or name that names none, or a name that names several, is one line, exit 1."""
    for _ in range(2):
        create_organisation(serving.database_url, serving.folder, "twins")
    for name, reason in (("nobody", "no organisation"), (str(UUID(int=0)), "no organisation"), ("twins", "2 ")):
        for command in (("keys", "create", "--name", "k"), ("keys", "list"), ("audit",)):
            done = serving.command(*command, "--org", name)
            assert (done.returncode, done.stdout) == (1, "")
            assert len(done.stderr.splitlines()) == 1
            assert reason in done.stderr


@pytest.mark.parametrize("name", [b"", b" \t", b"caf\xe9"])
def test_a_name_is_text(tmp_path: Path, name: bytes) -> None:
    """A name that is blank or not UTF-8 is a usage error, and no organisation is made: JSON is always text."""
    done = imtegrate("orgs", "create", os.fsdecode(name), "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "NAME" in done.stderr
    assert json.loads(imtegrate("orgs", "list", "--json", cwd=tmp_path).stdout) == []
