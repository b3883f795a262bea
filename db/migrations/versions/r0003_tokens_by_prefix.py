"""A token is found by its prefix: the index over digests goes. PostgreSQL gets a type for keys that come together."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"

_TIMESTAMP: Final = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
_JSON: Final = sa.Text()

_CONSTRAINT: Final = "uq_api_keys_digest"

_NEW_KEY: Final = (
    "id uuid, org_id uuid, prefix text, digest bytea, name text, scopes text, env text, extra text, "
    "created_at timestamptz, expires_at timestamptz, address text, request_id text, document bytea, caller bytea"
)
"""A key, where its request came from, and the digest of the token that it was made with."""


def upgrade() -> None:
    """Drop the constraint, for which SQLite makes the table anew, 10 s a million keys; make the type."""
    with op.batch_alter_table("api_keys", copy_from=_api_keys(sa.UniqueConstraint("digest", name=_CONSTRAINT))) as keys:
        keys.drop_constraint(_CONSTRAINT, type_="unique")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE TYPE new_api_key AS ({_NEW_KEY})")


def downgrade() -> None:
    """Make the constraint again, and drop the type."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TYPE new_api_key")
    with op.batch_alter_table("api_keys", copy_from=_api_keys()) as keys:
        keys.create_unique_constraint(_CONSTRAINT, ["digest"])


def _api_keys(*constraints: sa.Constraint) -> sa.Table:
    """The table, which cannot be read whole from a SQLite file: what is checked stands there in words only."""
    return sa.Table(
        "api_keys",
        sa.MetaData(),
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
        sa.Column("expires_at", _TIMESTAMP),
        sa.Column("rotated_from", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name="fk_api_keys_org_id_organisations"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_api_keys_digest_length")),
        sa.Index("ix_api_keys_org_id", "org_id"),
        *constraints,
    )
