"""Organisations, to which keys belong."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from db.identifiers import uuid7
from db.tables import ORGANISATIONS


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation as it is kept."""

    id: UUID
    name: str
    created_at: datetime
    """UTC."""


_KEPT: Final = sa.select(ORGANISATIONS.c.id, ORGANISATIONS.c.name, ORGANISATIONS.c.created_at).order_by(
    ORGANISATIONS.c.created_at, ORGANISATIONS.c.id
)


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


def list_organisations(connection: sa.Connection) -> list[Organisation]:
    """Every organisation, oldest first."""
    return [Organisation(*row) for row in connection.execute(_KEPT)]


def find_organisations(connection: sa.Connection, id_or_name: str) -> list[Organisation]:
    """The organisation with this id, else those of this name, oldest first."""
    try:
        rows = connection.execute(_KEPT.where(ORGANISATIONS.c.id == UUID(id_or_name))).all()
    except ValueError:
        rows = []
    return [
        Organisation(*row) for row in rows or connection.execute(_KEPT.where(ORGANISATIONS.c.name == id_or_name)).all()
    ]
