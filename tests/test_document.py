"""The document: as it was published, and held by tests as a whole."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import imtegrate
from running import DOCUMENT, Serving

PUBLISHED = "4501a0eb7ac5f88eaa425fc12f12d199b956b049b9e179f1fae597b817b5ac97"
"""SHA-256 of the document in canonical JSON: members sorted, no white space. Only a new publication changes it."""

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

TESTS = Path(__file__).parent / "handlers"


@pytest.fixture(scope="module")
def document() -> Any:
    """The document, parsed."""
    return json.loads(DOCUMENT.read_bytes())


def operations(document: Any) -> dict[str, Any]:
    """Every operation, by its operationId."""
    return {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in METHODS
    }


def test_it_is_the_published_one(document: Any) -> None:
    """Member for member the document is the one that was published: no edit of it goes unnoticed."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert sha256(canonical.encode()).hexdigest() == PUBLISHED


def test_it_is_written_to_be_read(document: Any) -> None:
    """It is JSON, indented by two spaces, in UTF-8, and ends in a newline."""
    assert DOCUMENT.read_text(encoding="utf-8") == json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def test_it_is_openapi_3_1(document: Any) -> None:
    """It is OpenAPI 3.1.0, with one operation, and openapi-spec-validator accepts it."""
    assert document["openapi"] == "3.1.0"
    assert list(document["paths"]) == ["/v1/api-keys"]
    assert list(document["paths"]["/v1/api-keys"]) == ["post"]
    assert list(operations(document)) == ["create_key_v1_api_keys_post"]
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_it_is_installed_with_the_package() -> None:
    """What is installed holds the document too: beside the package's modules, or in a checkout at its root."""
    folder = Path(str(imtegrate.__file__)).parent
    copies = [path for path in (folder / "openapi.json", folder.parent / "openapi.json") if path.exists()]
    assert copies
    for path in copies:
        assert path.read_bytes() == DOCUMENT.read_bytes()


def test_it_is_served_as_it_is(serving: Serving) -> None:
    """`GET /openapi.json` gives the file's very bytes, and of the same bytes no second copy."""
    answer = serving.http.get("/openapi.json")
    assert answer.content == DOCUMENT.read_bytes()
    assert answer.headers["content-type"] == "application/json"
    again = serving.http.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def pairs() -> list[tuple[str, str, str]]:
    """Every documented status of every operation, and the folder of its tests."""
    return [
        (operation_id, status, operation["tags"][0].replace("-", "_"))
        for operation_id, operation in operations(json.loads(DOCUMENT.read_bytes())).items()
        for status in operation["responses"]
    ]


@pytest.mark.parametrize(("operation_id", "status", "tag"), pairs())
def test_every_documented_status_has_its_tests(operation_id: str, status: str, tag: str) -> None:
    """For each status that the document gives an operation there is a file of tests of the running service."""
    path = TESTS / tag / f"test_{status}.py"
    assert path.is_file(), f"{operation_id} may answer {status}: hold it by {path}"
    assert "def test_" in path.read_text()
