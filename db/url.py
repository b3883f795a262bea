"""Database URLs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from db.errors import InvalidDatabaseURL

MASK: Final = "***"
"""Stands for a password."""

FORMS: Final = "sqlite:///file.db or postgresql://user@host:5432/name"

STATEMENT_CACHE: Final = "prepared_statement_cache_size"
"""Option of SQLAlchemy's asyncpg dialect; 0 for a PgBouncer before 1.21 that pools by transaction."""

ADVISORY_LOCK: Final = "advisory_lock"
"""Option of ours: `off` for an engine of PostgreSQL's wire that has no advisory locks (YugabyteDB before 2025.1)."""

DEFAULT_PORT: Final = 5432

_NO_PORT: Final = "a port in the database URL is not a number from 1 to 65535"
LAST_PORT: Final = 65535
_DIGITS: Final = 9
"""Of a port, or a number of statements, at most."""

_SECRET_OPTION: Final = re.compile("pass|pwd|secret|token", re.IGNORECASE)
"""What a password's option is called, `password` and `sslpassword`, and what people write instead (`pwd`)."""
_FILES: Final = frozenset({"sslrootcert", "sslcert", "sslkey"})
"""Options that name a file; the driver's own error does not say which one is missing."""
_LIBPQ_ONLY: Final = frozenset(
    {
        *("channel_binding", "connect_timeout", "fallback_application_name"),
        *("gssdelegation", "gssencmode", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle"),
        *("keepalives_interval", "load_balance_hosts", "max_protocol_version", "min_protocol_version", "replication"),
        *("require_auth", "requirepeer", "scram_client_key", "scram_server_key", "sslcertmode", "sslcompression"),
        *("sslcrldir", "sslkeylogfile", "sslsni", "tcp_user_timeout"),
    }
)
"""Options by which libpq («Parameter Key Words») connects otherwise: the driver would send them on to the server."""
_ROLES: Final = frozenset({"any", "read-write", "read-only", "primary", "standby", "prefer-standby"})
"""Values of `target_session_attrs`."""
_SEVERAL_HOSTS: Final = {"target_session_attrs": "read-write"}
"""Of several servers the primary is meant (libpq, «Parameter Key Words»)."""


@dataclass(frozen=True, slots=True)
class SQLiteURL:
    """A file."""

    path: Path
    masked: str
    engine_name: Literal["sqlite"] = "sqlite"


@dataclass(frozen=True, slots=True)
class Host:
    """A server's address: a name, an IP address, or the folder of a socket."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True, repr=False)
class PostgreSQLURL:
    """A server, or several of which one is the primary."""

    dsn: str
    """As asyncpg takes it, password and all."""
    masked: str
    statement_cache: int | None
    """Prepared statements to keep; None: as many as the driver does."""
    hosts: tuple[Host, ...] = ()
    """Of several; none where the driver knows which one is meant."""
    role: str = "any"
    """Which of several hosts will do: `target_session_attrs` of libpq."""
    advisory_lock: bool = True
    """Whether an advisory lock keeps two migrations apart."""
    engine_name: Literal["postgresql"] = "postgresql"


def parse(url: str) -> SQLiteURL | PostgreSQLURL:
    """Read a URL.

    Raises:
        InvalidDatabaseURL: it is of no form that we take; says which, and never shows the URL.
    """
    try:
        split = urlsplit(url)
    except ValueError:
        raise InvalidDatabaseURL(f"the database URL cannot be read: write {FORMS}") from None
    match split.scheme:
        case "sqlite":
            return _sqlite(url, split)
        case "postgresql" | "postgres":
            return _postgresql(split)
        case _:
            raise InvalidDatabaseURL(f"the database URL has no scheme that we know: write {FORMS}")


def _sqlite(url: str, split: SplitResult) -> SQLiteURL:
    if split.netloc:
        raise InvalidDatabaseURL("a SQLite URL has three slashes, four before an absolute path: sqlite:///file.db")
    if split.query or split.fragment:
        raise InvalidDatabaseURL("a SQLite URL takes no options: write %3F for a question mark in the file's name")
    name = unquote(split.path.removeprefix("/"), errors="surrogateescape")
    if not name or name.startswith((":memory:", "file:")) or "\0" in name:
        raise InvalidDatabaseURL("a SQLite URL names a file: sqlite:///file.db")
    # The working directory may change later, the database must not.
    return SQLiteURL(Path(name).absolute(), url)


def _postgresql(split: SplitResult) -> PostgreSQLURL:
    options = dict(parse_qsl(split.query, keep_blank_values=True))
    _check_ports(split)
    if split.path in {"", "/"} and not options.keys() & {"dbname", "database"}:
        raise InvalidDatabaseURL("the PostgreSQL URL names no database: postgresql://user@host:5432/name")
    size = options.pop(STATEMENT_CACHE, None)
    if size is not None and not _is_short_number(size):
        raise InvalidDatabaseURL(f"{STATEMENT_CACHE} in the database URL is not a number of statements")
    lock = options.pop(ADVISORY_LOCK, "on")
    if lock not in {"on", "off"}:
        raise InvalidDatabaseURL(f"{ADVISORY_LOCK} in the database URL is neither on nor off")
    for name in sorted(_LIBPQ_ONLY & options.keys()):
        raise InvalidDatabaseURL(f"{name} in the database URL is an option of libpq that is not taken: leave it out")
    for name in _FILES & options.keys():
        if not Path(options[name]).is_file():
            raise InvalidDatabaseURL(f"{name} in the database URL names no file: {options[name]}")
    if options.get("target_session_attrs", "any") not in _ROLES:
        raise InvalidDatabaseURL(f"target_session_attrs in the database URL is none of {', '.join(sorted(_ROLES))}")
    split = _resolve(split, options)
    hosts = _several_hosts(split, options)
    if hosts:
        options = _SEVERAL_HOSTS | options
    secret = {name: MASK if _SECRET_OPTION.search(name) else value for name, value in options.items()}
    plain = split._replace(scheme="postgresql")
    return PostgreSQLURL(
        dsn=_unsplit(plain, split.netloc, options),
        masked=_unsplit(plain, _masked(split.netloc), secret),
        statement_cache=None if size is None else int(size),
        hosts=hosts,
        role=options.get("target_session_attrs", "any"),
        advisory_lock=lock == "on",
    )


def _resolve(split: SplitResult, options: dict[str, str]) -> SplitResult:
    """Let `host` and `port` among the options replace what the URL names before its path, as libpq does.

    asyncpg passes them over, and would come to another server.
    """
    port = options.get("port", "")
    if port and not all(map(_is_port, port.split(","))):
        raise InvalidDatabaseURL(_NO_PORT)
    user, at, names = split.netloc.rpartition("@")
    if not names or "," in names + port:
        return split
    name, _, given = names.rpartition(":") if names.rpartition("]")[2].count(":") else (names, "", "")
    if options.get("host"):
        options.setdefault("port", given or str(DEFAULT_PORT))
        return split._replace(netloc=user + at)
    if port:
        del options["port"]
        return split._replace(netloc=f"{user}{at}{name}:{port}")
    return split


def _unsplit(split: SplitResult, netloc: str, options: dict[str, str]) -> str:
    # `urlunsplit` would leave the slashes out where there is no host, as before a socket's folder.
    query = f"?{urlencode(options, safe='/,*')}" if options else ""
    return f"{split.scheme}://{netloc}{split.path}{query}"


def _several_hosts(split: SplitResult, options: dict[str, str]) -> tuple[Host, ...]:
    """Read a list of hosts, of the URL itself or of its option `host`; empty if it names no more than one."""
    names = unquote(split.netloc.rpartition("@")[2]) or options.get("host", "")
    if "," not in names:
        return ()
    ports = options.get("port", str(DEFAULT_PORT)).split(",")
    if not all(map(_is_port, ports)):
        raise InvalidDatabaseURL(_NO_PORT)
    each = names.split(",")
    if len(ports) not in {1, len(each)}:
        raise InvalidDatabaseURL(f"the database URL names {len(each)} hosts and {len(ports)} ports")
    if len(ports) == 1:
        ports *= len(each)
    return tuple(_host(name, int(port)) for name, port in zip(each, ports, strict=True))


def _host(text: str, port: int) -> Host:
    if text.startswith("/"):
        return Host(text, port)
    # An IPv6 address stands in brackets (RFC 3986, section 3.2.2).
    name, bracket, rest = text.rpartition("]")
    name, rest = (name.removeprefix("["), rest) if bracket else (text.partition(":")[0], text)
    given = rest.partition(":")[2] or str(port)
    if not _is_port(given):
        raise InvalidDatabaseURL(_NO_PORT)
    return Host(name, int(given))


def _check_ports(split: SplitResult) -> None:
    for host in split.netloc.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not _is_port(port):
            raise InvalidDatabaseURL(f"{_NO_PORT} (write %40 for an @ in the password)")
    if "@" in split.path:
        # What stands before a slash in a password may look like a port: the rest would be shown as a name.
        raise InvalidDatabaseURL(
            "the database URL has an @ in its path: write %40 for it, and %2F for a / in a password"
        )


def _is_short_number(text: str) -> bool:
    """Whether a text is a number that `int` takes; a longer one than any port or size is none."""
    return len(text) <= _DIGITS and text.isascii() and text.isdecimal()


def _is_port(text: str) -> bool:
    # The system takes a greater one for its remainder: another server's.
    return _is_short_number(text) and 0 < int(text) <= LAST_PORT


def _masked(netloc: str) -> str:
    user, at, hosts = netloc.rpartition("@")
    name, colon, _password = user.partition(":")
    return f"{name}{colon}{MASK if colon else ''}{at}{hosts}"
