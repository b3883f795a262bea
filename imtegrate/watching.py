"""`dev` follows what is edited: every file of the document, and the handlers."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

from contract import DocumentError, load
from imtegrate.news import place_of
from imtegrate.service import Service

logger = logging.getLogger("imtegrate")

DEBOUNCE: Final = 150
"""Milliseconds in which the writes of one save count as one change."""

STEP: Final = 30
"""Milliseconds of quiet that end a change."""

TICK: Final = 10_000_000
"""Nanoseconds that a file's time may lag behind the clock: the kernel's smallest tick."""


async def follow(service: Service, spec: Path, since: int) -> None:
    """Reload the service whenever something it was made of changes; until cancelled.

    Args:
        service: that is served.
        spec: its document.
        since: when reading what it was made of began; nanoseconds of the clock `time.time_ns`.
    """
    while True:
        files = files_of(service, spec)
        code = Path(str(service.edition.code.package.__file__)).parent
        async with aclosing(_edits(files, code, since)) as edits:
            async for names in edits:
                since = time.time_ns()
                try:
                    await service.reload(with_handlers=not names <= files)
                except Exception as error:  # noqa: BLE001 (one edit that we cannot follow must not end the following)
                    logger.error("an edit could not be followed: %s", place_of(error))  # noqa: TRY400 (said in a line)
                if files_of(service, spec) != files:
                    # Another set of files is to be watched from now on.
                    break


async def _edits(files: set[Path], code: Path, since: int) -> AsyncGenerator[set[Path], None]:
    """The files that are edited together, one group after another: those of the document, and handlers in `code`."""

    def matters(_change: Change, name: str) -> bool:
        path = Path(name)
        return path in files or (path.suffix == ".py" and path.parent == code)

    # Folders, not files: editors replace a file rather than write into it.
    folders = {path.parent for path in files if path.parent.is_dir()} | {code}
    watching = awatch(
        *sorted(folders), watch_filter=matters, debounce=DEBOUNCE, step=STEP, recursive=False, rust_timeout=1000
    )
    coming = asyncio.ensure_future(anext(watching))
    try:
        # Once it has begun to wait, it misses nothing; what was saved before, it would never tell of.
        await asyncio.sleep(0)
        if names := _changed_since(since, files, code):
            yield names
        while True:
            yield {Path(name) for _, name in await coming}
            coming = asyncio.ensure_future(anext(watching))
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError):
            await coming


def _changed_since(moment: int, files: Iterable[Path], code: Path) -> set[Path]:
    """The files, handlers in `code` among them, that were written or put in their place at a moment or after it."""
    found = set()
    for path in {*files, *code.glob("*.py")}:
        try:
            changed = path.stat().st_ctime_ns
        except OSError:
            continue  # one that is gone is missed when it is read
        if changed >= moment - TICK:
            found.add(path)
    return found


def files_of(service: Service, spec: Path) -> set[Path]:
    """The files of the document in force, and those that the document as it stands tries to read."""
    files = {spec.absolute(), spec.resolve(), *service.edition.contract.document.files}
    try:
        files |= set(load(spec).files)
    except DocumentError as error:
        files |= {fault.path for fault in error.faults}
    return files
