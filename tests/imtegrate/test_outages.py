"""What the log says while the database does not do what it is asked."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db import DatabaseUnavailable
from imtegrate.outages import INTERVAL, Outages
from running import Serving, create_organisation, faults_of, running


def test_the_log_says_why_requests_are_refused(tmp_path: Path) -> None:
    """The reason that callers are not told stands in one line of the log, which each request does not repeat."""
    path = tmp_path / "keys.db"
    url = f"sqlite:///{path}"
    root = create_organisation(url, tmp_path)
    with (
        running("serve", "--database-url", url, "--deadline", "0.5", cwd=tmp_path) as service,
        closing(Serving(service, url, root, tmp_path)) as serving,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        serving.key(name="before")
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            assert [fault["type"] for fault in faults_of(serving.post({"name": "key"}), 503)] == ["service_unavailable"]
        other.execute("ROLLBACK")
        serving.key(name="after")
        log = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    [line] = [line for line in log if line.get("status") == 503]
    assert (line["level"], line["requests"]) == ("error", 1)
    assert "locked" in line["message"]
    assert str(path) in line["message"]


def test_an_outage_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The first refusal is told at once; those that follow are counted, and told together each ten seconds."""
    now = 100.0
    outages = Outages(lambda: now)
    for reason in ("first", "second", "third"):
        outages.translate(DatabaseUnavailable(reason))
    now += INTERVAL
    outages.translate(DatabaseUnavailable("fourth"))
    assert [record.getMessage() for record in caplog.records] == ["first (answered 503: 1)", "fourth (answered 503: 3)"]
