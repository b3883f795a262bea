"""The tables, as every statement and the migrations' test know them."""

from typing import Final

import sqlalchemy as sa

from db.column_types import JSONText, Timestamp

DIGEST_BYTES: Final = 32
"""A SHA-256 digest (FIPS 180-4)."""

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ORGANISATIONS: Final = sa.Table(
    "organisations",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", JSONText, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
)

API_KEYS: Final = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("org_id", sa.ForeignKey(ORGANISATIONS.c.id), nullable=False, index=True),
    sa.Column("prefix", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.LargeBinary(DIGEST_BYTES), nullable=False),
    sa.Column("name", JSONText, nullable=False),
    sa.Column("scopes", JSONText, nullable=False),
    sa.Column("env", JSONText, nullable=False),
    sa.Column("extra", JSONText, nullable=False),
    sa.Column("last_used_at", Timestamp),
    sa.Column("revoked_at", Timestamp),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp),
    sa.Column("rotated_from", sa.Uuid),
    sa.CheckConstraint(f"length(digest) = {DIGEST_BYTES}", name="digest_length"),
)

# Neither foreign keys, which would cost each creation three look-ups, nor an index but that of the ids, which sort by
# time.
AUDIT_EVENTS: Final = sa.Table(
    "audit_events",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("at", Timestamp, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("key_id", sa.Uuid),
    sa.Column("org_id", sa.Uuid),
    sa.Column("subject_id", sa.Uuid),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("document", sa.LargeBinary(DIGEST_BYTES)),
    sa.Column("detail", sa.Text, nullable=False),
)
