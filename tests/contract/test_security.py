"""Security from the document: each scheme takes the key where it says, and the key's own scopes count behind it."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from editing import DOCUMENT, Edited, patched
from running import KEYS, create_organisation, faults_of, free_port, imtegrate, running, unknown_token

PUBLISHED: Final = json.loads(DOCUMENT.read_bytes())

POST: Final = "/paths/~1v1~1api-keys/post"

SCHEMES: Final = {
    "bearerAuth": {"type": "http", "scheme": "bearer"},
    "basicAuth": {"type": "http", "scheme": "basic"},
    "ApiKeyHeader": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "ApiKeyQuery": {"type": "apiKey", "in": "query", "name": "key"},
    "ApiKeyCookie": {"type": "apiKey", "in": "cookie", "name": "key"},
    "oauth2": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://x.test/t", "scopes": {"a": ""}}}},
    "openId": {"type": "openIdConnect", "openIdConnectUrl": "https://x.test/o"},
}

CHALLENGES: Final = {
    "bearerAuth": "Bearer",
    "basicAuth": 'Basic realm="api"',
    "ApiKeyHeader": "APIKey",
    "ApiKeyQuery": "APIKey",
    "ApiKeyCookie": "APIKey",
    "oauth2": "Bearer",
    "openId": "Bearer",
}

AUTHORIZATION: Final = ["header", "Authorization"]
PLACES: Final = {
    "ApiKeyHeader": ["header", "X-Key"],
    "ApiKeyQuery": ["query", "key"],
    "ApiKeyCookie": ["cookie", "key"],
}

SENT: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "bearerAuth": lambda token: {"headers": {"Authorization": f"Bearer {token}"}},
    "basicAuth": lambda token: {
        "headers": {"Authorization": f"Basic {base64.b64encode(f'me:{token}'.encode()).decode()}"}
    },
    "ApiKeyHeader": lambda token: {"headers": {"X-Key": token}},
    "ApiKeyQuery": lambda token: {"params": {"key": token}},
    "ApiKeyCookie": lambda token: {"headers": {"Cookie": f"other=1; key={token}"}},
    "oauth2": lambda token: {"headers": {"Authorization": f"Bearer {token}"}},
    "openId": lambda token: {"headers": {"Authorization": f"Bearer {token}"}},
}


@dataclass
class Secured:
    """A running `dev` with keys, a client of it, and its document."""

    edited: Edited
    client: httpx.Client
    root: str
    scoped: str
    """The token of a key of one scope, `a`."""
    revoked: str

    def demand(self, security: Any) -> None:
        """Have both operations demand it: ours, and one that nobody wrote."""
        responses = {"200": {"description": "Pets"}}
        self.edited.edit(
            [
                ("add", "/components/securitySchemes", SCHEMES),
                ("add", f"{POST}/security", security),
                (
                    "add",
                    "/paths/~1pets",
                    {"get": {"operationId": "list_pets", "security": security, "responses": responses}},
                ),
            ]
        )

    def post(self, **sent: Any) -> httpx.Response:
        """Ask for a key."""
        return self.client.post(KEYS, json={"name": "ab"}, **sent)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """`imtegrate dev`, following a copy of the document; with keys."""
    folder: Path = tmp_path_factory.mktemp("security")
    path = folder / "openapi.json"
    path.write_bytes(DOCUMENT.read_bytes())
    with running("dev", "--spec", path, cwd=folder) as service, service.client() as client:

        def key(*scopes: str) -> dict[str, Any]:
            made: dict[str, Any] = client.post(KEYS, json={"name": "key", "scopes": scopes}).json()
            return made

        revoked = key("*")
        assert imtegrate("keys", "revoke", revoked["prefix"], cwd=folder).returncode == 0
        yield Secured(Edited(service, path), client, key("*")["token"], key("a")["token"], revoked["token"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_takes_the_key_where_it_says(secured: Secured, scheme: str) -> None:
    """None, an unknown and a revoked key are a 401 with the scheme's challenge; one without the scope is a 403."""
    secured.demand([{scheme: []}])
    sent = SENT[scheme]
    elsewhere = SENT["ApiKeyQuery" if scheme != "ApiKeyQuery" else "ApiKeyHeader"](secured.root)
    for refused in ({}, sent("junk"), sent(unknown_token("test")), sent(secured.revoked), elsewhere):
        for answer in (secured.post(**refused), secured.client.get("/pets", **refused)):
            assert [fault["loc"] for fault in faults_of(answer, 401)] == [PLACES.get(scheme, AUTHORIZATION)]
            assert answer.headers["WWW-Authenticate"] == CHALLENGES[scheme]
    assert secured.post(**sent(secured.root)).status_code == 201
    assert "api-keys:write" in faults_of(secured.post(**sent(secured.scoped)), 403)[0]["msg"]
    assert secured.client.get("/pets", **sent(secured.scoped)).status_code == 501


