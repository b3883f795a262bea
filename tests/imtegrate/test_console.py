"""The console of `dev`, and progress: plain for programs, in colour on a terminal."""

import json
import os
import pty
import subprocess
from pathlib import Path
from threading import Thread

import httpx
import pytest

from running import DOCUMENT, IMTEGRATE, KEYS, START_TIMEOUT, Running, Serving, eventually, free_port, running


def test_a_request_is_a_line(dev: Serving) -> None:
    """A request is a line of method, path, status, time and operationId; the query is not in it."""
    assert dev.http.post(f"{KEYS}?token=s3cr3t", json={"name": "key"}).status_code == 201
    lines = dev.running.log.read_text().splitlines()
    [method, path, status, duration, unit, operation_id] = [line for line in lines if KEYS in line][-1].split()
    assert (method, path, status) == ("POST", KEYS, "201")
    assert float(duration) > 0
    assert (unit, operation_id) == ("ms", "create_key_v1_api_keys_post")
    assert "s3cr3t" not in dev.running.log.read_text()


def test_what_is_wrong_is_told(dev: Serving) -> None:
    """Below a request that breaks the document stands each place, and what is wrong there, without the value."""
    answer = dev.post({"name": "", "scopes": [1]})
    assert answer.status_code == 422
    lines = dev.running.log.read_text().splitlines()
    at = max(index for index, line in enumerate(lines) if f"{KEYS} 422" in line)
    wanted = [f"  {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in answer.json()["detail"]]
    assert len(wanted) == 2
    assert lines[at + 1 : at + 3] == wanted


def test_a_path_cannot_steer_the_terminal(dev: Serving) -> None:
    """Control and bidirectional characters of a path are escaped."""
    dev.http.get("/a%0Aforged%1b%5B31m%E2%80%AE")
    assert r"GET /a\u000aforged\u001b[31m\u202e 404" in dev.running.log.read_text()


def test_an_edit_is_told(tmp_path: Path) -> None:
    """After an edit it prints what callers will notice; after a broken one what is wrong, plainly, without a time."""
    document = json.loads(DOCUMENT.read_text())
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    with running("dev", cwd=tmp_path) as service:
        document["components"]["schemas"]["ApiKeyCreate"]["properties"]["name"]["minLength"] = 7
        path.write_text(json.dumps(document))
        eventually(lambda: "is in force" in service.log.read_text(), service.log.read_text)
        path.write_text("{")
        eventually(lambda: "stays in force" in service.log.read_text(), service.log.read_text)
        lines = service.log.read_text().splitlines()
    assert any("minLength" in line or "7" in line for line in lines if line.startswith("breaks"))
    assert "the last good document stays in force" in lines
    assert any(line.startswith(str(path)) and "not JSON" in line for line in lines)


class Terminal:
    """A program on a terminal of its own, and all it wrote there."""

    def __init__(self, *arguments: str, cwd: Path, **env: str) -> None:
        self._ours, theirs = pty.openpty()
        environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        self.process = subprocess.Popen(
            [*IMTEGRATE, *arguments],
            cwd=cwd,
            env={**environ, "TERM": "xterm-256color", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        self._written = b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def written(self) -> str:
        """What was written so far."""
        return self._written.decode()

    def stop(self) -> None:
        """End the program, and read the rest."""
        if self.process.poll() is None:
            Running(self.process, "", Path()).stop()
        self._reader.join(START_TIMEOUT)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # Linux: nobody has the other end open any more
                return
            if not data:
                return
            self._written += data


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_on_a_terminal(tmp_path: Path, env: dict[str, str], coloured: bool) -> None:
    """On a terminal lines are in colour, unless `NO_COLOR` is set (no-color.org)."""
    port = free_port()
    terminal = Terminal("dev", "--port", str(port), cwd=tmp_path, **env)
    try:
        eventually(lambda: "Try" in terminal.written(), terminal.written)
        httpx.get(f"http://127.0.0.1:{port}/nowhere")
        eventually(lambda: "/nowhere 404" in terminal.written(), terminal.written)
    finally:
        terminal.stop()
    assert ("\x1b[33m" in terminal.written()) is coloured


def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """What takes over a second says on a terminal what it does; here a document that is not written yet."""
    pipe = tmp_path / "slow.json"
    os.mkfifo(pipe)
    terminal = Terminal("check", "--spec", str(pipe), cwd=tmp_path)
    try:
        eventually(lambda: "Checking" in terminal.written(), terminal.written)
    finally:
        terminal.process.kill()
        terminal.stop()
