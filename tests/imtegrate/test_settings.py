"""What the program can be told: command line, environment, default; and what it says when told nonsense."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from running import DOCUMENT, IMTEGRATE, KEYS, Serving, faults_of, imtegrate, imtegrate_each, running

COMMANDS: list[tuple[str, ...]] = [
    ("dev",),
    ("serve",),
    ("check",),
    ("settings",),
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
    ("serve", "--workers", "257"),
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


@pytest.mark.parametrize("command", ["keys list", "check", "settings", "serve --port 0"])
def test_a_folder_that_is_gone_is_told(tmp_path: Path, command: str) -> None:
    """Where the working directory has been removed, a line says so, exit 1."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {shlex.quote(str(gone))} && rmdir {shlex.quote(str(gone))} && {shlex.join(IMTEGRATE)} {command}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert "the working directory is no longer there" in done.stderr


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


def test_the_environment_names_the_document(tmp_path: Path) -> None:
    """`IMTEGRATE_SPEC` is the document of every command that takes `--spec`, whatever lies in the working folder."""
    (tmp_path / "openapi.json").write_text("{}")
    (tmp_path / "other.json").write_bytes(DOCUMENT.read_bytes())
    env = {"IMTEGRATE_SPEC": "other.json"}
    assert settings_of(tmp_path, env=env)["spec"] == ("other.json", "environment")
    assert imtegrate("check", cwd=tmp_path, env=env).stderr == "other.json: no faults\n"
    assert imtegrate("check", "--spec", "openapi.json", cwd=tmp_path, env=env).returncode == 1


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


def settings_of(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> dict[str, tuple[object, str]]:
    """What `settings --json` says: by name, the value and where it comes from."""
    done = imtegrate("settings", "--json", *arguments, cwd=folder, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return {row["name"]: (row["value"], row["source"]) for row in json.loads(done.stdout)}


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    """A setting comes from the first of flag, variable, `imtegrate.toml` and default that has it, and is shown so."""
    (tmp_path / "imtegrate.toml").write_text('port = 1\nmax-body-size = 2\ndeadline = 3.5\nhost = "127.0.0.2"\n')
    found = settings_of(tmp_path, "--port", "4", env={"IMTEGRATE_MAX_BODY_SIZE": "5", "IMTEGRATE_PORT": "6"})
    assert found["port"] == (4, "command line")
    assert found["max_body_size"] == (5, "environment")
    assert found["deadline"] == (3.5, "imtegrate.toml")
    assert found["host"] == ("127.0.0.2", "imtegrate.toml")
    assert found["workers"] == (1, "default")


def test_another_file_may_be_named(tmp_path: Path) -> None:
    """`IMTEGRATE_CONFIG` names the file, which has to be there."""
    (tmp_path / "other.toml").write_text("port = 1\n")
    assert settings_of(tmp_path, env={"IMTEGRATE_CONFIG": "other.toml"})["port"] == (1, "other.toml")
    done = imtegrate("settings", cwd=tmp_path, env={"IMTEGRATE_CONFIG": "missing.toml"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "imtegrate: missing.toml: No such file or directory: see IMTEGRATE_CONFIG\n"


def test_the_database_url_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """`IMTEGRATE_DATABASE_URL_FILE` is read by every command; a password is masked wherever the URL is shown."""
    (tmp_path / "url").write_text("postgresql://someone:geheim@127.0.0.1:1/name\n")
    env = {"IMTEGRATE_DATABASE_URL_FILE": "url"}
    assert settings_of(tmp_path, env=env)["database_url"] == ("postgresql://someone:***@127.0.0.1:1/name", "url")
    (tmp_path / "url").write_text("sqlite:///kept.db\n")
    assert imtegrate("keys", "list", "--json", cwd=tmp_path, env=env).stdout == "[]\n"
    assert (tmp_path / "kept.db").exists()


def test_a_file_of_nonsense_is_told(tmp_path: Path) -> None:
    """What is no TOML, no setting or no value of it is told with its place; nothing is started."""
    for text, told in (
        ("port = ", "imtegrate.toml: Invalid value"),
        ("prot = 1", "imtegrate.toml: 'prot' is no setting: there are spec, host, port"),
        ("port = [1]", "imtegrate.toml: 'port' is one value"),
        ("port = true", "imtegrate.toml: 'port' is neither true nor false"),
    ):
        (tmp_path / "imtegrate.toml").write_text(text)
        done = imtegrate("keys", "list", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"imtegrate: {told}")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "imtegrate.db").exists()


def test_a_value_of_a_file_that_is_none_is_told_with_the_file(tmp_path: Path) -> None:
    """A value that its setting does not take is told with the file it stands in, not as an option or a variable."""
    for text, name in (
        ('port = "abc"', "port"),
        ("port = 90000", "port"),
        ("workers = 2.5", "workers"),
        ('access-log = "maybe"', "access_log"),
        ('trusted-proxy = ["10.0.0.0/8", "x"]', "trusted_proxy"),
        ('rate-limit-key = "often"', "rate_limit_key"),
    ):
        (tmp_path / "other.toml").write_text(text)
        for command in ("settings", "serve"):
            done = imtegrate(command, cwd=tmp_path, env={"IMTEGRATE_CONFIG": "other.toml"})
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith(f"imtegrate: other.toml: {name!r}: ")
            assert done.stderr.count("\n") == 1
    done = imtegrate("settings", cwd=tmp_path, env={"IMTEGRATE_CONFIG": "other.toml", "IMTEGRATE_RATE_LIMIT_KEY": "x"})
    assert done.returncode == 2
    assert "IMTEGRATE_RATE_LIMIT_KEY" in done.stderr
