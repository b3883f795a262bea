"""No process that has tokens in hand leaves a core file."""

from contextlib import closing
from pathlib import Path

from running import Serving, create_organisation, running, workers_of


def descendants_of(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in descendants_of(int(child)))]


def test_no_process_leaves_a_core_file(tmp_path: Path) -> None:
    """The supervisor, its workers and the processes that write to the database have a limit of 0 bytes."""
    url = f"sqlite:///{tmp_path}/imtegrate.db"
    root = create_organisation(url, tmp_path)
    with running("serve", "--workers", "2", "--database-url", url, cwd=tmp_path) as service:
        # The writing process is started by the first key.
        with closing(Serving(service, url, root, tmp_path)) as serving:
            serving.key()
        pids = descendants_of(service.process.pid)
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]
        assert {*workers_of(service)} < {*pids}
        assert any(b"sqlite_process" in command for command in commands), commands
        for pid in pids:
            [limit] = [
                line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core")
            ]
            assert limit.split()[4:6] == ["0", "0"]
