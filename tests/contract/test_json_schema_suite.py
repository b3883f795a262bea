"""The official suite of JSON Schema 2020-12 (its required part), through HTTP: each schema a body, the data a request.

The suite is that of the sdist of jsonschema, fetched when the test runs.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from archives import unpack
from running import running

SDIST: Final = "jsonschema==4.26.0"
ACCEPTED: Final = 501
"""What a valid request gets: the operations have no function, and requests are validated first."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the suite."""
    folder: Path = tmp_path_factory.mktemp("suite")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", SDIST]
    subprocess.run([*command, "-d", str(folder)], check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    unpack(archive, folder)
    (found,) = folder.glob("*/json")
    return found


def groups_of(suite: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every group of tests: a schema, and data with verdicts."""
    for path in sorted((suite / "tests" / "draft2020-12").glob("*.json")):
        for index, group in enumerate(json.loads(path.read_text())):
            yield f"{path.stem}-{index}", group


def remotes_of(suite: Path) -> dict[str, Any]:
    """The schemas that the suite expects on a server, by name, with their address as `$id`."""
    remotes: dict[str, Any] = {}
    root = suite / "remotes"
    for path in sorted(root.rglob("*.json")):
        relative = path.relative_to(root).as_posix()
        schema = json.loads(path.read_text())
        is_ours = "/" not in relative or not relative.startswith("draft") or relative.startswith("draft2020-12/")
        if not is_ours or "metaschema" in relative or not isinstance(schema, dict):
            continue
        name = relative.replace("/", ".").removesuffix(".json")
        address = f"http://localhost:1234/{relative}"
        remotes[name] = {"$id": address, **schema}
        if remotes[name]["$id"] != address:
            # It calls itself otherwise than its address: both are good.
            remotes[f"{name}.address"] = {"$id": address, "$ref": schema["$id"]}
    return remotes


def document_of(suite: Path) -> dict[str, Any]:
    """An OpenAPI document with an operation a schema."""
    paths = {}
    for name, group in groups_of(suite):
        if name.rpartition("-")[0] in LEFT_OUT:
            continue
        schema = group["schema"]
        if isinstance(schema, dict):
            # The suite's references begin at the schema: it is a resource of its own.
            schema = {"$id": f"https://suite.example/{name}", **schema}
        paths[f"/{name}"] = {
            "post": {
                "operationId": name,
                "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
                "responses": {"200": {"description": "Valid"}},
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "suite", "version": "1"},
        "paths": paths,
        "components": {"schemas": remotes_of(suite)},
    }


LEFT_OUT: Final = {
    # A metaschema of another dialect, which `imtegrate check` refuses to follow: nothing is ignored in silence.
    "default": "defaults that their own schema refuses, which `imtegrate check` names as faults",
    "vocabulary": "a metaschema without the validation vocabulary",
    # OpenAPI 3.1 §4.8.24 has no keyword whose meaning is unknown; formats are asserted, as the documents mean them.
    "format": "formats are asserted here, where the suite has them as annotations",
}


def test_suite(suite: Path, tmp_path: Path) -> None:
    """Every verdict of the suite is the service's verdict."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document_of(suite)))
    wrong: list[str] = []
    agreed = 0
    with running("dev", "--spec", path, cwd=tmp_path) as service, service.client() as client:
        for name, group in groups_of(suite):
            if name.rpartition("-")[0] in LEFT_OUT:
                continue
            for test in group["tests"]:
                answer = judged(client, name, test["data"])
                if answer.status_code == (ACCEPTED if test["valid"] else 422):
                    agreed += 1
                else:
                    about = f"{name}: {group['description']}: {test['description']}"
                    wrong.append(f"{about}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, f"{len(wrong)} of {agreed + len(wrong)}\n" + "\n".join(wrong)
    assert agreed > 1000


def judged(client: httpx.Client, name: str, data: Any) -> httpx.Response:
    """The service's answer to data for a schema."""
    return client.post(f"/{name}", content=json.dumps(data).encode(), headers={"Content-Type": "application/json"})
