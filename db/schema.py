"""The schema's revision: bring it to the newest, or check that it is. For `Database.run`."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from db.errors import SchemaOutdated, SchemaTooNew

MIGRATIONS: Final = Path(__file__).with_name("migrations")

ADVISORY_LOCK: Final = 0x696D746567726174
"""`pg_advisory_xact_lock` key under which schemas are changed: "imtegrat" in ASCII, as a bigint."""


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Migrate up to a revision, within the connection's transaction. Two at once do no harm.

    Raises:
        SchemaTooNew: a later release has been here.
    """
    _lock(connection)
    current_revision(connection)
    command.upgrade(_config(connection), revision)


def downgrade(connection: sa.Connection, revision: str) -> None:
    """Migrate down to a revision; `base` is the empty database."""
    _lock(connection)
    command.downgrade(_config(connection), revision)


def check(connection: sa.Connection) -> None:
    """See whether this release's schema is what is there.

    Raises:
        SchemaOutdated: an earlier release's is, or none.
        SchemaTooNew: a later release's is.
    """
    revision = current_revision(connection)
    if revision != _scripts().get_current_head():
        raise SchemaOutdated(revision)


def current_revision(connection: sa.Connection) -> str | None:
    """Give the revision the database is at; None if it has no schema.

    Raises:
        SchemaTooNew: this release does not know that revision.
    """
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None:
        try:
            _scripts().get_revision(revision)
        except CommandError:
            raise SchemaTooNew(revision) from None
    return revision


def _lock(connection: sa.Connection) -> None:
    # On SQLite the transaction, begun as a writer's, is the lock.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))


def _config(connection: sa.Connection) -> Config:
    config = Config()
    # configparser takes a percent sign for an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))
