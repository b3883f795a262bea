"""Runs schemathesis, as a program of its own, against a service, and reads what it recorded.

Neither the token nor those that the service answers with reach its command line or what is shown of it.
"""

import json
import os
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from contract import Contract
from contract.coverage import Exchange
from contract.security import extractor
from handlers import tokens

PHASES: Final = "examples,coverage,fuzzing,stateful"
TOKEN_VARIABLE: Final = "IMTEGRATE_TOKEN"  # noqa: S105 (the name of a variable)
"""Holds the token for schemathesis too, whose settings name it."""

START_TIMEOUT: Final = 30.0
"""Seconds that a service has to begin."""

STOP_TIMEOUT: Final = 15.0
"""Seconds that a process has to end once it was asked to."""

_POLL: Final = 0.05
"""Seconds between looks at a process."""

_FOUND: Final = (0, 1)
"""What schemathesis ends with when it did its work (its manual, "Exit codes")."""

_NO_FAILURE: Final = ("success", "skip")
"""How a check may end that found nothing."""

_ANNOUNCED: Final = " on http://"


class CannotFuzz(Exception):
    """The fuzz could not be run: with the place and the mend."""


@dataclass(slots=True)
class Fuzzed:
    """What schemathesis tried, and what it found."""

    report: str
    """Its own text, with how to reproduce what failed."""
    passed: bool
    tried: dict[tuple[str, str], Counter[int]] = field(default_factory=dict)
    """By operation and check: how often it was made for each status; 0 where there was no answer."""
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By operation and check."""
    exchanges: list[Exchange] = field(default_factory=list)


def is_installed() -> bool:
    """Whether there is a schemathesis."""
    return find_spec("schemathesis") is not None


@contextmanager
def serving(spec: Path, database_url: str, folder: Path) -> Iterator[tuple[str, str]]:
    """`imtegrate serve`, on a free port of the loopback until the block ends: its URL, and a root key's token.

    Raises:
        CannotFuzz: it does not start, with what it said.
    """
    # By the environment: the URL may hold a password, and arguments are for everyone to see.
    env = {**os.environ, "IMTEGRATE_DATABASE_URL": database_url, "IMTEGRATE_WORKERS": "1"}
    program = (sys.executable, "-m", "imtegrate")
    made = subprocess.run(  # noqa: S603 (our own program)
        [*program, "orgs", "create", "Fuzz", "--json"], env=env, capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise CannotFuzz(made.stderr.strip().removeprefix("imtegrate: "))
    log = folder / "serve.log"
    with log.open("w") as output:
        arguments = ["serve", "--spec", str(spec), "--host", "127.0.0.1", "--port", "0"]
        process = subprocess.Popen([*program, *arguments], env=env, stdout=output, stderr=output)  # noqa: S603 (as above)
    try:
        yield _announced(process, log), json.loads(made.stdout)["token"]
    finally:
        _end(process)


def _announced(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("Serving ") and _ANNOUNCED in line:
                return "http://" + line.rpartition(_ANNOUNCED)[2].strip()
        time.sleep(_POLL)
    said = log.read_text().strip().removeprefix("imtegrate: ")
    raise CannotFuzz(said or f"the service did not begin within {START_TIMEOUT:.0f} s")


def _end(process: "subprocess.Popen[Any]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def download(url: str, folder: Path) -> Path:
    """The document that a service publishes, in a file.

    Raises:
        CannotFuzz: it cannot be had.
    """
    address = f"{url.rstrip('/')}/openapi.json"
    try:
        with urlopen(address, timeout=START_TIMEOUT) as answer:  # noqa: S310 (the command admits http and https only)
            text = answer.read()
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise CannotFuzz(f"{address}: {reason}; start the service, or name its document with --spec") from None
    path = folder / "openapi.json"
    path.write_bytes(text)
    return path


def run(
    contract: Contract,
    url: str,
    token: str,
    *,
    seed: int,
    max_examples: int,
    folder: Path,
    junit: Path | None,
    watch: Callable[[int], None],
) -> Fuzzed:
    """Try every phase and check against a service; `watch` is told, now and then, how many bytes were recorded.

    Args:
        contract: what the service is held to.
        url: scheme, host and port.
        token: sent with every request; none if it is empty.
        seed: of everything random.
        max_examples: of each operation and phase.
        folder: where it may write; what is recorded there holds secrets.
        junit: where a report in JUnit's format is written.
        watch: called some times a second.

    Raises:
        CannotFuzz: schemathesis itself failed.
    """
    record, report, made = folder / "record.ndjson", folder / "report.txt", folder / "junit.xml"
    settings = folder / "schemathesis.toml"
    settings.write_text(_settings_of(contract, token))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(settings)),
        *("run", str(contract.document.path), "--origin", url, "--checks", "all", "--phases", PHASES),
        *("--max-examples", str(max_examples), "--seed", str(seed)),
        # What is recorded has to be what was sent; what is shown of it is masked below.
        *("--output-sanitize", "false", "--report", "ndjson,junit"),
        *("--report-ndjson-path", str(record), "--report-junit-path", str(made)),
    ]
    with report.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 (its options are made above)
            command, cwd=folder, env={**os.environ, TOKEN_VARIABLE: token}, stdout=output, stderr=output
        )
    try:
        while process.poll() is None:
            watch(record.stat().st_size if record.exists() else 0)
            time.sleep(_POLL)
    finally:
        _end(process)
    said = masked(report.read_text(errors="replace"), token)
    if process.returncode not in _FOUND or not record.exists():
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        raise CannotFuzz(f"schemathesis failed: {' '.join(lines[-5:])}")
    if junit is not None and made.exists():
        _write(junit, masked(made.read_text(errors="replace"), token))
    fuzzed = Fuzzed(said, process.returncode == 0)
    with record.open() as lines_of:
        for line in lines_of:
            _read(json.loads(line), fuzzed)
    return fuzzed


def masked(text: str, token: str) -> str:
    """A text without the token, and without any other of ours: the service answers with what it made."""
    if token:
        text = text.replace(token, "[masked]")
    return tokens.FORM.sub(b"[masked]", text.encode()).decode()


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise CannotFuzz(f"{path}: {error.strerror}; choose another file with --junit") from None


def _settings_of(contract: Contract, token: str) -> str:
    """The settings of schemathesis: how the document wants the token, else as a bearer (RFC 6750 §2.1)."""
    if not token:
        return ""
    variable = f'"${{{TOKEN_VARIABLE}}}"'
    schemes = (contract.document.root.get("components") or {}).get("securitySchemes") or {}
    lines = []
    for name, scheme in schemes.items():
        if extractor(scheme) is None:
            continue
        if scheme["type"] == "apiKey":
            lines += [f"[auth.openapi.{json.dumps(name)}]", f"api_key = {variable}"]
        elif scheme["type"] != "http" or str(scheme["scheme"]).lower() == "bearer":
            lines += [f"[auth.openapi.{json.dumps(name)}]", f"bearer = {variable}"]
    if not lines:
        lines = ["[headers]", f'Authorization = "Bearer ${{{TOKEN_VARIABLE}}}"']
    return "\n".join(lines) + "\n"


# ---- what was recorded -----------------------------------------------------------------------------------------------


def _read(event: Mapping[str, Any], fuzzed: Fuzzed) -> None:
    recorder = event.get("ScenarioFinished", {}).get("recorder") or {}
    interactions = recorder.get("interactions") or {}
    for name, checks in (recorder.get("checks") or {}).items():
        case = recorder["cases"][name]["value"]
        answer = interactions.get(name, {}).get("response")
        status = answer["status_code"] if answer else 0
        # Its own method may be one that the document does not have, tried for the sake of the operation beside it.
        label, own = recorder["label"], f"{case['method'].upper()} {case['path']}"
        for check in checks:
            key = label if label.endswith(f" {case['path']}") else own, check["name"]
            fuzzed.tried.setdefault(key, Counter())[status] += 1
            fuzzed.failed[key] += check["status"] not in _NO_FAILURE
    for name, interaction in interactions.items():
        case = recorder["cases"].get(name)
        if case is not None:
            fuzzed.exchanges.append(_exchange_of(case["value"], interaction))


def _exchange_of(case: Mapping[str, Any], interaction: Mapping[str, Any]) -> Exchange:
    request, answer = interaction["request"], interaction.get("response") or {}
    return Exchange(
        method=request["method"].upper(),
        path=case["path"],
        url=request["uri"],
        headers=[
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, values in request["headers"].items()
            for value in values
        ],
        body=_bytes_of(request.get("body")),
        status=answer.get("status_code"),
        answer_type=next(iter(_header(answer, "content-type")), ""),
        answer=_bytes_of(answer.get("content")),
    )


def _header(answer: Mapping[str, Any], wanted: str) -> Sequence[str]:
    return [value for name, values in answer.get("headers", {}).items() if name.lower() == wanted for value in values]


def _bytes_of(recorded: Any) -> bytes:
    """A body, as NDJSON reports hold it: text, or base64."""
    if isinstance(recorded, Mapping):
        return b64decode(recorded.get("$base64", ""))
    return str(recorded).encode() if recorded is not None else b""
