"""No process that has tokens in hand leaves a core file."""

from pathlib import Path

from running import running, workers_of


def descendants_of(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in descendants_of(int(child)))]


def test_no_process_leaves_a_core_file(tmp_path: Path) -> None:
    """The supervisor, its workers and the processes that write to the database have a limit of 0 bytes."""
    url = f"sqlite:///{tmp_path}/imtegrate.db"
    with running("serve", "--workers", "2", "--database-url", url, cwd=tmp_path) as service:
        pids = descendants_of(service.process.pid)
        assert {*workers_of(service)} < {*pids}
        for pid in pids:
            [limit] = [
                line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core")
            ]
            assert limit.split()[4:6] == ["0", "0"]
