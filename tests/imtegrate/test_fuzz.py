"""`imtegrate fuzz`: what it finds, what it says was met, and that it keeps secrets."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import yaml

from running import DOCUMENT, IMTEGRATE, create_organisation, running

WORKFLOW = DOCUMENT.parent / "docs" / "ci-github.yml"

NAME = "/components/schemas/ApiKeyCreate/properties/name"


def fuzz(*arguments: str | Path, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run it with few examples, from a fixed seed."""
    return subprocess.run(
        [*IMTEGRATE, "fuzz", "--max-examples", "10", "--seed", "1", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


class Careless(BaseHTTPRequestHandler):
    """Takes everything, answers what its document does not have, and shows a secret."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Publish the document."""
        self._answer(200, DOCUMENT.read_bytes())

    def do_POST(self) -> None:
        """Answer wrongly."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(201, json.dumps({"token": "imt_live_" + "a" * 46, "id": self.headers["Authorization"]}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        """Say nothing."""


@pytest.fixture
def careless() -> Iterator[str]:
    """The URL of a service that breaks its document."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_published_document_is_met_and_nothing_is_found(tmp_path: Path) -> None:
    """A service is started, fuzzed and ended; keywords are seen both ways, both statuses met, and nothing is left."""
    done = fuzz("--spec", DOCUMENT, "--json", "--junit", "junit.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["passed"]
    assert said["seed"] == 1
    keywords = {each["pointer"]: each for each in said["coverage"]["keywords"]}
    for keyword in ("minLength", "maxLength", "type"):
        assert keywords[f"{NAME}/{keyword}"]["accepting"] > 0
        assert keywords[f"{NAME}/{keyword}"]["refusing"] > 0
    met = {each["status"]: each["met"] for each in said["coverage"]["statuses"]}
    assert met["201"] > 0
    assert met["422"] > 0
    # No header is null: that is said, rather than passed over.
    null = "/paths/~1v1~1api-keys/post/parameters/0/schema/anyOf/1/type"
    assert f"{null}: never seen accepting" in said["coverage"]["never"]
    assert {each["operation"] for each in said["tried"]} == {"POST /v1/api-keys"}
    assert ET.parse(tmp_path / "junit.xml").getroot().get("failures") == "0"  # noqa: S314 (made above)
    assert [path.name for path in tmp_path.iterdir()] == ["junit.xml"]


def test_a_service_that_breaks_its_document_is_found_out(careless: str, tmp_path: Path) -> None:
    """The failures, how to reproduce them, exit 1, and JUnit; no token is shown, whoever's."""
    token = "a-token-of-somebody"
    done = fuzz("--url", careless, "--junit", "junit.xml", cwd=tmp_path, stdin=f"{token}\n")
    assert done.returncode == 1, done.stderr
    assert "curl -X POST" in done.stdout
    assert re.search(r"POST /v1/api-keys +response_schema_conformance +\d+ .*\d", done.stdout)
    assert "seed 1: FAILED" in done.stdout
    assert "status 422 never met" in done.stdout
    junit = (tmp_path / "junit.xml").read_text()
    assert int(ET.fromstring(junit).get("failures", "0")) > 0  # noqa: S314 (made above)
    for text in (done.stdout, done.stderr, junit):
        assert token not in text
        assert "imt_live_aaa" not in text


def test_a_running_service_is_fuzzed_with_the_token_of_a_file(tmp_path: Path) -> None:
    """With --url nothing is started; the token lets the requests in, and without one none gets in."""
    url = f"sqlite:///{tmp_path / 'own.db'}"
    (tmp_path / "token").write_text(create_organisation(url, tmp_path)["token"] + "\n")
    with running("serve", "--spec", DOCUMENT, "--database-url", url, cwd=tmp_path) as service:
        done = fuzz("--url", service.url, "--token-file", "token", cwd=tmp_path)
        without = fuzz("--url", service.url, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"POST /v1/api-keys +201 +[1-9]", done.stdout)
    assert "nothing was found" in done.stdout
    assert "POST /v1/api-keys: status 201 never met" in without.stdout


def test_a_fresh_seed_is_printed_before_it_runs(tmp_path: Path) -> None:
    """What was found once can be found again: the seed is said even where the run comes to nothing."""
    (tmp_path / "openapi.json").write_bytes(DOCUMENT.read_bytes())
    done = subprocess.run(
        [*IMTEGRATE, "fuzz", "--max-examples", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert re.search(r"seed \d+", done.stderr)
    assert re.search(r"seed \d+", done.stdout)


def test_the_workflow_does_what_it_says(tmp_path: Path) -> None:
    """Its commands are the program's, and pass where the document is the published one."""
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["contract"]["steps"]
    (tmp_path / "openapi.json").write_bytes(DOCUMENT.read_bytes())
    commands = [step["run"].split() for step in steps if step.get("run", "").startswith("imtegrate ")]
    assert [command[1] for command in commands] == ["check", "fuzz"]
    for command in commands:
        few = ["--max-examples", "5"] if command[1] == "fuzz" else []
        done = subprocess.run(
            [*IMTEGRATE, *command[1:], *few], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "fuzz.xml").is_file()


def test_what_was_started_is_ended_with_it(tmp_path: Path) -> None:
    """SIGTERM ends the service and schemathesis too, and nothing is left of the temporary folder."""
    program = [*IMTEGRATE, "fuzz", "--spec", DOCUMENT, "--max-examples", "100000"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    log = tmp_path.with_name(f"{tmp_path.name}.log")
    with log.open("w") as output:
        process = subprocess.Popen(program, cwd=tmp_path, env=env, stderr=output, stdout=output)
    try:
        deadline = time.monotonic() + 60
        while (announced := re.search(r"http://[0-9.:]+(?= by)", log.read_text())) is None:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        assert httpx.get(f"{announced[0]}/healthz", timeout=30).status_code == 200
    finally:
        process.terminate()
        code = process.wait(60)
    assert code == 128 + signal.SIGTERM
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{announced[0]}/healthz", timeout=30)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--url", "nowhere"), 2, "--url"),
        (("--url", "http://user:secret@127.0.0.1:1"), 2, "--url"),
        (("--junit", "none/junit.xml"), 2, "--junit"),
        (("--token-file", "token"), 2, "--token-file"),
        (("--url", "http://127.0.0.1:1", "--database-url", "sqlite:///a.db"), 2, "--database-url"),
        (("--url", "http://127.0.0.1:1"), 1, "http://127.0.0.1:1/openapi.json: "),
        (("--url", "http://127.0.0.1:1", "--token-file", "none"), 1, "none: No such file or directory"),
        (("--spec", "none.json"), 1, "none.json"),
    ],
)
def test_what_cannot_be_fuzzed_is_said(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    """Wrong usage ends with 2; what is not there is named in one line, and ends with 1."""
    done = fuzz(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if code == 1:
        assert len(done.stderr.splitlines()) == 1


def test_without_schemathesis_it_says_how_to_get_it(tmp_path: Path) -> None:
    """It is an optional extra: one line, exit 1."""
    program = "import sys; sys.modules['schemathesis'] = None; from imtegrate.main import app; app(['fuzz'])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "imtegrate: schemathesis is not installed; pip install imtegrate[fuzz]\n"
