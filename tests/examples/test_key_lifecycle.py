"""The larger example, over HTTP on both engines: keys over their life, each documented status, two organisations."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from running import KEYS, Serving, create_organisation, faults_of, imtegrate, running, unknown_token

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "key-lifecycle"
NOBODY: Final = "01890000-0000-7000-8000-000000000000"
"""The id of no key."""


@pytest.fixture(scope="module")
def example(make_database_url: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve` of the example's document, with its handlers, on each engine."""
    url, folder = make_database_url(), tmp_path_factory.mktemp("example")
    root = create_organisation(url, folder)
    lay_out(folder)
    with (
        running("serve", "--spec", "openapi.json", "--database-url", url, cwd=folder) as service,
        closing(Serving(service, url, root, folder)) as serving,
    ):
        yield serving


def lay_out(folder: Path) -> None:
    """The example in a folder where logs and databases may stand too."""
    for name in ("openapi.json", "handlers"):
        (folder / name).symlink_to(EXAMPLE / name)


def ask(example: Serving, method: str, path: str = "", *, token: str | None = None, **options: Any) -> httpx.Response:
    """Ask for something below the keys; as the root key's holder unless another token is given."""
    headers = {"Authorization": f"Bearer {example.token if token is None else token}"} if token != "" else {}
    return example.http.request(method, KEYS + path, headers=headers, **options)


def other(example: Serving) -> dict[str, Any]:
    """Another organisation with its root key."""
    return create_organisation(example.database_url, example.folder, "Other")


def events(example: Serving, key_id: str) -> list[str]:
    """The actions of the audit trail that a key was the subject of."""
    told = json.loads(example.command("audit", "--json").stdout)
    return [event["action"] for event in told if event["subject_id"] == key_id]


