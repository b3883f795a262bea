"""The guides: every command in them is run as it stands, and every table of settings is true."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from running import IMTEGRATE, START_TIMEOUT, free_port, imtegrate

ROOT = Path(__file__).parents[2]
GUIDES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

NOT_RUN: Final[dict[str, str]] = {}
"""Commands that cannot be run here, each with the reason."""

SERVERS: Final = ("imtegrate dev", "imtegrate serve", "imtegrate mock")
"""Commands that stay: they are left running until another one takes their port, or the guide ends."""

BEFORE: Final = {"README.md": "imtegrate dev"}
"""What a guide takes to be running already: it says so in a block that a person types otherwise."""

IN_A_CHECKOUT: Final = ("tutorial.md",)
"""Guides whose reader has the handlers beside the document."""

PLACEHOLDER: Final = "imt_live_0a1B2c3D"
"""Stands for the prefix of a key that the reader has made."""


def commands(guide: Path) -> list[str]:
    """What stands after `$ ` in the guide's console blocks, with the lines that continue it."""
    blocks = re.findall(r"^```console\n(.*?)^```", guide.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [found for block in blocks for found in re.findall(r"^\$ ((?:.*\\\n)*.*)", block, flags=re.MULTILINE)]


class Reader:
    """Someone who types what a guide says, in a folder with the document."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, str(free_port())
        self.server: subprocess.Popen[bytes] | None = None
        self.environment = {**os.environ, "HOME": str(folder), "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        self.prefix = PLACEHOLDER
        program = folder / "bin" / "imtegrate"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {" ".join(IMTEGRATE)} "$@"\n')
        program.chmod(0o755)
        shutil.copy(ROOT / "openapi.json", folder)
        (folder / ".curlrc").write_text("fail-with-body\nsilent\n")

    def type(self, command: str) -> None:
        """Run a command; remember what it shows once, as a reader would."""
        command = re.sub(r"\b8000\b", self.port, command).replace(PLACEHOLDER, self.prefix)
        if command.startswith(SERVERS):
            # Behind the program's words: a comment may end the line.
            given = re.sub(r"^imtegrate \w+", rf"\g<0> --port {self.port}", command)
            self.serve(command if self.port in command else given)
            return
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            # Who looks for what an edit brings looks again: `dev` takes a moment to follow it.
            if done.returncode == 0 or "| grep" not in command or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if '"token"' in done.stdout:
            made = json.loads(done.stdout)
            self.environment["TOKEN"], self.prefix = made["token"], made["prefix"]

    def serve(self, command: str) -> None:
        """Start what stays, in the place of what ran before, and wait until it answers."""
        self.leave()
        self.server = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_TIMEOUT
        ask = ["curl", "--silent", f"http://127.0.0.1:{self.port}/healthz"]
        while subprocess.run(ask, capture_output=True, check=False).returncode != 0:
            assert self.server.poll() is None, f"it ended: {command}"
            assert time.monotonic() < deadline, f"it does not answer: {command}"
            time.sleep(0.1)

    def leave(self) -> None:
        """Stop what stays."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait(START_TIMEOUT)


@pytest.mark.parametrize("guide", [guide for guide in GUIDES if commands(guide)], ids=lambda guide: guide.name)
def test_its_commands_run(guide: Path, tmp_path: Path) -> None:
    """Whoever types the commands of a guide, one after the other, sees none of them fail."""
    reader = Reader(tmp_path)
    if guide.name in IN_A_CHECKOUT:
        shutil.copytree(ROOT / "handlers", tmp_path / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    try:
        if guide.name in BEFORE:
            reader.serve(f"{BEFORE[guide.name]} --port {reader.port}")
        for command in commands(guide):
            if command not in NOT_RUN:
                reader.type(command)
    finally:
        reader.leave()


def test_what_is_not_run_is_in_a_guide() -> None:
    """No command is excepted that no guide has."""
    assert set(NOT_RUN) <= {command for guide in GUIDES for command in commands(guide)}


def test_the_table_of_settings_is_true(tmp_path: Path) -> None:
    """`operate.md` names every setting in order, with the flag, the variable and the default that it has."""
    rows = re.findall(
        r"^\| `(\w+)` \| `(--\S+)` \| (.*?) \| (.*?) \|", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE
    )
    found = json.loads(imtegrate("settings", "--json", cwd=tmp_path).stdout)
    assert [row[0] for row in rows] == [setting["name"] for setting in found]
    usage = " ".join(imtegrate("serve", "--help", cwd=tmp_path).stdout.split())
    for (name, flag, variable, default), setting in zip(rows, found, strict=True):
        assert flag == f"--{name.replace('_', '-')}"
        assert f"{flag} " in usage
        if variable != "none":
            assert f"[env var: {variable.strip('`')}" in usage
        if name != "spec":
            assert default == f"`{setting['value']}`"


def test_the_site_is_built(tmp_path: Path) -> None:
    """MkDocs builds the guides, finds every link's end, and fetches nothing from elsewhere."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text()
    assert re.findall(r'<(?:script|link)[^>]+(?:src|href)="(?:https?:)?//[^"]+', page) == []
