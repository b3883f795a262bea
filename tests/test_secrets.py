"""No token, no part of one beyond its prefix, and no password of a database is anywhere that it need not be."""

import asyncio
import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from db import Database
from handlers import tokens
from imtegrate.settings import ServiceSettings
from running import IMTEGRATE, KEYS, Serving, Wire, checksum_of, create_organisation, faults_of, imtegrate, running

ROOT: Final = Path(__file__).parent.parent
WINDOW: Final = 12
"""Characters of a secret that may be nowhere: 71 bits, so that no text has them by chance."""

FAILING: Final = '''
async def fail(request, **_):
    """Fail with a token in hand."""
    token = request.headers(b"authorization")[0].decode()
    raise ValueError(f"no good: {token}")
'''
DOCUMENT_OF_IT: Final = {"get": {"operationId": "fail", "responses": {"200": {"description": "never"}}}}


def windows_of(token: str) -> set[bytes]:
    """Every piece of what a token has beyond its prefix."""
    secret = token[-38:]
    return {secret[at : at + WINDOW].encode() for at in range(len(secret) - WINDOW + 1)}


class Search:
    """Secrets, and where they were looked for."""

    def __init__(self) -> None:
        self.secrets: set[bytes] = set()
        self.places: list[str] = []

    def add(self, *made: str) -> None:
        """Look for these tokens too."""
        for token in made:
            self.secrets |= windows_of(token)

    def look(self, place: str, content: bytes) -> None:
        """Fail where a piece of a secret is in the content."""
        self.places.append(place)
        found = [secret for secret in self.secrets if secret in content]
        assert not found, f"{place} holds {found[0]!r}"

    def look_at_processes(self) -> None:
        """Look at the command line and the environment of every process that may be read."""
        for name in ("cmdline", "environ"):
            for path in Path("/proc").glob(f"[0-9]*/{name}"):
                with suppress(OSError):
                    self.look(f"process {name}", path.read_bytes())

    def look_in(self, folder: Path) -> None:
        """Look into every file of a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.look(path.name, path.read_bytes())


def near_misses(token: str) -> list[str]:
    """Tokens that were mistyped, cut off, or glued to something."""
    # Two neighbours that are alike would leave it as it is.
    place = next(place for place in range(len(token) - 20, len(token)) if token[place] != token[place + 1])
    swapped = token[:place] + token[place + 1] + token[place] + token[place + 2 :]
    other = "0" if token[-1] != "0" else "1"
    return [token[:-1] + other, token[:-1], f"{token}x", swapped, token.lower(), token[4:], f"{token},{token}"]


def dump(url: str) -> bytes:
    """Every row of every table, as text."""

    async def ask() -> bytes:
        connection = await asyncpg.connect(url)
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [
            row[0]
            for table in tables
            for row in await connection.fetch(f'SELECT t::text FROM "{table["tablename"]}" t')  # noqa: S608 (its name)
        ]
        await connection.close()
        return "\n".join(rows).encode()

    return asyncio.run(ask())


def misuse(serving: Serving, search: Search) -> None:
    """Ask for keys rightly and wrongly; look at every answer but those that show a token once."""
    made = [serving.key(scopes=scopes, env=env) for scopes in ([], ["api-keys:write"]) for env in ("live", "test")]
    search.add(serving.token, *(key["token"] for key in made))
    bare, writer = made[0]["token"], made[3]["token"]
    answers = [serving.post({"name": "key"}, token=token) for token in near_misses(serving.token)]
    assert {answer.status_code for answer in answers} == {401}
    answers += [serving.post({"name": "key"}, token=bare), serving.post({"name": "key", "env": "live"}, token=writer)]
    assert [answer.status_code for answer in answers[-2:]] == [403, 403]
    answers += [serving.post({"name": [serving.token], serving.token: 1}), serving.post({"name": "key", "env": bare})]
    assert [answer.status_code for answer in answers[-2:]] == [422, 422]
    twice = [("Authorization", f"Bearer {bare}"), ("Authorization", f"Bearer {bare}")]
    answers += [serving.http.post(KEYS, json={"name": "key"}, headers=twice)]
    answers += [serving.http.post(KEYS, headers={"Authorization": f"Basic {bare}"})]
    answers += [serving.http.get(f"/fail?{bare}", headers={"Authorization": f"Bearer {bare}"})]
    faults_of(answers[-1], 500)
    answers += [serving.http.get(path) for path in ("/metrics", "/docs", "/openapi.json", "/readyz")]
    for answer in answers:
        search.look("answer", answer.content + repr(answer.headers).encode())
    for line in (b"Authorization Bearer " + bare.encode(), b"Authorization: Bearer\0" + bare.encode()):
        with Wire(serving.running.url) as wire:
            wire.ask(b"POST", b"/v1/api-keys", line)
            search.look("refusal", wire.rest())


def writes_no_core(pid: int) -> bool:
    """Whether a process may write no core file, and may not allow itself one."""
    return re.search(r"^Max core file size +0 +0 ", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE) is not None


def prepared(folder: Path) -> Path:
    """A folder with our document and handlers, and an operation that fails."""
    document = json.loads((ROOT / "openapi.json").read_bytes())
    document["paths"]["/fail"] = DOCUMENT_OF_IT
    (folder / "openapi.json").write_text(json.dumps(document))
    shutil.copytree(ROOT / "handlers", folder / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "handlers" / "failing.py").write_text(FAILING)
    return folder


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_secret_is_left_anywhere(
    engine: str, make_database_url: Callable[[], str], tmp_path: Path, log_format: str
) -> None:
    """Neither database, journal, backup, log, metric, answer nor process has any 12 characters of a secret."""
    folder, url, search = prepared(tmp_path), make_database_url(), Search()
    root = create_organisation(url, folder)
    arguments = ("serve", "--access-log", "--log-format", log_format, "--database-url", url)
    with running(*arguments, cwd=folder) as service, closing(Serving(service, url, root, folder)) as serving:
        misuse(serving, search)
        for stdin in (serving.token, near_misses(serving.token)[0]):
            done = serving.command("keys", "verify", stdin=stdin)
            search.look("verify", (done.stdout + done.stderr).encode())
        for arguments in (
            ("keys", "list", "--json"),
            ("keys", "revoke", serving.token),
            ("db", "backup", str(folder / "b.db")),
        ):
            done = serving.command(*arguments)
            search.look(arguments[0], (done.stdout + done.stderr).encode())
        assert (folder / "b.db").exists()
        search.look_at_processes()
        if engine == "sqlite":
            kept = Path(url.removeprefix("sqlite:///")).parent
            assert list(kept.glob("*-wal"))
            search.look_in(kept)
        assert writes_no_core(service.process.pid)
    if engine == "postgresql":
        rows = dump(url)
        assert root["prefix"].encode() in rows
        search.look("dump", rows)
    search.look_in(folder)
    assert service.log.name in search.places
    assert len(search.secrets) == 5 * 27
    with pytest.raises(AssertionError, match="holds"):
        search.look("a file with a token in it", f"x{root['token']}".encode())


def test_dev_leaves_no_secret_either(tmp_path: Path) -> None:
    """Console, database and process of `dev` show none, and it writes no core file."""
    folder, search = tmp_path, Search()
    with running("dev", cwd=folder) as service, service.client() as client:
        made = client.post(KEYS, json={"name": "key", "scopes": ["*"], "env": "live"}).json()["token"]
        search.add(made)
        for token in [made, *near_misses(made)]:
            answer = client.post(KEYS, json={}, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code in {401, 422}
            search.look("answer", answer.content)
        # Where it does not belong, but may stand.
        assert client.get(f"/v1/{made}", headers={"X-Request-ID": made}).status_code == 404
        assert client.post(KEYS, json={"name": "key"}, headers={"X-Request-ID": made}).status_code == 201
        search.look_at_processes()
        search.look_in(folder)
        assert writes_no_core(service.process.pid)
    search.look_in(folder)
    assert service.log.name in search.places


def test_a_typo_is_refused_before_the_database_is_asked(tmp_path: Path) -> None:
    """While the database is locked a token with a typo is 401 at once, and a good one waits in vain."""
    url = f"sqlite:///{tmp_path}/imtegrate.db"
    root = create_organisation(url, tmp_path)
    arguments = ("serve", "--deadline", "0.5", "--database-url", url)
    with (
        running(*arguments, cwd=tmp_path) as service,
        closing(Serving(service, url, root, tmp_path)) as serving,
        closing(sqlite3.connect(tmp_path / "imtegrate.db", isolation_level=None)) as lock,
    ):
        lock.execute("BEGIN EXCLUSIVE")
        assert serving.post({"name": "key"}).status_code == 503
        for token in near_misses(root["token"]):
            assert serving.post({"name": "key"}, token=token).status_code == 401


def test_a_terminal_is_warned_of_the_secret(tmp_path: Path) -> None:
    """`orgs create` says on a terminal that what it prints is a secret; `--json` prints it once, and nothing else."""
    terminal, end = pty.openpty()
    command = [*IMTEGRATE, "orgs", "create", "Example"]
    done = subprocess.run(command, cwd=tmp_path, stdout=end, stderr=subprocess.PIPE, text=True, timeout=60, check=True)
    os.close(end)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert re.search(PATTERN, shown)
    assert done.stderr == "This token is a secret, and is shown only now.\n"
    told = imtegrate("orgs", "create", "Example", "--json", cwd=tmp_path)
    assert told.stderr == ""
    assert told.stdout.count(json.loads(told.stdout)["token"]) == 1


def documented(guide: str) -> Iterator[str]:
    """The patterns of tokens that a guide gives."""
    yield from re.findall(r"\\bimt_\[[^`\s]+", (ROOT / guide).read_text())


PATTERN: Final = next(documented("docs/security.md"))


def test_the_documented_pattern_finds_our_tokens() -> None:
    """It matches each of 1,000 tokens of any env, whole, and none that is cut off, glued on or of another form."""
    envs: Sequence[object] = ["live", "test", "", "é", "a" * 40, "a_b", None]
    assert tokens.make(None).prefix.startswith("imt__")  # an env that is no text is not shown
    made = [tokens.make(envs[number % len(envs)]).text for number in range(1000)]
    assert len(set(made)) == 1000
    for token in made:
        assert re.search(PATTERN, f'token="{token}"\n')[0] == token  # type: ignore[index] # a test fails either way
        assert checksum_of(token[:-6]) == token[-6:]
        for miss in (token[:-1], f"{token}0", f"x{token}", token.replace("imt_", "imt-"), token.upper()):
            assert not re.search(PATTERN, miss), miss
    assert set(documented("SECURITY.md")) == {PATTERN}


def test_a_token_has_190_bits_of_the_systems_source() -> None:
    """Its secret is 32 characters of 62, each as likely as any other."""
    assert 62**tokens.SECRET_LENGTH > 2**190
    drawn = "".join(tokens.make("live").text[-38:-6] for _ in range(3000))
    counts = [drawn.count(character) for character in tokens.ALPHABET.decode()]
    expected = len(drawn) / 62
    # Chi-squared of 61 degrees of freedom: over 150 once in 10^8 runs.
    assert sum((count - expected) ** 2 / expected for count in counts) < 150


def test_no_repr_shows_a_secret() -> None:
    """The objects that hold a token or the database's URL do not show it."""
    url = "postgresql://someone:geheimes-wort@127.0.0.1:1/name"
    token = tokens.make("live")
    search = Search()
    search.add(token.text)
    search.secrets.add(b"geheimes-wort")
    for each in (token, ServiceSettings(database_url=url), Database(url)):
        search.look(type(each).__name__, f"{each!r} {each}".encode())
    assert token.digest.hex() not in repr(token)


@pytest.mark.parametrize("option", ["flag", "environment", "file"])
def test_the_password_of_the_database_is_masked(tmp_path: Path, option: str) -> None:
    """However the URL is given, no command that shows it or fails with it shows the password."""
    url = "postgresql://someone:geheimes-wort@127.0.0.1:1/name?password=geheimes-wort"
    (tmp_path / "url").write_text(url)
    flags = ("--database-url", url) if option == "flag" else ()
    env = {"environment": {"IMTEGRATE_DATABASE_URL": url}, "file": {"IMTEGRATE_DATABASE_URL_FILE": "url"}}.get(option)
    for command in (("settings",), ("keys", "list"), ("serve", "--port", "0")):
        done = imtegrate(*command, *flags, cwd=tmp_path, env=env)
        assert "geheimes" not in done.stdout + done.stderr
        assert done.returncode == (0 if command == ("settings",) else 1)
    assert urlsplit(url).password == "geheimes-wort"
