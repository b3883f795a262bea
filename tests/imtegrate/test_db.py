"""`imtegrate db`: upgrade, copy and backup."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from running import KEYS, Serving, create_organisation, imtegrate, running


def test_it_makes_the_schema_of_postgresql(make_postgresql_url: Callable[[], str], tmp_path: Path) -> None:
    """After it, an empty PostgreSQL database serves; a second time it changes nothing."""
    url = make_postgresql_url()
    for _ in range(2):
        done = imtegrate("db", "upgrade", "--database-url", url, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "")
        assert "up to date" in done.stderr
        assert "Traceback" not in done.stderr
    root = create_organisation(url, tmp_path)
    with running("serve", "--database-url", url, cwd=tmp_path) as service, service.client() as client:
        answer = client.post(KEYS, json={"name": "key"}, headers={"Authorization": f"Bearer {root['token']}"})
        assert answer.status_code == 201
    done = imtegrate("db", "upgrade", "--database-url", url, cwd=tmp_path)
    assert done.returncode == 0
    listed = imtegrate("keys", "list", "--json", "--database-url", url, cwd=tmp_path)
    assert len(json.loads(listed.stdout)) == 2


def test_it_makes_a_sqlite_file(tmp_path: Path) -> None:
    """On SQLite it makes the file, for its user only."""
    done = imtegrate("db", "upgrade", "--database-url", "sqlite:///other.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "other.db").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "imtegrate.db").exists()


@pytest.mark.parametrize(
    "url", ["postgresql://user:s3cr3t@127.0.0.1:1/x", "mysql://user:s3cr3t@h/x", "sqlite:///nowhere/x.db"]
)
def test_what_cannot_be_upgraded_is_told(tmp_path: Path, url: str) -> None:
    """A database that cannot be reached or made is one line, without its password, exit 1."""
    done = imtegrate("db", "upgrade", "--database-url", url, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "s3cr3t" not in done.stderr


def test_the_password_is_not_shown(make_postgresql_url: Callable[[], str], tmp_path: Path) -> None:
    """What it says of the database leaves the password out."""
    url = make_postgresql_url()
    scheme, _, rest = url.partition("://")
    user, _, hosts = rest.partition("@")
    name = user.partition(":")[0]
    password = user.partition(":")[2] or "s3cr3t"
    done = imtegrate("db", "upgrade", "--database-url", f"{scheme}://{name}:{password}@{hosts}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f":{password}@" not in done.stderr
    assert ":***@" in done.stderr


@pytest.mark.parametrize("command", ["upgrade", "copy", "backup"])
def test_each_command_explains_itself_with_an_example(tmp_path: Path, command: str) -> None:
    """`--help` says what it does, and shows how it is called."""
    done = imtegrate("db", command, "--help", cwd=tmp_path, env={"COLUMNS": "200"})
    assert done.returncode == 0
    assert f"Example: imtegrate db {command}" in done.stdout


def test_moving_house(make_postgresql_url: Callable[[], str], tmp_path: Path) -> None:
    """From SQLite to PostgreSQL and back: a token made before works after each move; the digests are the same."""
    first, second, third = "sqlite:///imtegrate.db", make_postgresql_url(), "sqlite:///back.db"
    root = create_organisation(first, tmp_path)
    digests = []
    for source, target in ((first, second), (second, third)):
        done = imtegrate("db", "copy", "--from", source, "--to", target, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told.keys() == {"from", "to", "tables"}
        digests.append([(table["table"], table["rows"], table["sha256"]) for table in told["tables"]])
        assert "api_keys: 1 of 1 rows copied" in done.stderr
        assert "api_keys: 1 of 1 rows checked" in done.stderr
        verified = imtegrate("keys", "verify", "--database-url", target, cwd=tmp_path, stdin=root["token"])
        assert verified.returncode == 0, verified.stderr
    assert digests[0] == digests[1]
    assert (tmp_path / "back.db").stat().st_mode & 0o777 == 0o600
    for_people = imtegrate("db", "copy", "--from", first, "--to", second, cwd=tmp_path)
    assert for_people.returncode == 0
    assert dict(line.split()[::3] for line in for_people.stdout.splitlines() if "api_keys" in line)


def test_what_cannot_be_copied_is_told(make_postgresql_url: Callable[[], str], tmp_path: Path) -> None:
    """Each fault of a copy is one line that says the mend, without a password, exit 1; nothing on stdout."""
    create_organisation("sqlite:///one.db", tmp_path)
    create_organisation("sqlite:///two.db", tmp_path)
    for source, target, word in (
        ("sqlite:///one.db", "sqlite:///./one.db", "same database"),
        ("sqlite:///none.db", "sqlite:///new.db", "does not exist"),
        (make_postgresql_url(), "sqlite:///new.db", "imtegrate db upgrade"),
        ("sqlite:///one.db", "sqlite:///two.db", "copy into an empty database"),
        ("sqlite:///one.db", "postgresql://user:s3cr3t@127.0.0.1:1/x", "database server"),
        ("postgresql://user:s3cr3t@127.0.0.1:1/x", "sqlite:///new.db", "database server"),
        ("mysql://user:s3cr3t@h/x", "sqlite:///new.db", "write sqlite:///file.db"),
    ):
        done = imtegrate("db", "copy", "--from", source, "--to", target, "--json", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, ""), (source, target)
        assert word in done.stderr.splitlines()[-1]
        assert "s3cr3t" not in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "new.db").exists()
    assert imtegrate("db", "copy", "--from", "sqlite:///one.db", cwd=tmp_path).returncode == 2


def test_a_backup_of_a_running_service_serves(make_database_url: Callable[[], str], tmp_path: Path) -> None:
    """Keys made before a backup work on a service started from it; those made after are not there."""
    url = make_database_url()
    root = create_organisation(url, tmp_path)
    with (
        running("serve", "--database-url", url, cwd=tmp_path) as service,
        closing(Serving(service, url, root, tmp_path)) as serving,
    ):
        before = serving.key(scopes=["*"])
        done = serving.command("db", "backup", "backup.db")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert "backup.db" in done.stderr
        after = serving.key(scopes=["*"])
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600
    held = (tmp_path / "backup.db").read_bytes()
    assert before["prefix"].encode() in held
    assert before["token"].removeprefix(before["prefix"]).encode() not in held
    restored = "sqlite:///backup.db"
    with (
        running("serve", "--database-url", restored, cwd=tmp_path) as service,
        closing(Serving(service, restored, root, tmp_path)) as serving,
    ):
        for token in (root["token"], before["token"]):
            assert serving.post({"name": "key"}, token=token).status_code == 201
        assert serving.post({"name": "key"}, token=after["token"]).status_code == 401


def test_a_backup_replaces_nothing_unless_told(tmp_path: Path) -> None:
    """A file that is there is one line and exit 1; with --force it is replaced."""
    create_organisation("sqlite:///imtegrate.db", tmp_path)
    (tmp_path / "backup.db").write_text("precious")
    done = imtegrate("db", "backup", "backup.db", cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "--force" in done.stderr
    assert (tmp_path / "backup.db").read_text() == "precious"
    assert imtegrate("db", "backup", "backup.db", "--force", cwd=tmp_path).returncode == 0
    assert imtegrate("db", "backup", "imtegrate.db", "--force", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize("escaped", [False, True])
def test_a_file_may_have_any_name(tmp_path: Path, escaped: bool) -> None:
    """A SQLite file whose name is not UTF-8 is made, used and backed up, its bytes escaped in the URL or not."""
    name = os.fsdecode(b"caf\xe9.db")
    url = "sqlite:///caf%E9.db" if escaped else f"sqlite:///{name}"
    made = create_organisation(url, tmp_path)
    assert (tmp_path / name).exists()
    with running("serve", "--database-url", url, cwd=tmp_path) as service, service.client() as client:
        answer = client.post(KEYS, json={"name": "key"}, headers={"Authorization": f"Bearer {made['token']}"})
        assert answer.status_code == 201
    for command in (("upgrade",), ("backup", os.fsdecode(b"\xe9.bak"))):
        done = imtegrate("db", *command, "--database-url", url, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / os.fsdecode(b"\xe9.bak"))) as backup:
        assert backup.execute("SELECT count(*) FROM api_keys").fetchone() == (2,)
