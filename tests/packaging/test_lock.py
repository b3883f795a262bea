"""`requirements.lock`: it fits `pyproject.toml`, and wheels are all it takes, wherever the service is to run."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"

PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "x86_64-apple-darwin", "aarch64-apple-darwin")
PYTHONS = ("3.11", "3.12", "3.13")


def locked() -> dict[str, str]:
    """Name → version, of all that is locked."""
    return dict(re.findall(r"^(\S+?)==(\S+)", LOCK.read_text(), flags=re.MULTILINE))


def test_it_fits_the_project() -> None:
    """Every dependency of the project is locked, in a version that the project allows."""
    versions = locked()
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        wanted = Requirement(text)
        version = versions.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in requirements.lock: tox -e lock"
        assert wanted.specifier.contains(version), f"{wanted.name} {version} is locked, not {text}: tox -e lock"


def test_everything_has_hashes() -> None:
    """Nothing is installed but what was there when it was locked: everything has SHA-256 hashes."""
    for entry in re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", LOCK.read_text(), flags=re.MULTILINE)):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_it_is_all_there_is_to_install() -> None:
    """With the lock alone, wheels only and no other dependency, `pip` has all that the project needs."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *("--only-binary=:all:", "--require-hashes", "--requirement", LOCK),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_there_are_wheels(python: str, platform: str, tmp_path: Path) -> None:
    """On Linux and macOS, of either processor, with each Python, nothing has to be compiled."""
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "uv",
                "pip",
                "install",
                "--dry-run",
                "--target",
                tmp_path,
                "--no-deps",
                "--system-certs",
            ),
            *("--python-version", python, "--python-platform", platform, "--only-binary", ":all:"),
            *("--require-hashes", "--requirements", LOCK),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
