"""Database URLs: which are taken, and what is shown of them."""

import pytest

from db import Database, InvalidDatabaseURL


@pytest.mark.parametrize(
    ("url", "engine_name", "masked"),
    [
        ("sqlite:///imtegrate.db", "sqlite", "sqlite:///imtegrate.db"),
        ("sqlite:////srv/imtegrate.db", "sqlite", "sqlite:////srv/imtegrate.db"),
        ("postgresql://user@host:5432/name", "postgresql", "postgresql://user@host:5432/name"),
        ("postgres://u:s3cret@host/name", "postgresql", "postgresql://u:***@host/name"),
        ("postgresql://u:s3cr%40et@[::1]:5432/n", "postgresql", "postgresql://u:***@[::1]:5432/n"),
        (
            "postgresql://u:s3cret@h1:5432,h2:5433/n?sslmode=verify-full",
            "postgresql",
            "postgresql://u:***@h1:5432,h2:5433/n?target_session_attrs=read-write&sslmode=verify-full",
        ),
        ("postgresql:///n?host=/run/pg", "postgresql", "postgresql:///n?host=/run/pg"),
        ("postgresql://u@h/n?port=6432", "postgresql", "postgresql://u@h:6432/n"),
        ("postgresql://u@[::1]:5433/n?port=6432", "postgresql", "postgresql://u@[::1]:6432/n"),
        ("postgresql://u:s3cret@h:5433/n?host=h2", "postgresql", "postgresql://u:***@/n?host=h2&port=5433"),
        ("postgresql://u@h/n?host=/run/pg&port=6432", "postgresql", "postgresql://u@/n?host=/run/pg&port=6432"),
        ("postgresql://u@h/n?password=s3cret", "postgresql", "postgresql://u@h/n?password=***"),
        ("postgresql://u@h/n?PASSWORD=s3cret", "postgresql", "postgresql://u@h/n?PASSWORD=***"),
        ("postgresql://u@h/n?passwd=s3cret", "postgresql", "postgresql://u@h/n?passwd=***"),
    ],
)
def test_a_url_is_taken_and_its_password_is_not_shown(url: str, engine_name: str, masked: str) -> None:
    """Every form of the documentation is taken; `***` stands for a password wherever the URL is shown."""
    database = Database(url)
    assert database.engine_name == engine_name
    assert database.masked_url == masked
    assert "s3cr" not in repr(database)
    assert "s3cr" not in repr(vars(database))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "has no scheme that we know"),
        ("imtegrate.db", "has no scheme that we know"),
        ("mysql://u:s3cret@h/n", "has no scheme that we know"),
        ("http://[s3cret", "cannot be read"),
        ("sqlite://imtegrate.db", "three slashes"),
        ("sqlite://", "names a file"),
        ("sqlite:///", "names a file"),
        ("sqlite:///:memory:", "names a file"),
        ("sqlite:///a.db?mode=ro", "takes no options"),
        ("postgresql://u:s3cret@h", "names no database"),
        ("postgresql://u:s3cret@h:port/n", "not a number"),
        ("postgresql://u:s3/cret@h/n", "not a number"),
        ("postgresql://u:s3cret@h:65536/n", "not a number"),
        ("postgresql://u:s3cret@h:0/n", "not a number"),
        ("postgresql://h/n?port=s3cret", "not a number"),
        ("postgresql://h/n?target_session_attrs=master", "none of any, prefer-standby, primary"),
        ("postgresql://h1:70000,h2/n", "not a number"),
        ("postgresql://h/n?connect_timeout=10", "connect_timeout in the database URL is an option of libpq"),
        ("postgresql://h/n?sslmode=require&channel_binding=require", "channel_binding in the database URL"),
        ("postgresql://h/n?prepared_statement_cache_size=no", "not a number of statements"),
    ],
)
def test_any_other_url_is_refused_with_a_reason(url: str, reason: str) -> None:
    """A URL of another form is refused with a sentence that shows nothing of it."""
    with pytest.raises(InvalidDatabaseURL, match=reason) as caught:
        Database(url)
    assert "s3" not in str(caught.value)
    assert caught.value.__cause__ is None