@pytest.mark.parametrize("scheme", ["bearerAuth", "oauth2", "openId"])
def test_scopes_of_the_document_are_demanded(secured: Secured, scheme: str) -> None:
    """A key that lacks a scope that the document names is a 403 that names it."""
    secured.demand([{scheme: ["a"]}])
    assert secured.client.get("/pets", **SENT[scheme](secured.scoped)).status_code == 501
    secured.demand([{scheme: ["a", "b"]}])
    answer = secured.client.get("/pets", **SENT[scheme](secured.scoped))
    assert faults_of(answer, 403)[0]["msg"] == "The key should hold the scope b"


def test_and_or(secured: Secured) -> None:
    """Within an alternative all are demanded, between them any is enough; the 401 names each that would do, once."""
    secured.demand([{"basicAuth": [], "ApiKeyHeader": []}, {"oauth2": []}, {"openId": []}])
    basic, header = SENT["basicAuth"](secured.root), SENT["ApiKeyHeader"](secured.root)
    wrong = SENT["ApiKeyHeader"]("junk")
    both = {"headers": {**basic["headers"], **wrong["headers"]}}
    named = (
        ({}, AUTHORIZATION),
        (basic, PLACES["ApiKeyHeader"]),
        (header, AUTHORIZATION),
        (both, PLACES["ApiKeyHeader"]),
    )
    for refused, place in named:
        answer = secured.post(**refused)
        assert [fault["loc"] for fault in faults_of(answer, 401)] == [place]
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="api", APIKey, Bearer'
    assert secured.post(headers={**basic["headers"], **header["headers"]}).status_code == 201
    assert secured.post(**SENT["oauth2"](secured.root)).status_code == 201


def test_serve_knows_the_caller_by_the_scheme_of_the_document(tmp_path: Path) -> None:
    """With only the document edited, a key stands in another header, and makes keys for its organisation."""
    spec = tmp_path / "openapi.json"
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    edits = [("add", "/components/securitySchemes", SCHEMES), ("add", f"{POST}/security", [{"ApiKeyHeader": []}])]
    spec.write_text(json.dumps(patched(PUBLISHED, edits)))
    with running("serve", "--spec", spec, "--database-url", url, cwd=tmp_path) as service, service.client() as client:
        root = create_organisation(url, tmp_path)
        made = client.post(KEYS, json={"name": "ab", "env": "live"}, headers={"X-Key": root["token"]})
        assert made.status_code == 201, made.text
        assert made.json()["org_id"] == root["org_id"]
        bearer = client.post(KEYS, json={"name": "ab"}, headers={"Authorization": f"Bearer {root['token']}"})
        faults_of(bearer, 401)
        poor = {"X-Key": made.json()["token"]}
        faults_of(client.post(KEYS, json={"name": "ab"}, headers=poor), 403)


@pytest.mark.parametrize(
    ("schemes", "name", "said"),
    [
        ({"s": {"type": "http", "scheme": "bearer"}}, "s", "nobody verifies the security scheme 's' (write a verifier"),
        ({"bearer": {"type": "http", "scheme": "digest"}}, "bearer", "of the kind 'http digest' cannot be read"),
        ({"bearer": {"type": "mutualTLS"}}, "bearer", "of the kind 'mutualTLS' cannot be read"),
        ({}, "bearer", "the document has no security scheme 'bearer'"),
    ],
)
def test_nothing_fails_open(tmp_path: Path, schemes: Any, name: str, said: str) -> None:
    """A scheme that cannot be enforced stops `dev` and `serve`: one line, that says why."""
    spec = tmp_path / "openapi.json"
    edits = [("add", "/components/securitySchemes", schemes), ("add", f"{POST}/security", [{name: []}])]
    spec.write_text(json.dumps(patched(PUBLISHED, edits)))
    for command in ("dev", "serve"):
        done = imtegrate(command, "--spec", spec, "--port", str(free_port()), cwd=tmp_path)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr
        assert f"{POST}/security/0/{name}" in done.stderr
