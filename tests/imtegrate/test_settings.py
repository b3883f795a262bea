"""What the program can be told: command line, environment, default; and what it says when told nonsense."""

import json
import re
from pathlib import Path

from running import DOCUMENT, KEYS, Serving, faults_of, imtegrate, imtegrate_each, running

COMMANDS: list[tuple[str, ...]] = [
    ("dev",),
    ("serve",),
    ("check",),
    ("orgs", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
    ("keys", "verify"),
    ("db", "upgrade"),
]


NONSENSE: list[tuple[str, ...]] = [
    ("nonsense",),
    ("serve", "--nonsense"),
    ("serve", "--port", "65536"),
    ("serve", "--workers", "0"),
    ("serve", "--max-body-size", "0"),
    ("dev", "--deadline", "-1"),
    ("dev", "extra"),
    ("orgs", "create"),
    ("keys", "nonsense"),
]


def test_help_has_an_example(tmp_path: Path) -> None:
    """Every command says what it does and takes, with an example of itself, and names `--database-url`."""
    for command, done in zip(COMMANDS, imtegrate_each([(*c, "--help") for c in COMMANDS], tmp_path), strict=True):
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(rf"Example:\s+imtegrate {' '.join(command)}", done.stdout)
        assert "--database-url" in done.stdout


def test_help_lists_the_commands(tmp_path: Path) -> None:
    """`--help` names every command, and no command at all shows the help."""
    done = imtegrate("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^\s+{command[0]}\s", done.stdout, flags=re.MULTILINE)
    shown = imtegrate(cwd=tmp_path)
    assert "Usage:" in shown.stderr + shown.stdout


def test_the_version_is_told(tmp_path: Path) -> None:
    """`--version` prints name and version."""
    done = imtegrate("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"imtegrate \d+\.\d+\.\d+\S*\n", done.stdout)


def test_a_usage_error_is_told(tmp_path: Path) -> None:
    """What is no command or option, or not its value, is told on stderr, exit 2, without a traceback."""
    for done in imtegrate_each(NONSENSE, tmp_path):
        assert (done.returncode, done.stdout) == (2, ""), done.args
        assert "Traceback" not in done.stderr
        assert "Error: " in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_environment_sets(tmp_path: Path) -> None:
    """Each setting may come by the environment; the command line goes before it."""
    env = {
        "IMTEGRATE_DATABASE_URL": f"sqlite:///{tmp_path}/by-environment.db",
        "IMTEGRATE_MAX_BODY_SIZE": "50",
        "IMTEGRATE_PORT": "1",
        "IMTEGRATE_DEADLINE": "1.5",
    }
    with running("dev", cwd=tmp_path, env=env) as service, service.client() as client:
        assert client.post(KEYS, json={"name": "key"}).status_code == 201
        faults_of(client.post(KEYS, json={"name": "k" * 50}), 413)
    assert {path.name for path in tmp_path.glob("*.db")} == {"by-environment.db"}


def test_the_document_in_the_folder_is_the_default(tmp_path: Path) -> None:
    """Where there is an `openapi.json` in the working folder, it is what is served."""
    document = json.loads(DOCUMENT.read_bytes())
    document["components"]["schemas"]["ApiKeyCreate"]["properties"]["name"]["maxLength"] = 3
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    with running("dev", cwd=tmp_path) as service, service.client() as client:
        assert client.get("/openapi.json").json() == document
        assert client.post(KEYS, json={"name": "abc"}).status_code == 201
        faults_of(client.post(KEYS, json={"name": "abcd"}), 422)


def test_the_installed_document_is_the_default_elsewhere(dev: Serving) -> None:
    """In any other folder the document that came with the package is served."""
    assert not (dev.folder / "openapi.json").exists()
    assert dev.http.get("/openapi.json").content == DOCUMENT.read_bytes()
