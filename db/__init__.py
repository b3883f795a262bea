"""Where organisations and API keys are kept."""

from db.audit import (
    KEY_CREATED,
    KEY_REFUSED,
    KEY_REVOKED,
    KEY_ROTATED,
    ORGANISATION_CREATED,
    Event,
    Origin,
    Refused,
    list_events,
    record,
)
from db.database import Database
from db.errors import (
    DatabaseError,
    DatabaseUnavailable,
    InvalidDatabaseURL,
    KeyConflict,
    SchemaOutdated,
    SchemaTooNew,
)
from db.identifiers import uuid7
from db.keys import (
    ApiKey,
    Caller,
    KeyFilter,
    KeyState,
    NewKey,
    TokenKey,
    expire_key,
    find_key,
    get_key,
    insert_key,
    list_keys,
    revoke_key,
)
from db.organisations import (
    Organisation,
    create_organisation,
    ensure_organisation,
    find_organisations,
    list_organisations,
)
from db.sqlite_process import Identity
from db.unit_of_work import UnitOfWork

__all__ = [
    "KEY_CREATED",
    "KEY_REFUSED",
    "KEY_REVOKED",
    "KEY_ROTATED",
    "ORGANISATION_CREATED",
    "ApiKey",
    "Caller",
    "Database",
    "DatabaseError",
    "DatabaseUnavailable",
    "Event",
    "Identity",
    "InvalidDatabaseURL",
    "KeyConflict",
    "KeyFilter",
    "KeyState",
    "NewKey",
    "Organisation",
    "Origin",
    "Refused",
    "SchemaOutdated",
    "SchemaTooNew",
    "TokenKey",
    "UnitOfWork",
    "create_organisation",
    "ensure_organisation",
    "expire_key",
    "find_key",
    "find_organisations",
    "get_key",
    "insert_key",
    "list_events",
    "list_keys",
    "list_organisations",
    "record",
    "revoke_key",
    "uuid7",
]
