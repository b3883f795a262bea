"""`dev` follows what is edited: every file of the document, and the handlers."""

import logging
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


async def follow(service: Service, spec: Path) -> None:
    """Reload the service whenever something it was made of changes; until cancelled."""
    while True:
        files = files_of(service, spec)
        code = Path(str(service.edition.code.package.__file__)).parent

        def matters(_change: Change, name: str, files: set[Path] = files, code: Path = code) -> bool:
            path = Path(name)
            return path in files or (path.suffix == ".py" and path.parent == code)

        # Folders, not files: editors replace a file rather than write into it.
        folders = {path.parent for path in files if path.parent.is_dir()} | {code}
        async for changes in awatch(
            *sorted(folders), watch_filter=matters, debounce=DEBOUNCE, step=STEP, recursive=False, rust_timeout=1000
        ):
            edited_code = any(Path(name) not in files for _, name in changes)
            try:
                await service.reload(with_handlers=edited_code)
            except Exception as error:  # noqa: BLE001 (one edit that we cannot follow must not end the following)
                logger.error("an edit could not be followed: %s", place_of(error))  # noqa: TRY400 (said in a line)
            if files_of(service, spec) != files:
                # Another set of files is to be watched from now on.
                break


def files_of(service: Service, spec: Path) -> set[Path]:
    """The files of the document in force, and those that the document as it stands tries to read."""
    files = {spec.absolute(), spec.resolve(), *service.edition.contract.document.files}
    try:
        files |= set(load(spec).files)
    except DocumentError as error:
        files |= {fault.path for fault in error.faults}
    return files
