"""Documents made to exhaust who reads them: every command says so in one line, in little time and memory."""

import os
import resource
import subprocess
from pathlib import Path
from typing import Final

import pytest

from running import DOCUMENT, IMTEGRATE, START_TIMEOUT

MAX_MEMORY: Final = 3 << 30
"""Bytes of address space that a command may take: a bomb takes all that there is."""

HEAD: Final = 'openapi: "3.1.0"\ninfo: {title: x, version: "1"}\npaths: {}\nx-y:\n'


def bomb(nest: str, join: str) -> str:
    """Each line stands for the one before nine times over: 9^30 values."""
    lines = [f"  a{n}: &a{n} " + nest % join.join([f"*a{n - 1}"] * 9) for n in range(1, 31)]
    return HEAD + "\n".join(["  a0: &a0 {k: 1}", *lines, ""])


BOMBS: Final = {
    "lists": (bomb("[%s]", ","), 11, "over 1000000 values"),
    "merges": (bomb("{<<: [%s]}", ","), 11, "over 1000000 values"),
    "nesting": (HEAD + "  " + "[" * 100_000 + "]" * 100_000, 5, "over 200 levels"),
    "nesting by indentation": (HEAD + "  " + "- " * 100_000 + "x", 5, "over 200 levels"),
    "an alias below its anchor": (HEAD + "  &a [*a]", 5, "an alias stands below its anchor"),
}


def said_by(command: str, path: Path, folder: Path) -> tuple[int, str]:
    """The exit code of a command that is given a document, and what it says; it may take `MAX_MEMORY`."""
    arguments = [command, DOCUMENT, path] if command == "diff" else [command, "--spec", path]
    done = subprocess.run(
        [*IMTEGRATE, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "IMTEGRATE_PORT": "0"} if command == "dev" else None,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY)),
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_named(tmp_path: Path, case: str) -> None:
    """What is short and stands for much is refused where it begins to."""
    text, line, message = BOMBS[case]
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    code, said = said_by("check", path, tmp_path)
    assert code == 1
    [told] = said.splitlines()
    assert told.startswith(f"{path}:{line}:")
    assert message in told


@pytest.mark.parametrize("command", ["dev", "serve", "diff", "mock"])
def test_every_command_is_safe(tmp_path: Path, command: str) -> None:
    """Each command that reads a document ends with that line, exit 1."""
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS["lists"][0])
    code, said = said_by(command, path, tmp_path)
    assert (code, said.count("\n")) == (1, 1), said
    assert said.startswith(f"{path}:11:")


def test_a_bomb_that_is_referred_to_is_named(tmp_path: Path) -> None:
    """A file of the document is bounded as the document is; both ends of the reference are told."""
    (tmp_path / "bomb.yaml").write_text(BOMBS["lists"][0])
    path = tmp_path / "openapi.yaml"
    path.write_text(HEAD.replace("paths: {}", "paths: {/a: {$ref: bomb.yaml#/paths}}").removesuffix("x-y:\n"))
    code, said = said_by("check", path, tmp_path)
    assert code == 1
    assert f"{tmp_path}/bomb.yaml:11:" in said
    assert f"{path}:3:" in said


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_document_of_100_mb_is_refused(tmp_path: Path, suffix: str) -> None:
    """What is too large is not read to its end: it costs no more than the bound."""
    path = tmp_path / f"large.{suffix}"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    assert said_by("check", path, tmp_path) == (1, f"{path}:1:1: /: over 64 MiB (divide it into files, by $ref)\n")


def test_aliases_within_bounds_are_read(tmp_path: Path) -> None:
    """An alias stands for what its anchor has, a few thousand times over, too."""
    path = tmp_path / "openapi.yaml"
    path.write_text(HEAD + "  a: &a [1, 2, 3]\n  b: [" + ", ".join(["*a"] * 3000) + "]\n")
    code, said = said_by("check", path, tmp_path)
    assert code == 0, said
