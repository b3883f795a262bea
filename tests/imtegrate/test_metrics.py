"""`/metrics`: what operators count, over all workers; and what in `deploy/` is made of it."""

import json
import os
import re
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from running import KEYS, START_TIMEOUT, Serving, create_organisation, running, workers_of

DEPLOY = Path(__file__).parents[2] / "deploy"
OPERATION = "create_key_v1_api_keys_post"


def samples_of(client: httpx.Client) -> dict[str, float]:
    """Every sample of `/metrics`, by name and labels as they stand there."""
    page = client.get("/metrics")
    assert page.status_code == 200
    return {
        sample.name + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


def test_what_is_counted(serving: Serving) -> None:
    """Requests and times by operationId and status, batches, commits, connections, keys, and the process."""
    before = samples_of(serving.http)
    serving.key()
    assert serving.post({"name": ""}).status_code == 422
    after = samples_of(serving.http)

    def more(name: str) -> float:
        return after[name] - before.get(name, 0)

    for status in (201, 422):
        assert more(f"imtegrate_requests_total,operation_id={OPERATION},status={status}") == 1
        assert more(f"imtegrate_request_duration_seconds_count,operation_id={OPERATION},status={status}") == 1
    assert more("imtegrate_keys_created_total") == 1
    assert more("imtegrate_batch_requests_count") == more("imtegrate_commit_duration_seconds_count") >= 1
    assert more("imtegrate_commit_duration_seconds_sum") > 0
    assert after["imtegrate_database_connections_in_use"] == 0
    assert after["process_resident_memory_bytes"] > 0


def test_workers_add_up(tmp_path: Path) -> None:
    """Whichever of two workers answers, its `/metrics` has what both counted; also after one was killed."""
    url = f"sqlite:///{tmp_path}/imtegrate.db"
    root = create_organisation(url, tmp_path)
    arguments = ("serve", "--workers", "2", "--database-url", url)
    with (
        running(*arguments, cwd=tmp_path, env={"TMPDIR": str(tmp_path)}) as service,
        closing(Serving(service, url, root, tmp_path)) as serving,
    ):
        first, second = workers_of(service)
        made = 0
        for stopped, answering in ((first, second), (second, first)):
            os.kill(stopped, signal.SIGSTOP)
            try:
                # A connection of its own: only the worker that is not stopped can take it.
                with service.client(headers={"Authorization": f"Bearer {serving.token}"}) as client:
                    for _ in range(3):
                        assert client.post(KEYS, json={"name": "key"}).status_code == 201, answering
                        made += 1
                    assert samples_of(client)["imtegrate_keys_created_total"] == made
            finally:
                os.kill(stopped, signal.SIGCONT)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + START_TIMEOUT
        while first in (living := workers_of(service)) or len(living) < 2:
            assert time.monotonic() < deadline, service.log.read_text()
            time.sleep(0.1)
        with service.client() as client:
            samples = samples_of(client)
        assert samples["imtegrate_keys_created_total"] == made == 6
        assert samples[f"imtegrate_requests_total,operation_id={OPERATION},status=201"] == made
        assert samples["imtegrate_database_connections_in_use"] == 0
        assert samples["process_resident_memory_bytes"] > 0
        assert service.stop() == 0
    assert not list(tmp_path.glob("imtegrate-metrics-*"))


def expressions_of(value: Any) -> list[str]:
    """Every PromQL expression of a dashboard or a file of rules."""
    if isinstance(value, list):
        return [found for each in value for found in expressions_of(each)]
    if not isinstance(value, dict):
        return []
    own = [each for name, each in value.items() if name == "expr"]
    return own + [found for each in value.values() for found in expressions_of(each)]


@pytest.mark.parametrize("name", ["grafana/dashboard.json", "prometheus/alerts.yml"])
def test_what_is_deployed_names_what_is_counted(serving: Serving, name: str) -> None:
    """Every metric that the dashboard or an alert asks for is one that `/metrics` has."""
    serving.key()
    text = (DEPLOY / name).read_text()
    expressions = expressions_of(json.loads(text) if name.endswith(".json") else yaml.safe_load(text))
    asked = {found for each in expressions for found in re.findall(r"\b(?:imtegrate|process)_\w+", each)}
    assert len(asked) >= 3
    assert asked <= {sample.partition(",")[0] for sample in samples_of(serving.http)}
