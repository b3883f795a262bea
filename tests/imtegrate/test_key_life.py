"""`imtegrate keys create|show|rotate`, expiry, and the pages and filters of `keys list`; and what HTTP makes of it."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from running import Serving, create_organisation, faults_of

MEMBERS: Final = ["id", "org_id", "prefix", "name", "scopes", "env", "last_used_at", "revoked_at", "created_at"]
DETAILS: Final = [*MEMBERS, "expires_at", "rotated_from"]

SHORT: Final = 6
"""Seconds that a key lives which is to expire while a test looks on: a command takes some on a busy machine."""


def told(serving: Serving, *arguments: str) -> Any:
    """What a command prints as JSON."""
    done = serving.command("keys", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def made(serving: Serving, *options: str) -> dict[str, Any]:
    """A live key that an operator has made, which may everything."""
    common = ("--org", serving.root["org_id"], "--name", "by an operator", "--env", "live", "--scope", "*")
    key: dict[str, Any] = told(serving, "create", *common, *options)
    return key


def status(serving: Serving, key: dict[str, Any]) -> int:
    """What a request with this key's token is answered."""
    return serving.post({"name": "child"}, token=key["token"]).status_code


def wait_for(moment: str) -> None:
    """Sleep until a moment has passed."""
    time.sleep(max(0.0, (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()) + 0.05)


def test_an_operator_makes_a_key(serving: Serving) -> None:
    """The key is told whole, its token once, and works; afterwards it is shown by id and prefix without its token."""
    key = made(serving, "--expires", "90d")
    assert list(key) == [*DETAILS, "token"]
    assert (key["scopes"], key["env"], key["rotated_from"]) == (["*"], "live", None)
    lives = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert abs(lives - timedelta(days=90)) < timedelta(minutes=1)
    for name in (key["id"], key["prefix"]):
        assert told(serving, "show", name) == {member: key[member] for member in DETAILS}
    table = serving.command("keys", "show", key["id"]).stdout
    assert key["expires_at"] in table
    assert key["token"][17:] not in table
    assert status(serving, key) == 201


def test_a_key_without_scopes_may_nothing(serving: Serving) -> None:
    """Without `--scope` a key may do nothing: neither it nor its successor makes a key."""
    key = told(serving, "create", "--org", serving.root["org_id"], "--name", "weak", "--env", "live")
    assert key["scopes"] == []
    successor = told(serving, "rotate", key["id"])
    assert successor["scopes"] == []
    assert [status(serving, each) for each in (key, successor)] == [403, 403]


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--expires", "90"),
        ("create", "--expires", "0s"),
        ("create", "--expires", "2001-01-01"),
        ("create", "--expires", "999999999d"),
        ("create", "--expires", "0001-01-01T00:00:00+14:00"),
        ("create", "--env", "prod"),
        ("rotate", "--overlap", "soon"),
        ("rotate", "--overlap", "-1h"),
        ("list", "--limit", "0"),
    ],
    ids=" ".join,
)
def test_nonsense_is_a_usage_error(serving: Serving, arguments: tuple[str, ...]) -> None:
    """What is no duration, no moment to come, no env or no number is exit 2, and nothing is made."""
    command, *options = arguments
    required = {
        "create": ["--org", serving.root["org_id"], "--name", "nonsense"],
        "rotate": [serving.root["key_id"]],
        "list": [],
    }
    before = serving.kept()
    done = serving.command("keys", command, *required[command], *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert serving.kept() == before


def test_both_secrets_work_during_the_overlap(serving: Serving) -> None:
    """A successor is the same key with another secret; the old one works until the overlap is over, and not after."""
    old = made(serving)
    assert status(serving, old) == 201  # so that the service knows it as a key that never ends
    new = told(serving, "rotate", old["prefix"], "--overlap", f"{2 * SHORT}s")
    same = ["org_id", "name", "scopes", "env", "expires_at"]
    assert [new[member] for member in same] == [old[member] for member in same]
    assert new["rotated_from"] == old["id"]
    assert new["prefix"] != old["prefix"]
    assert [status(serving, key) for key in (old, new)] == [201, 201]
    wait_for(told(serving, "show", old["id"])["expires_at"])
    faults_of(serving.post({"name": "child"}, token=old["token"]), 401)
    assert status(serving, new) == 201


def test_without_an_overlap_the_old_secret_ends_at_once(serving: Serving) -> None:
    """`--overlap 0s` ends the old one with the next request; it can neither be rotated again nor verified."""
    old = made(serving)
    new = told(serving, "rotate", old["id"], "--overlap", "0s")
    assert [status(serving, key) for key in (old, new)] == [401, 201]
    done = serving.command("keys", "rotate", old["id"])
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "expired" in done.stderr
    done = serving.command("keys", "verify", stdin=old["token"])
    assert (done.returncode, done.stdout) == (1, "")
    assert "expired since" in done.stderr


def test_rotation_prolongs_nothing(serving: Serving) -> None:
    """Neither the old key nor its successor lives longer than the old one would have."""
    old = made(serving, "--expires", "1h")
    new = told(serving, "rotate", old["id"], "--overlap", "24h")
    assert new["expires_at"] == old["expires_at"]
    assert told(serving, "show", old["id"])["expires_at"] == old["expires_at"]


def test_a_revoked_key_has_no_successor(serving: Serving) -> None:
    """A revoked key cannot be rotated back to life."""
    key = made(serving)
    serving.revoke(key)
    before = serving.kept()
    done = serving.command("keys", "rotate", key["id"])
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "revoked" in done.stderr
    assert serving.kept() == before


def test_a_key_does_not_outlive_its_maker(serving: Serving) -> None:
    """What an expiring key makes over HTTP ends when it does; once it has expired, both are refused."""
    maker = made(serving, "--expires", f"{2 * SHORT}s")
    child = serving.post({"name": "child", "env": "live", "scopes": ["*"]}, token=maker["token"]).json()
    assert told(serving, "show", child["id"])["expires_at"] == maker["expires_at"]
    wait_for(maker["expires_at"])
    for key in (maker, child):
        faults_of(serving.post({"name": "child"}, token=key["token"]), 401)


def test_an_expiry_that_changes_binds_the_next_key(serving: Serving) -> None:
    """A maker that is given an end while the service knows it as one without passes that end on with its next key."""
    maker = made(serving)
    assert status(serving, maker) == 201
    told(serving, "rotate", maker["id"], "--overlap", "1h")
    child = serving.post({"name": "child"}, token=maker["token"]).json()
    ends = [told(serving, "show", key["id"])["expires_at"] for key in (maker, child)]
    assert ends[0] is not None
    assert ends[0] == ends[1]


def test_filters_and_pages(serving: Serving) -> None:
    """Each filter keeps what it says and nothing else; pages follow without gap."""
    org = create_organisation(serving.database_url, serving.folder, "filtered")

    def make(name: str, *options: str) -> dict[str, Any]:
        key: dict[str, Any] = told(serving, "create", "--org", org["org_id"], "--name", name, *options)
        return key

    def listed(*options: str) -> list[str]:
        found = told(serving, "list", "--org", org["org_id"], *options)
        assert [list(key) for key in found] == [MEMBERS] * len(found)
        return [key["id"] for key in found]

    a = make('say "a"', "--env", "live", "--scope", "x")
    b = make("b", "--scope", "x", "--scope", "X")
    c = make("c", "--expires", "1s")
    root, gone = {"id": org["key_id"]}, b
    serving.revoke(gone)
    wait_for(c["expires_at"])

    def ids(*keys: dict[str, Any]) -> list[str]:
        return [key["id"] for key in keys]

    assert listed() == ids(root, a, b, c)
    assert listed("--env", "live") == ids(root, a)
    assert listed("--scope", "X") == ids(b)
    assert listed("--prefix", a["prefix"]) == ids(a)
    assert listed("--prefix", a["prefix"].upper()) == []
    assert listed("--name-contains", '"a') == ids(a)
    assert listed("--name-contains", "\\") == []
    assert listed("--active") == ids(root, a)
    assert listed("--revoked") == ids(b)
    assert listed("--expired") == ids(c)
    assert listed("--revoked", "--expired") == ids(b, c)
    assert listed("--active", "--scope", "x", "--env", "live") == ids(a)
    assert listed("--limit", "2") == ids(root, a)
    assert listed("--limit", "2", "--after", a["id"]) == ids(b, c)
    assert listed("--after", c["prefix"]) == []


def test_what_is_unknown_is_one_line(serving: Serving) -> None:
    """A key that there is not, or a token in its place, is one line, exit 1, without the token."""
    token = serving.token
    for arguments in (("show", token), ("rotate", token), ("list", "--after", token), ("show", "imt_live_00000000")):
        done = serving.command("keys", *arguments)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
        assert token[17:] not in done.stderr
