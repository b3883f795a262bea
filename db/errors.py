"""What can go wrong with the database. No message holds a password, a token or a stored value."""

from collections.abc import Sequence
from pathlib import Path


class DatabaseError(Exception):
    """Base of every error of this package; never raised itself."""


class InvalidDatabaseURL(DatabaseError):
    """A database URL is of no form that `Database` takes."""


class DatabaseUnavailable(DatabaseError):
    """The database did not do what it was asked by the deadline, or cannot do it at all as things stand.

    Whether a write that was under way has taken place is unknown. The same request may succeed later.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """One line, for the operator."""


class SchemaOutdated(DatabaseError):
    """The database has no schema yet, or one that an earlier release left."""

    def __init__(self, revision: str | None) -> None:
        super().__init__(revision)
        self.revision = revision
        """The revision the database is at; None where there is no schema."""

    def __str__(self) -> str:
        state = "has no schema" if self.revision is None else f"is at the older revision {self.revision}"
        return f"the database {state}: run `imtegrate db upgrade`"


class SchemaTooNew(DatabaseError):
    """The schema was made by a later release than this one."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision
        """The revision the database is at."""

    def __str__(self) -> str:
        return f"the database is at revision {self.revision}, which this release does not know: install a later one"


class KeyConflict(DatabaseError):
    """A constraint refused a key: its id or prefix is taken, or there is no such organisation."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint
        """The constraint as the database names it."""

    def __str__(self) -> str:
        return f"the database refused the key: {self.constraint}"


class SameDatabase(DatabaseError):
    """A database was to be copied onto itself."""

    def __str__(self) -> str:
        return "--from and --to are the same database: name another one"


class SourceUnfit(DatabaseError):
    """The database that was to be copied has not this release's schema."""

    def __init__(self, masked_url: str, reason: SchemaOutdated | SchemaTooNew) -> None:
        super().__init__(masked_url, reason)
        self.masked_url = masked_url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.masked_url}: {self.reason}"


class RowDiffers(DatabaseError):
    """The target of a copy has a row with the key of one of the source's, but other values."""

    def __init__(self, table: str, key: object, columns: Sequence[str]) -> None:
        super().__init__(table, key, columns)
        self.table = table
        self.key = key
        self.columns = columns

    def __str__(self) -> str:
        columns = ", ".join(self.columns)
        return (
            f"the row {self.key} of {self.table} differs in the target ({columns}): stop what writes to either, "
            "or copy into an empty database"
        )


class RowUnexpected(DatabaseError):
    """The target of a copy has a row that the source has not."""

    def __init__(self, table: str, key: object) -> None:
        super().__init__(table, key)
        self.table = table
        self.key = key

    def __str__(self) -> str:
        return f"the target has a row {self.key} of {self.table} that the source has not: copy into an empty database"


class RowRefused(DatabaseError):
    """The target of a copy does not admit a row of the source."""

    def __init__(self, table: str, key: object, rule: str) -> None:
        super().__init__(table, key, rule)
        self.table = table
        self.key = key
        self.rule = rule
        """The constraint, or the kind of error, as the database names it."""

    def __str__(self) -> str:
        return f"the target refuses the row {self.key} of {self.table}: {self.rule}"


class UnequalCopy(DatabaseError):
    """A copy is not what it was copied from: something else writes to it."""

    def __init__(self, table: str, expected: int, found: int) -> None:
        super().__init__(table, expected, found)
        self.table = table
        self.expected = expected
        """Rows of the source."""
        self.found = found
        """Rows of the target."""

    def __str__(self) -> str:
        return (
            f"the target's {self.table} ({self.found} rows) is not the source's ({self.expected} rows) after the copy: "
            "stop what writes to the target, and copy again"
        )


class BackupExists(DatabaseError):
    """A backup was to be written where something is already."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(file, reason)
        self.file = file
        self.reason = reason
        """What is there, and the mend."""

    def __str__(self) -> str:
        return f"{self.file} is not written: {self.reason}"


class BackupFailed(DatabaseError):
    """What a backup wrote is not a sound database: the disk, or the database itself, is damaged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """What SQLite finds wrong."""

    def __str__(self) -> str:
        return f"the backup is not sound and was not kept: {self.reason}"
