"""What can go wrong with the database. No message holds a password, a token or a stored value."""


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
    """A constraint refused a key: its id, prefix or digest is taken, or there is no such organisation."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint
        """The constraint as the database names it."""

    def __str__(self) -> str:
        return f"the database refused the key: {self.constraint}"
