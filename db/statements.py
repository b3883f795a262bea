"""What the statements of the hot path have in common.

They are written over the tables, compiled once for each engine, and run by its own driver: SQLAlchemy's own execution
takes several times as long as the statement itself.
"""

from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from db.audit import KEY_CREATED
from db.tables import API_KEYS, AUDIT_EVENTS

LAST_USED_INTERVAL: Final = timedelta(seconds=60)
"""How far `last_used_at` may lag: a key in constant use is not written more often than this."""

JUDGED: Final = (API_KEYS.c.id, API_KEYS.c.org_id, API_KEYS.c.scopes, API_KEYS.c.env, API_KEYS.c.expires_at)
"""Columns of a caller that a decision on it may rest on."""

INSERTED: Final = (
    API_KEYS.c.id,
    API_KEYS.c.org_id,
    API_KEYS.c.prefix,
    API_KEYS.c.digest,
    API_KEYS.c.name,
    API_KEYS.c.scopes,
    API_KEYS.c.env,
    API_KEYS.c.extra,
    API_KEYS.c.created_at,
    API_KEYS.c.expires_at,
)
"""Columns of a new key, in the order of a row."""

ORIGIN: Final = (AUDIT_EVENTS.c.address, AUDIT_EVENTS.c.request_id, AUDIT_EVENTS.c.document)
"""Columns of the origin of a new key, which follow them."""

RECORDED: Final = tuple(AUDIT_EVENTS.c)
"""Columns of an event, in the order of a row."""

MADE: Final = sa.literal_column(f"'{KEY_CREATED}'", sa.Text)
"""The action of the event that tells of a new key."""
NOTHING_MORE: Final = sa.literal_column("''", sa.Text)
"""Its detail."""

NOW: Final = sa.bindparam("now", type_=API_KEYS.c.expires_at.type)
"""The moment of the statement."""

IS_VALID: Final = sa.and_(
    API_KEYS.c.revoked_at.is_(None), sa.or_(API_KEYS.c.expires_at.is_(None), API_KEYS.c.expires_at > NOW)
)
"""A key is neither revoked nor expired."""
