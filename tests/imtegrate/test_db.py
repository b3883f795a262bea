"""`imtegrate db upgrade`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from running import KEYS, create_organisation, imtegrate, running


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
