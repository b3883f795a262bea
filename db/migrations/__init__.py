"""Every schema the database ever had, as Alembic revisions; `db.schema` runs them."""
