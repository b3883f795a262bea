"""Organisations and their API keys."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

# A revision states its types itself: those of `db.tables` change with time, this schema does not.
_TIMESTAMP: Final = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
_JSON: Final = sa.Text()


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "organisations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", _JSON, nullable=False),
        sa.Column("created_at", _TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("name", _JSON, nullable=False),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("env", _JSON, nullable=False),
        sa.Column("extra", _JSON, nullable=False),
        sa.Column("last_used_at", _TIMESTAMP),
        sa.Column("revoked_at", _TIMESTAMP),
        sa.Column("created_at", _TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name="fk_api_keys_org_id_organisations"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_api_keys_digest_length")),
    )
    op.create_index("ix_api_keys_org_id", "api_keys", ["org_id"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_index("ix_api_keys_org_id", "api_keys")
    op.drop_table("api_keys")
    op.drop_table("organisations")
