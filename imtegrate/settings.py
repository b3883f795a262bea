"""Settings of the program: command line first, then environment, then the default."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from contract import MAX_BODY_SIZE

DEFAULT_DATABASE_URL: Final = "sqlite:///imtegrate.db"
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
DEFAULT_DEADLINE: Final = 5.0
"""Seconds that a request waits for the database."""

MAX_CONNECTIONS: Final = 64
"""Connections to PostgreSQL of all workers together: its own bound is 100, unless it is told otherwise."""
WORKER_CONNECTIONS: Final = 4
"""Of one worker at most: batches that are under way at once."""

SPEC_NAME: Final = "openapi.json"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one serving process needs to know; sent to workers as it is."""

    spec: Path
    database_url: str
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    workers: int = 1
    development: bool = False
    """Whether a request without a token acts for the organisation `development`."""
    max_body_size: int = MAX_BODY_SIZE
    """Bytes."""
    deadline: float = DEFAULT_DEADLINE
    """Seconds."""

    @property
    def connections(self) -> int:
        """Connections that one worker may open to PostgreSQL."""
        return max(1, min(WORKER_CONNECTIONS, MAX_CONNECTIONS // self.workers))

    def __repr__(self) -> str:
        # The database URL may hold a password.
        return f"ServiceSettings(spec={str(self.spec)!r}, host={self.host!r}, port={self.port})"


def default_spec() -> Path:
    """`./openapi.json` where there is one, else the installed one."""
    here = Path(SPEC_NAME)
    return here if here.is_file() else installed_spec()


def installed_spec() -> Path:
    """The document that was installed with the package; in a checkout, the one at its root."""
    installed = Path(str(files("imtegrate"))) / SPEC_NAME
    return installed if installed.is_file() else Path(str(files("imtegrate"))).parent / SPEC_NAME
