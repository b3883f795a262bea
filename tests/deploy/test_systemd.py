"""The unit of systemd: it is one, and how little it lets the service do."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from running import free_port, imtegrate

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "imtegrate.service"

EXPOSURE: Final = 13
"""What the unit may leave open at most, in tenths of systemd's measure (0 to 100; below 20 is "OK")."""


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    try:
        return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise AssertionError("systemd-analyze is missing: apt-get install systemd") from None


def test_it_is_a_unit(tmp_path: Path) -> None:
    """Systemd reads the unit and has nothing to say about it, once the program is where the unit wants it."""
    program = tmp_path / "imtegrate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/imtegrate/bin/imtegrate", str(program)))
    done = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_mistake_in_it_is_found(tmp_path: Path) -> None:
    """What judges the unit does judge: a setting that does not exist is told."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("ProtectSystem=strict", "ProtectSytsem=strict"))
    assert "ProtectSytsem" in analyze("verify", "--man=no", "--recursive-errors=no", unit).stderr


def test_it_lets_the_service_do_little() -> None:
    """Systemd's own measure of exposure stays at what is needed to listen and to reach a database."""
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", UNIT)
    assert done.returncode == 0, done.stdout


def test_what_it_starts_are_commands(tmp_path: Path) -> None:
    """Every command of ours in the unit is one, and the variables that it sets are read."""
    lines = UNIT.read_text().splitlines()
    commands = [line.split("/imtegrate ", 1)[1].split() for line in lines if line.startswith("ExecStart")]
    assert commands == [["db", "upgrade"], ["serve"]]
    for command in commands:
        assert imtegrate(*command, "--help", cwd=tmp_path).returncode == 0
    (tmp_path / "database-url").write_text(f"sqlite:///{tmp_path}/kept.db\n")
    done = imtegrate("db", "upgrade", cwd=tmp_path, env={"IMTEGRATE_DATABASE_URL_FILE": "database-url"})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kept.db").exists()


WITHOUT_NEW_CODE: Final = """
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # prctl(2), since Linux 6.3
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit("PR_SET_MDWE is missing: this test takes Linux 6.3")
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_it_runs_without_new_code(tmp_path: Path) -> None:
    """`MemoryDenyWriteExecute=` stops nothing that the service does: no memory of it is written, then executed."""
    program = [sys.executable, "-c", WITHOUT_NEW_CODE, sys.executable, "-m", "imtegrate"]
    with subprocess.Popen(
        [*program, "dev", "--port", str(free_port())], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            lines = [process.stderr.readline() for _ in range(2)]
            assert "Listening" in "".join(lines), lines + process.stderr.readlines()
            url = lines[1].split()[-1]
            made = subprocess.run(
                ["curl", "--silent", "--fail-with-body", "--json", '{"name": "a key"}', f"{url}/v1/api-keys"],
                capture_output=True,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stdout
        finally:
            process.terminate()
