"""The audit trail refuses the other ways to rewrite it: SQLite's REPLACE, PostgreSQL's TRUNCATE."""

from typing import Final

from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"

_NO_REPLACE: Final = """
    CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events WHEN EXISTS (
        SELECT 1 FROM audit_events WHERE (id = NEW.id OR rowid = NEW.rowid) AND
            (id, at, action, key_id, org_id, subject_id, address, request_id, document, detail) IS NOT
            (NEW.id, NEW.at, NEW.action, NEW.key_id, NEW.org_id, NEW.subject_id, NEW.address, NEW.request_id,
             NEW.document, NEW.detail)
    ) BEGIN SELECT RAISE(ABORT, 'audit events are only ever appended'); END
"""
"""REPLACE deletes the row in its way, and no trigger is told (https://sqlite.org/lang_conflict.html). The same row once
more is let through: where it may be there already, it is inserted again, and changes nothing."""

_NO_TRUNCATE: Final = """
    CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()
"""


def upgrade() -> None:
    """Make the trigger."""
    op.execute(_NO_REPLACE if op.get_bind().dialect.name == "sqlite" else _NO_TRUNCATE)


def downgrade() -> None:
    """Drop it."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_events_no_replace")
    else:
        op.execute("DROP TRIGGER audit_events_no_truncate ON audit_events")
