"""`imtegrate dev`: one person, on loopback."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from running import DOCUMENT, KEYS, Serving, faults_of, imtegrate, imtegrate_each, running


def test_it_makes_its_database(dev: Serving) -> None:
    """In an empty folder, with no option, it makes a database that only its user may read, and answers."""
    path = dev.folder / "imtegrate.db"
    dev.key()
    for file in dev.folder.glob(f"{path.name}*"):
        assert file.stat().st_mode & 0o777 == 0o600, file
    assert path.exists()


def test_it_says_where_it_listens(dev: Serving) -> None:
    """It prints the document it serves, where it listens, where the docs are, and a line to try."""
    printed = dict(line.split(maxsplit=1) for line in dev.running.log.read_text().splitlines()[:4])
    assert list(printed) == ["Serving", "Listening", "Docs", "Try"]
    assert Path(printed["Serving"]).name == "openapi.json"
    assert printed["Listening"] == dev.running.url
    page = httpx.get(printed["Docs"])
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


def test_the_line_to_try_works(dev: Serving) -> None:
    """The printed `curl` line makes a key when a shell runs it as it is."""
    assert shutil.which("curl"), "install curl: the line that is printed is for it"
    [line] = re.findall(r"^Try\s+(curl .+)$", dev.running.log.read_text(), flags=re.MULTILINE)
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 (a shell is meant)
    made = json.loads(done.stdout)
    assert made["token"].startswith(made["prefix"])


def test_the_line_to_try_takes_no_bad_example(tmp_path: Path) -> None:
    """An example that its schema refuses is left out of the line to try; the document is served all the same."""
    document = json.loads(DOCUMENT.read_text())
    document["components"]["schemas"]["ApiKeyCreate"]["properties"]["name"]["examples"] = ["x"]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    with running("dev", cwd=tmp_path) as service:
        [body] = re.findall(r"^Try\s+curl .+ -d '(.+)'$", service.log.read_text(), flags=re.MULTILINE)
        assert httpx.post(service.url + KEYS, json=json.loads(body)).status_code == 201


def test_nobody_is_development(dev: Serving) -> None:
    """Who sends no token acts for one organisation, whose name is `development`, across restarts."""
    made = dev.key()
    assert dev.listed()[made["id"]]["org_id"] == made["org_id"]


def test_it_binds_loopback_only(tmp_path: Path) -> None:
    """Any address but a loopback one is a usage error that names `serve`; nothing is made."""
    hosts = ("192.0.2.1", "::", "::ffff:192.0.2.1", "example.com", "")
    for done in imtegrate_each([("dev", "--host", host) for host in hosts], tmp_path):
        assert done.returncode == 2
        assert "loopback" in done.stderr
        assert "imtegrate serve" in done.stderr
    assert not list(tmp_path.iterdir())


def test_it_binds_loopback_only_by_the_environment(tmp_path: Path) -> None:
    """The environment cannot have it bind anything else either."""
    assert imtegrate("dev", cwd=tmp_path, env={"IMTEGRATE_HOST": "0.0.0.0"}).returncode == 2  # noqa: S104


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "192.0.2.1",
        "user@evil.example",
        "[::ffff:192.0.2.1]",
        "127.0.0.1@evil.example",
    ],
)
@pytest.mark.parametrize("path", [KEYS, "/openapi.json", "/docs", "/metrics", "/nowhere"])
def test_a_foreign_host_is_refused(dev: Serving, host: str, path: str) -> None:
    """A `Host` that is not of the loopback is 421, whatever is asked: no web page comes in by DNS rebinding."""
    answer = dev.http.post(path, json={"name": "key"}, headers={"Host": host})
    assert [fault["loc"] for fault in faults_of(answer, 421)] == [["header", "Host"]]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:1", "[::1]:8000", "api.localhost"]
)
def test_a_loopback_host_is_answered(dev: Serving, host: str) -> None:
    """Every name and address of the loopback is answered, with any port."""
    assert dev.http.post(KEYS, json={"name": "key"}, headers={"Host": host}).status_code == 201


def test_keys_outlive_it(tmp_path: Path) -> None:
    """What was made before it was killed is there when it is started again, for the same organisation."""
    with running("dev", cwd=tmp_path) as service, service.client() as client:
        first = client.post(KEYS, json={"name": "first", "scopes": ["*"]}).json()
        service.process.kill()
        service.process.wait()
    with running("dev", cwd=tmp_path) as service, service.client() as client:
        second = client.post(KEYS, json={"name": "second"}).json()
        headers = {"Authorization": f"Bearer {first['token']}"}
        assert client.post(KEYS, json={"name": "third"}, headers=headers).status_code == 201
        assert service.stop() == 0
    assert second["org_id"] == first["org_id"]
