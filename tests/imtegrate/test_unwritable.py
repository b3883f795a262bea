"""A stdout that takes nothing: what was done is said all the same, in one line that holds no token."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from running import IMTEGRATE, START_TIMEOUT, create_organisation, imtegrate

FORMS: Final = {"closed": ">&-", "full": ">/dev/full", "pipe": "| true"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("as_json", ["", "--json"])
def test_a_key_that_is_not_shown_is_told(tmp_path: Path, form: str, as_json: str) -> None:
    """`orgs create`, `keys create` and `keys rotate` name the key that they made; exit 1, without a traceback."""
    url = f"sqlite:///{tmp_path}/imtegrate.db"
    root = create_organisation(url, tmp_path)
    makers = ("orgs create Other", "keys create --org Example --name k", f"keys rotate {root['prefix']}")
    for maker in makers:
        told, code = _said(f"{maker} {as_json} --database-url {url}", form, tmp_path)
        assert code == "1"
        prefix = told.split("the key ")[1].split()[0]
        assert "was made, but could not be shown" in told
        assert len(prefix) == len(root["prefix"])
        assert imtegrate("keys", "show", prefix, "--database-url", url, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", ["keys list", "keys list --json", "audit", "settings", "--version"])
def test_what_is_not_shown_is_no_success(tmp_path: Path, command: str, form: str) -> None:
    """A command whose result stdout does not take exits 1 and says so in a line; nothing where a reader has left."""
    *told, code = _said(command, form, tmp_path)
    assert code == "1"
    reasons = {"closed": ["stdout is closed"], "full": ["No space left on device"], "pipe": []}
    assert told == [f"imtegrate: the result could not be shown ({reason})" for reason in reasons[form]]


def test_a_revocation_that_is_not_shown_is_told(tmp_path: Path) -> None:
    """`keys revoke` says that the key is revoked; exit 1."""
    url = f"sqlite:///{tmp_path}/imtegrate.db"
    prefix = create_organisation(url, tmp_path)["prefix"]
    told, code = _said(f"keys revoke {prefix} --database-url {url}", "full", tmp_path)
    assert (told, code) == (
        f"imtegrate: the key {prefix} is revoked, but that could not be shown (No space left on device)",
        "1",
    )


def _said(command: str, form: str, folder: Path) -> list[str]:
    """The lines on stderr of a command whose stdout takes nothing, and its exit code."""
    whole = f"{{ {' '.join(IMTEGRATE)} {command}; echo $? >&2; }} {FORMS[form]}"
    done = subprocess.run(
        ["bash", "-c", whole], cwd=folder, env=os.environ, capture_output=True, text=True, timeout=START_TIMEOUT,
        check=False,
    )  # fmt: skip
    return done.stderr.splitlines()
