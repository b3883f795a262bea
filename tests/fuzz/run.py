"""Fuzzes the running service with schemathesis, from its command line: `tox -e fuzz`.

Runs against `serve` with a key given by `-H`, and against `dev` with nothing; every check, every phase, several fixed
seeds and a fresh one, which is printed. Ends with 1 if anything was found.
"""

import argparse
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from running import create_organisation, running

SEEDS: Final = (1, 20, 300)
"""Fixed, so that what was found once is found again."""

ROOT: Final = Path(__file__).parents[2]
SPEC: Final = ROOT / "openapi.json"
EXAMPLE: Final = ROOT / "examples" / "key-lifecycle"

OWN_KEY: Final = "own-key"
"""File of the folder with the id of the key that schemathesis calls with, where that key may be revoked by it."""


@contextmanager
def targets(folder: Path) -> Iterator[dict[str, tuple[str, Sequence[str]]]]:
    """`serve` and `dev`, running: their URLs, and what schemathesis is told beside it."""
    url = f"sqlite:///{folder / 'serve.db'}"
    token = create_organisation(url, folder)["token"]
    with (
        running("serve", "--spec", SPEC, "--database-url", url, cwd=folder) as serve,
        running("dev", "--spec", SPEC, "--database-url", f"sqlite:///{folder / 'dev.db'}", cwd=folder) as dev,
    ):
        yield {"serve": (serve.url, ("-H", f"Authorization: Bearer {token}")), "dev": (dev.url, ())}


@contextmanager
def example_targets(folder: Path) -> Iterator[dict[str, tuple[str, Sequence[str]]]]:
    """The same of the larger example. Its document demands a token, which `dev` is given too."""
    for name in ("openapi.json", "handlers"):
        (folder / name).symlink_to(EXAMPLE / name)
    url = f"sqlite:///{folder / 'example.db'}"
    root = create_organisation(url, folder)
    (folder / OWN_KEY).write_text(root["key_id"])
    options = ("-H", f"Authorization: Bearer {root['token']}")
    with (
        running("serve", "--database-url", url, cwd=folder) as serve,
        running("dev", "--database-url", url, cwd=folder) as dev,
    ):
        yield {"example serve": (serve.url, options), "example dev": (dev.url, options)}


def fuzz(
    url: str, options: Sequence[str], seed: int, max_examples: int, folder: Path
) -> subprocess.CompletedProcess[str]:
    """One run of schemathesis; the document it tests against is the one the service serves."""
    environment = dict(os.environ)
    if (folder / OWN_KEY).exists():
        environment |= {
            "IMTEGRATE_FUZZ_OWN_KEY": (folder / OWN_KEY).read_text(),
            "PYTHONPATH": str(Path(__file__).parent),
            "SCHEMATHESIS_HOOKS": "own_key",
        }
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{url}/openapi.json",
            "--url",
            url,
            "--checks",
            "all",
            "--phases",
            "examples,coverage,fuzzing,stateful",
            "--max-examples",
            str(max_examples),
            "--seed",
            str(seed),
            "--no-color",
            *options,
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, and say what was tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-examples", type=int, default=100, help="examples of each operation and phase")
    parser.add_argument("--seed", type=int, action="append", help="only these seeds")
    options = parser.parse_args(arguments)
    seeds = options.seed or [*SEEDS, secrets.randbelow(2**32)]
    failed = 0
    with (
        tempfile.TemporaryDirectory() as name,
        tempfile.TemporaryDirectory() as other,
        targets(Path(name)) as first,
        example_targets(Path(other)) as second,
    ):
        found = {**first, **second}
        for target, (url, more) in found.items():
            folder = Path(other if target in second else name)
            for seed in seeds:
                began = time.monotonic()
                done = fuzz(url, more, seed, options.max_examples, folder)
                tried = re.search(r"(\d+) generated", done.stdout)
                took = time.monotonic() - began
                # A warning counts too: where all is 401, nothing was tried.
                passed = done.returncode == 0 and "No issues found" in done.stdout
                verdict = "no failure" if passed else "FAILED"
                print(
                    f"{target:13} seed {seed:10}: {tried[1] if tried else '?'} cases, {took:.0f} s, {verdict}",
                    flush=True,
                )
                if not passed:
                    failed += 1
                    print(done.stdout, done.stderr, sep="\n")
    print(f"{len(found) * len(seeds) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
