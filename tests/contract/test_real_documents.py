"""Documents that others wrote, from pinned packages fetched when the test runs: loaded, mocked, and fuzzed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from archives import unpack
from contract import compile_contract, load
from contract.check import check
from contract.mock import mock_app
from imtegrate.representation import Static
from running import running

FASTAPI: Final = "fastapi==0.165.0"
"""Its sdist holds the applications of its tutorials."""

GITHUB: Final = "@octokit/openapi@23.0.2"
"""GitHub's own document, OpenAPI 3.0, in npm's registry."""

TUTORIALS: Final = 150
"""Documents at least that the tutorials make."""

EMIT: Final = """
import contextlib, importlib, io, json, pathlib, sys, warnings
warnings.simplefilter("ignore")
out, found = pathlib.Path(sys.argv[1]), {}
for path in sorted(pathlib.Path("docs_src").rglob("*.py")):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(".".join(path.with_suffix("").parts))
            text = json.dumps(module.app.openapi())
    except Exception:
        continue  # what is no application, or asks for more than FastAPI
    found.setdefault(text, path)
for text, path in found.items():
    (out / ("-".join(path.with_suffix("").parts[1:]) + ".json")).write_text(text)
"""
"""Writes the document of each tutorial, each once."""

CHECKS: Final = (
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.response_headers_conformance,
)

STRIDE: Final = 12
"""One in so many of GitHub's operations is fuzzed."""


@pytest.fixture(scope="module")
def tutorials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the documents of FastAPI's tutorials."""
    folder: Path = tmp_path_factory.mktemp("tutorials")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", FASTAPI]
    subprocess.run([*command, "-d", str(folder)], check=True, capture_output=True, timeout=300)
    (archive,) = folder.glob("*.tar.gz")
    unpack(archive, folder)
    (source,) = folder.glob("fastapi-*/docs_src")
    out = folder / "documents"
    out.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(source.parent)}
    subprocess.run([sys.executable, "-c", EMIT, str(out)], check=True, cwd=source.parent, env=environment, timeout=300)
    return out


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GitHub's document."""
    folder: Path = tmp_path_factory.mktemp("github")
    subprocess.run(["npm", "pack", "--silent", GITHUB], cwd=folder, check=True, capture_output=True, timeout=300)
    (archive,) = folder.glob("*.tgz")
    unpack(archive, folder)
    return folder / "package" / "generated" / "api.github.com.json"


def fuzz(operations: Iterator[Any], cases: int, base_url: str | None = None) -> int:
    """Send a few cases for each operation; how many operations answered as the document says."""
    count = 0
    for result in operations:
        operation = result.ok()

        @settings(
            max_examples=cases, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def run(case: Any) -> None:
            response = case.call(base_url=base_url) if base_url else case.call()
            case.validate_response(response, checks=CHECKS)

        run()
        count += 1
    return count


def test_the_documents_of_tutorials_are_served(tutorials: Path) -> None:
    """Whatever FastAPI's own tutorials publish is mocked, and answered as it says; what is no 3.1 is refused."""
    documents = sorted(tutorials.glob("*.json"))
    assert len(documents) >= TUTORIALS
    for path in documents:
        loaded = load(path)
        faults = [fault.message for fault in check(loaded) if fault.stops]
        if "itemSchema" in path.read_text():
            # FastAPI puts this member of OpenAPI 3.2 into documents that say 3.1.0.
            assert faults
            assert all("'itemSchema' was unexpected" in fault for fault in faults)
            continue
        assert faults == [], path.name
        app = mock_app(compile_contract(loaded), beside={"/openapi.json": Static(loaded.published, "application/json")})
        schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        assert fuzz(schema.get_all_operations(), 2) == sum(
            method in {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
            for item in loaded.root["paths"].values()
            for method in item
        ), path.name


def test_a_very_large_document_is_served(github: Path, tmp_path: Path) -> None:
    """GitHub's document, of more than 900 operations, is mocked as it is, and answers as it says."""
    document = json.loads(github.read_text())
    paths = list(document["paths"].items())
    operations = sum(len(item) for _, item in paths)
    assert operations > 900
    fewer = {**document, "paths": dict(paths[::STRIDE])}
    del fewer["servers"]
    with running("mock", "--spec", github, cwd=tmp_path) as mock:
        schema = schemathesis.openapi.from_dict(fewer)
        assert fuzz(schema.get_all_operations(), 2, mock.url) >= len(paths[::STRIDE])
