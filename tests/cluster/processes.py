"""Processes of a folder: started as an unprivileged user, found by where they run, and ended however we end.

PostgreSQL's postmaster leaves the session and outlives Patroni, so no tree of parents tells what belongs to what; the
working directory does: each program starts in a folder of its own, and PostgreSQL's processes stay in its data folder.
"""

import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

UNPRIVILEGED: Final = "nobody"
"""Runs the cluster where we are root, as which PostgreSQL refuses to run."""

PORTS: Final = range(20000, 32768)
"""Below those that Linux gives to outgoing connections (`ip_local_port_range`): who comes back finds its own free."""

_REAPER: Final = "import sys; sys.stdin.read(); import processes; processes.clear(sys.argv[1])"
"""Waits until the other end of its stdin is gone, however it went."""


class Unavailable(Exception):
    """Something that the cluster needs cannot be had, or did not come in time; says what."""


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder that the unprivileged user may enter; its processes end and it goes when the block, or we, end."""
    folder = Path(tempfile.mkdtemp(prefix="imtegrate-cluster-"))
    folder.chmod(0o755)
    reaper = subprocess.Popen(
        [sys.executable, "-c", _REAPER, folder],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parent,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        assert reaper.stdin is not None
        reaper.stdin.close()
        reaper.wait()


def clear(folder: str) -> None:
    """Kill every process of a folder, and remove it."""
    while found := processes_in(Path(folder)):
        kill(found)
    shutil.rmtree(folder, ignore_errors=True)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Every process that runs in a folder, or below it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            # «(deleted)» follows where the folder is gone.
            here = Path(process.cwd().removesuffix(" (deleted)"))
            if here.is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill(processes: Sequence[psutil.Process]) -> None:
    """End processes at once (SIGKILL), and wait until they have."""
    send(processes, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=5)


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def make_folder(folder: Path) -> Path:
    """Make a folder that belongs to the unprivileged user."""
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def start(command: Sequence[str | Path], folder: Path, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a program in its folder as the unprivileged user; what it says is in `log` there."""
    user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C", **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )


def free_ports(count: int) -> list[int]:
    """Ports of `PORTS` that nobody listens on."""
    ports: list[int] = []
    # Not the run's seed: two runs side by side would want the same ones.
    for port in random.Random(secrets.randbits(64)).sample(PORTS, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise Unavailable(f"no {count} free ports from {PORTS.start} to {PORTS.stop - 1}: end what listens there")


def wait_for(what: str, holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds.

    Raises:
        Unavailable: it did not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Unavailable(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)
