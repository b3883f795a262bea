"""Run by Alembic: migrates over the connection that `db.schema` hands it, inside that connection's transaction."""

from alembic import context

from db.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # Both engines roll back DDL; Alembic would assume that SQLite does not.
    transactional_ddl=True,
    # SQLite changes a table only by copying it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
