"""The schema's revision: bring it to the newest, or check that it is. For `Database.run`.

Alembic is imported only where there is something to migrate: it takes 0.2 s and 9 MB, and most starts need none of it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from db.errors import SchemaOutdated, SchemaTooNew

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0004"
"""The newest revision of `db.migrations`."""

MIGRATIONS: Final = Path(__file__).with_name("migrations")

ADVISORY_LOCK: Final = 0x696D746567726174
"""`pg_advisory_xact_lock` key under which schemas are changed: "imtegrat" in ASCII, as a bigint."""


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Migrate up to a revision, within the connection's transaction. Two at once do no harm.

    Raises:
        SchemaTooNew: a later release has been here.
    """
    _lock(connection)
    if current_revision(connection) == HEAD:
        return
    from alembic import command  # noqa: PLC0415 (see above)

    command.upgrade(_config(connection), revision)


def downgrade(connection: sa.Connection, revision: str) -> None:
    """Migrate down to a revision; `base` is the empty database."""
    from alembic import command  # noqa: PLC0415 (see above)

    _lock(connection)
    command.downgrade(_config(connection), revision)


def check(connection: sa.Connection) -> None:
    """See whether this release's schema is what is there.

    Raises:
        SchemaOutdated: an earlier release's is, or none.
        SchemaTooNew: a later release's is.
    """
    check_revision(revision_of(connection))


def check_revision(revision: str | None) -> None:
    """See whether a revision is this release's.

    Raises:
        SchemaOutdated: it is an earlier release's, or none.
        SchemaTooNew: it is a later release's.
    """
    if revision is not None and revision != HEAD and not _is_known(revision):
        raise SchemaTooNew(revision)
    if revision != HEAD:
        raise SchemaOutdated(revision)


def current_revision(connection: sa.Connection) -> str | None:
    """Give the revision the database is at; None if it has no schema.

    Raises:
        SchemaTooNew: this release does not know that revision.
    """
    revision = revision_of(connection)
    if revision is not None and revision != HEAD and not _is_known(revision):
        raise SchemaTooNew(revision)
    return revision


def revision_of(connection: sa.Connection) -> str | None:
    """Give the revision the database is at, known to this release or not; None if it has no schema."""
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(sa.select(_VERSION.c.version_num))


_VERSION: Final = sa.table("alembic_version", sa.column("version_num", sa.String))
"""Where Alembic notes the revision."""


def _is_known(revision: str) -> bool:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 (see above)
    from alembic.util import CommandError  # noqa: PLC0415

    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except CommandError:
        return False


def _lock(connection: sa.Connection) -> None:
    # On SQLite the transaction, begun as a writer's, is the lock.
    if connection.dialect.name == "postgresql" and connection.get_execution_options().get("advisory_lock", True):
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))


def _config(connection: sa.Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 (see above)

    config = Config()
    # configparser takes a percent sign for an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
