"""Make `requirements.lock`: every distribution that the service runs with, on any machine, with its hashes.

python tests/packaging/lock.py            # keeps what is locked, as far as pyproject.toml allows
python tests/packaging/lock.py --upgrade  # takes the newest of everything
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "requirements.lock"

COMMAND: Final[Sequence[str]] = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--only-binary", ":all:", "--no-annotate", "--custom-compile-command", "tox -e lock"),
    *("--constraint", str(Path(__file__).with_name("constraints.txt")), str(ROOT / "pyproject.toml")),
)


def write(to: Path, *options: str) -> None:
    """Resolve; what `to` holds already is kept as far as pyproject.toml allows.

    Raises:
        subprocess.CalledProcessError: nothing fits, or the index of packages cannot be reached.
    """
    subprocess.run([*COMMAND, *options, "--output-file", str(to)], check=True)


if __name__ == "__main__":
    write(LOCK, *sys.argv[1:])
