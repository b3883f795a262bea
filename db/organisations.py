"""Organisations, to which keys belong."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa

from db.identifiers import uuid7
from db.tables import ORGANISATIONS


def create_organisation(connection: sa.Connection, name: str) -> UUID:
    """Make an organisation; another may have the same name."""
    organisation = uuid7()
    connection.execute(sa.insert(ORGANISATIONS).values(id=organisation, name=name, created_at=datetime.now(UTC)))
    return organisation


def ensure_organisation(connection: sa.Connection, name: str) -> UUID:
    """Find the organisation of this name, the oldest if there are several, or make it."""
    named = sa.select(ORGANISATIONS.c.id).where(ORGANISATIONS.c.name == name)
    oldest = connection.execute(named.order_by(ORGANISATIONS.c.created_at, ORGANISATIONS.c.id).limit(1)).scalar()
    return create_organisation(connection, name) if oldest is None else oldest
