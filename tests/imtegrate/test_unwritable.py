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
        command = f"{{ {' '.join(IMTEGRATE)} {maker} {as_json} --database-url {url}; echo $? >&2; }} {FORMS[form]}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=os.environ, capture_output=True, text=True,
            timeout=START_TIMEOUT, check=False,
        )  # fmt: skip
        told, code = done.stderr.splitlines()
        assert code == "1"
        prefix = told.split("the key ")[1].split()[0]
        assert "was made, but could not be shown" in told
        assert len(prefix) == len(root["prefix"])
        assert imtegrate("keys", "show", prefix, "--database-url", url, cwd=tmp_path).returncode == 0
