"""`imtegrate orgs create`: an organisation, and the one time that its root key is shown."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

from running import Serving, checksum_of, imtegrate

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
