"""What is installed: the wheel, the source distribution, and how the program is started from them."""

import json
import re
import subprocess
import sys
import tomllib
import venv
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from running import imtegrate

ROOT = Path(__file__).parents[2]
PACKAGES = ("contract", "db", "handlers", "imtegrate")


def build(source: Path, to: Path, *kinds: str) -> list[Path]:
    """Build distributions with the build back end that is installed: the network is not asked."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", to, *kinds, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(to.iterdir())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    (made,) = build(ROOT, tmp_path_factory.mktemp("wheel"), "--wheel")
    return made


def contents(path: Path) -> dict[str, bytes]:
    """Every file of a wheel."""
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_of_the_source_distribution_is_the_same(wheel: Path, tmp_path: Path) -> None:
    """Who builds from the source distribution gets the wheel that is built from the repository, file for file."""
    made = build(ROOT, tmp_path)  # `build` makes the wheel from the source distribution, unless it is told otherwise
    assert [path.suffix for path in made] == [".whl", ".gz"]
    assert contents(made[0]) == contents(wheel)


def test_the_wheel_holds_what_is_needed(wheel: Path) -> None:
    """The wheel is of pure Python, typed, and holds the document, the licence, the migrations and the docs page."""
    names = set(contents(wheel))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {"imtegrate/openapi.json", "imtegrate/page/index.html", "db/migrations/env.py"} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {
        *PACKAGES,
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }


def test_the_metadata_says_which_pythons(wheel: Path) -> None:
    """The classifiers name the Pythons that `tox` has environments for, the oldest being the one that is required."""
    (text,) = (data.decode() for name, data in contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(text)
    pythons = re.findall(r"Python :: (3\.\d+)$", "\n".join(metadata.get_all("Classifier", [])), flags=re.MULTILINE)
    environments = re.findall(r"py(3)(\d+)", (ROOT / "tox.ini").read_text())
    assert metadata["Requires-Python"] == f">={pythons[0]}"
    assert set(pythons) == {f"{major}.{minor}" for major, minor in environments}
    assert "Typing :: Typed" in text


def test_it_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """`imtegrate` and `python -m imtegrate` of an installed wheel run, and serve the document that came with it."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    # Its dependencies are those that the tests run with; the wheel itself is installed by pip, as anyone would.
    installed = {str(Path(path)) for path in sys.path if path.endswith("site-packages")}
    done = subprocess.run(
        [sys.executable, "-m", "pip", f"--python={python}", "install", "--no-deps", "--no-index", wheel],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (library,) = (environment / "lib").glob("python*/site-packages")
    (library / "dependencies.pth").write_text("".join(f"{path}\n" for path in installed))

    def run(*command: str | Path) -> str:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    program = environment / "bin" / "imtegrate"
    assert run(program, "--version") == run(python, "-m", "imtegrate", "--version") == f"imtegrate {version}\n"
    found: list[dict[str, Any]] = json.loads(run(program, "settings", "--json"))
    assert found[0]["value"] == str(library / "imtegrate" / "openapi.json")


def test_the_shell_completes(tmp_path: Path) -> None:
    """`--show-completion bash` prints what bash can read, and what it then asks names the commands."""
    env = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = imtegrate("--show-completion", "bash", cwd=tmp_path, env=env)
    assert script.returncode == 0, script.stderr
    assert "complete -o default -F _imtegrate_completion imtegrate" in script.stdout
    read = subprocess.run(["bash", "-n"], input=script.stdout, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    asked = imtegrate(
        cwd=tmp_path, env={"_IMTEGRATE_COMPLETE": "complete_bash", "COMP_WORDS": "imtegrate s", "COMP_CWORD": "1"}
    )
    assert asked.stdout.split() == ["serve", "stub", "settings"]
    installed = imtegrate("--install-completion", "bash", cwd=tmp_path, env={**env, "HOME": str(tmp_path)})
    assert installed.returncode == 0, installed.stderr
    assert (tmp_path / ".bash_completions" / "imtegrate.sh").read_text().strip() == script.stdout.strip()