OPERATIONS: Final = [
    ("GET", ""),
    ("POST", ""),
    ("GET", f"/{NOBODY}"),
    ("POST", f"/{NOBODY}/revoke"),
    ("POST", f"/{NOBODY}/rotate"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_nobody_gets_in_without_the_right(example: Serving, method: str, path: str) -> None:
    """Each operation answers 401 without a token that counts, and 403 to a key without its scope."""
    for token in ("", "nonsense", unknown_token()):
        faults_of(ask(example, method, path, token=token), 401)
    token = example.key(scopes=["reports:read"])["token"]
    assert "api-keys:" in faults_of(ask(example, method, path, token=token), 403)[0]["msg"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/x"), ("POST", "/x/revoke"), ("POST", "/x/rotate"), ("POST", "")]
)
def test_what_breaks_the_document_is_422(example: Serving, method: str, path: str) -> None:
    """An id that is no UUID, or a body without a name, is refused with its place."""
    options: dict[str, Any] = {} if path else {"json": {}}
    assert faults_of(ask(example, method, path, **options), 422)[0]["loc"] == (
        ["path", "key_id"] if path else ["body", "name"]
    )


def test_reading_is_not_writing(example: Serving) -> None:
    """A key with `api-keys:read` lists and shows; it makes, rotates and revokes nothing."""
    reader = example.key(scopes=["api-keys:read"])
    assert ask(example, "GET", token=reader["token"]).status_code == 200
    assert ask(example, "GET", f"/{reader['id']}", token=reader["token"]).status_code == 200
    for path in (f"/{reader['id']}/rotate", f"/{reader['id']}/revoke"):
        faults_of(ask(example, "POST", path, token=reader["token"]), 403)


def test_pages_follow_one_another(example: Serving) -> None:
    """Page by page everything is told once, oldest first, and the last page says that it is; no secret is in it."""
    token = other(example)["token"]
    made = [example.post({"name": f"key {n}", "env": "live"}, token=token).json()["id"] for n in range(7)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    sizes = []
    while True:
        page = ask(example, "GET", token=token, params={"limit": 3, **cursor}).json()
        assert all("token" not in key and "digest" not in key for key in page["items"])
        seen += [key["id"] for key in page["items"]]
        sizes.append(len(page["items"]))
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen[1:] == made  # the first is the root key
    assert sizes == [3, 3, 2]
    faults_of(ask(example, "GET", params={"cursor": NOBODY}), 404)
    for limit in (0, 101):
        faults_of(ask(example, "GET", params={"limit": limit}), 422)


def test_organisations_never_see_one_another(example: Serving) -> None:
    """Another organisation's key is 404, as one that nobody has, whatever is asked of it, and stays as it was."""
    theirs = other(example)
    before = example.listed()[theirs["key_id"]]
    for method, path in (("GET", ""), ("POST", "/revoke"), ("POST", "/rotate")):
        refused = faults_of(ask(example, method, f"/{theirs['key_id']}{path}"), 404)
        assert refused == faults_of(ask(example, method, f"/{NOBODY}{path}"), 404)
    faults_of(ask(example, "GET", params={"cursor": theirs["key_id"]}), 404)
    assert all(key["org_id"] == example.root["org_id"] for key in ask(example, "GET").json()["items"])
    assert example.listed()[theirs["key_id"]] == before


def test_a_rotated_key_stays_good_for_the_overlap(example: Serving) -> None:
    """Both tokens are good until the overlap is over, then the successor's only; it may what the old one may."""
    old = example.key(name="rotated", scopes=["api-keys:read"])
    answer = ask(example, "POST", f"/{old['id']}/rotate", json={"overlap_seconds": 2})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    new = answer.json()
    assert (new["name"], new["scopes"], new["env"], new["rotated_from"]) == (
        "rotated",
        old["scopes"],
        "live",
        old["id"],
    )
    deadline = time.monotonic() + 20
    while ask(example, "GET", token=old["token"]).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    faults_of(ask(example, "GET", token=old["token"]), 401)
    assert ask(example, "GET", token=new["token"]).status_code == 200
    faults_of(ask(example, "POST", f"/{old['id']}/rotate"), 409)
    assert [key["id"] for key in ask(example, "GET", params={"state": "expired"}).json()["items"]] == [old["id"]]
    assert events(example, new["id"]) == ["key.rotated"]


def test_by_default_the_overlap_is_a_day(example: Serving) -> None:
    """Without a body the old token stays good, and ends a day later."""
    old = example.key()
    assert ask(example, "POST", f"/{old['id']}/rotate").status_code == 201
    shown = ask(example, "GET", f"/{old['id']}").json()
    assert shown["expires_at"] is not None
    assert shown["revoked_at"] is None


def test_nobody_gains_by_rotating_or_revoking(example: Serving) -> None:
    """A key changes none that may more than itself: no scope, no live env is gained, and the refusal is kept."""
    strong = example.key(scopes=["reports:read"])
    weak = example.key(scopes=["api-keys:write"])
    test = example.key(scopes=["*"], env="test")
    for token in (weak["token"], test["token"]):
        for what in ("rotate", "revoke"):
            faults_of(ask(example, "POST", f"/{strong['id']}/{what}", token=token), 403)
            faults_of(ask(example, "POST", f"/{example.root['key_id']}/{what}", token=token), 403)
    told = json.loads(example.command("audit", "--json").stdout)
    assert [event["action"] for event in told if event["key_id"] == weak["id"]] == ["key.refused"] * 4
    assert example.listed()[strong["id"]]["revoked_at"] is None


def test_a_revoked_key_stops_at_once(example: Serving) -> None:
    """It is 401 with the next request, shows since when, and stays so when it is revoked again, which is told once."""
    key = example.key(scopes=["api-keys:read"])
    first = ask(example, "POST", f"/{key['id']}/revoke")
    assert first.status_code == 200, first.text
    assert first.json()["revoked_at"] is not None
    faults_of(ask(example, "GET", token=key["token"]), 401)
    assert ask(example, "POST", f"/{key['id']}/revoke").json() == first.json()
    faults_of(ask(example, "POST", f"/{key['id']}/rotate"), 409)
    assert events(example, key["id"]) == ["key.created", "key.revoked"]


def test_dev_serves_it_as_the_guide_says(tmp_path: Path) -> None:
    """`cd examples/key-lifecycle && imtegrate dev --spec openapi.json` finds the handlers beside the document."""
    url = f"sqlite:///{tmp_path}/dev.db"
    lay_out(tmp_path)
    with running("dev", "--spec", "openapi.json", "--database-url", url, cwd=tmp_path) as service:
        made = imtegrate(
            "keys", "create", "--org", "development", "--name", "dev", "--scope", "*", "--json",
            "--database-url", url, cwd=tmp_path,
        )  # fmt: skip
        token = json.loads(made.stdout)["token"]
        with service.client() as http:
            faults_of(http.get(KEYS), 401)
            listed = http.get(KEYS, headers={"Authorization": f"Bearer {token}"})
    assert [key["name"] for key in listed.json()["items"]] == ["dev"]
