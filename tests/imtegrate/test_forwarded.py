"""`--trusted-proxy`: whose word on the client's address counts."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from running import Running, imtegrate, running

TRUSTED = ("--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "2001:db8::/32")

CASES: list[tuple[str, list[tuple[str, str]], str]] = [
    ("nothing", [], "127.0.0.1"),
    ("one", [("X-Forwarded-For", "192.0.2.1")], "192.0.2.1"),
    ("the client's own word", [("X-Forwarded-For", "198.51.100.1, 192.0.2.1")], "192.0.2.1"),
    ("over proxies of ours", [("X-Forwarded-For", "198.51.100.1, 192.0.2.1, 10.1.2.3")], "192.0.2.1"),
    ("two fields", [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.1")], "192.0.2.1"),
    ("ours only", [("X-Forwarded-For", "10.0.0.2, 10.0.0.1")], "10.0.0.2"),
    ("a port", [("X-Forwarded-For", "192.0.2.1:4711")], "192.0.2.1"),
    ("IPv6", [("X-Forwarded-For", "2001:db9::1")], "2001:db9::1"),
    ("mapped", [("X-Forwarded-For", "::ffff:192.0.2.1")], "192.0.2.1"),
    ("no address", [("X-Forwarded-For", "192.0.2.1, nonsense")], "127.0.0.1"),
    ("no address behind ours", [("X-Forwarded-For", "192.0.2.1, nonsense, 10.0.0.1")], "10.0.0.1"),
    ("empty", [("X-Forwarded-For", "")], "127.0.0.1"),
    ("RFC 7239", [("Forwarded", "for=192.0.2.1;proto=https;by=203.0.113.43")], "192.0.2.1"),
    ("elements", [("Forwarded", "for=198.51.100.1, For=192.0.2.1, for=10.0.0.1")], "192.0.2.1"),
    ("quoted", [("Forwarded", 'for="192.0.2.1:4711"')], "192.0.2.1"),
    ("quoted IPv6", [("Forwarded", 'for="[2001:db9::17]:4711"')], "2001:db9::17"),
    ("a comma in quotes", [("Forwarded", 'host="a,for=198.51.100.1";for=192.0.2.1')], "192.0.2.1"),
    ("unknown", [("Forwarded", "for=192.0.2.1, for=unknown")], "127.0.0.1"),
    ("obfuscated", [("Forwarded", "for=192.0.2.1, for=_hidden, for=10.0.0.1")], "10.0.0.1"),
    ("without for", [("Forwarded", "for=192.0.2.1, proto=http")], "127.0.0.1"),
    ("an open quote", [("Forwarded", 'for=192.0.2.1, for="198.51.100.1')], "127.0.0.1"),
    ("both agree", [("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", "192.0.2.1")], "192.0.2.1"),
    ("both differ", [("Forwarded", "for=198.51.100.1"), ("X-Forwarded-For", "192.0.2.1")], "127.0.0.1"),
    ("one broken", [("Forwarded", '"'), ("X-Forwarded-For", "192.0.2.1")], "127.0.0.1"),
]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`serve` behind proxies."""
    folder = tmp_path_factory.mktemp("behind")
    with running("serve", "--access-log", *TRUSTED, cwd=folder) as service:
        yield service


def address_of(service: Running, headers: list[tuple[str, str]]) -> str:
    """The client's address of a request, as the access log has it."""
    request_id = uuid4().hex
    with service.client() as client:
        assert client.get("/healthz", headers=[*headers, ("X-Request-ID", request_id)]).status_code == 200
    [line] = [line for line in service.log.read_text().splitlines() if request_id in line]
    found: str = json.loads(line)["client"]
    return found


@pytest.mark.parametrize(("headers", "address"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_client_is_the_last_that_is_no_proxy_of_ours(
    behind: Running, headers: list[tuple[str, str]], address: str
) -> None:
    """Read from the right, as far as it is trusted and can be read."""
    assert address_of(behind, headers) == address


def test_nobody_else_is_believed(tmp_path: Path) -> None:
    """Without the setting, and from an address that it does not name, the headers count for nothing."""
    said = [("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", "192.0.2.1"), ("X-Real-IP", "192.0.2.1")]
    for arguments in ((), ("--trusted-proxy", "10.0.0.0/8")):
        with running("serve", "--access-log", *arguments, cwd=tmp_path) as service:
            assert address_of(service, said) == "127.0.0.1"


def test_proxies_come_from_the_environment_and_the_file(tmp_path: Path) -> None:
    """Several stand in the variable with spaces between, in the file as an array; what is no network is told."""
    (tmp_path / "imtegrate.toml").write_text(
        'trusted-proxy = ["10.0.0.0/8", "::1"]\ncors-origin = "https://a.example"\n'
    )

    def proxies(**env: str) -> list[str]:
        done = imtegrate("settings", "--json", cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        [found] = [row["value"] for row in json.loads(done.stdout) if row["name"] == "trusted_proxy"]
        assert isinstance(found, list)
        return found

    assert proxies() == ["10.0.0.0/8", "::1/128"]
    assert proxies(IMTEGRATE_TRUSTED_PROXY="192.0.2.0/24 192.0.2.1") == ["192.0.2.0/24", "192.0.2.1/32"]
    done = imtegrate("serve", "--trusted-proxy", "10.0.0.1/8", cwd=tmp_path)
    assert done.returncode == 2
    assert "10.0.0.1/8 has host bits set" in done.stderr
