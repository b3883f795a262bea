"""Request ids, and what the log says of a request."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from running import KEYS, Running, Serving, create_organisation, faults_of, running

HANDLERS = Path(__file__).parents[2] / "handlers"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture(scope="module")
def logging_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`imtegrate serve --access-log`, with an operation that fails."""
    folder = tmp_path_factory.mktemp("logs")
    url = f"sqlite:///{folder}/imtegrate.db"
    root = create_organisation(url, folder)
    operation = {"operationId": "fail", "responses": {"200": {"description": "never"}}}
    failing = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/fail": {"get": operation}}}
    (folder / "openapi.json").write_text(json.dumps(failing))
    shutil.copytree(HANDLERS, folder / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "handlers" / "failing.py").write_text(
        'async def fail(**_):\n    """Fail."""\n    raise ValueError("s3cr3t value")\n'
    )
    with (
        running("serve", "--access-log", "--database-url", url, cwd=folder) as service,
        closing(Serving(service, url, root, folder)) as serving,
    ):
        yield serving


def lines_of(service: Running) -> list[dict[str, Any]]:
    """Every JSON line of the log."""
    return [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]


def line_of(service: Running, request_id: str, logger: str = "imtegrate.access") -> dict[str, Any]:
    """The one line that a logger wrote of a request."""
    [line] = [line for line in lines_of(service) if line.get("request_id") == request_id and line["logger"] == logger]
    return line


@pytest.mark.parametrize("request_id", ["a", "0" * 128, "Az09._~+/=-"])
def test_a_sane_id_is_kept(serving: Serving, request_id: str) -> None:
    """An id of 1 to 128 characters that stand in tokens is sent back as it came."""
    answer = serving.post({"name": "key"}, headers={"X-Request-ID": request_id})
    assert answer.status_code == 201
    assert answer.headers.get_list("X-Request-ID") == [request_id]


@pytest.mark.parametrize("request_id", ["", "0" * 129, "a b", "ä", '"', "a,b", "<script>"])
def test_another_id_is_replaced(serving: Serving, request_id: str) -> None:
    """An id that is empty, too long or of other characters is replaced by one of ours."""
    answer = serving.post({"name": "key"}, headers=[("X-Request-ID", request_id.encode())])
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_two_ids_are_none(serving: Serving) -> None:
    """Where a request has two ids, neither counts."""
    headers = [("X-Request-ID", "one"), ("X-Request-ID", "two")]
    assert len(serving.http.get("/healthz", headers=headers).headers["X-Request-ID"]) == 32


def test_every_answer_has_an_id_of_its_own(serving: Serving, dev: Serving) -> None:
    """Whatever the status and whoever answers, there is one id, and never the same twice."""
    answers = [serving.http.get(path) for path in ("/healthz", "/readyz", "/metrics", "/docs", "/nowhere", KEYS)]
    answers += [serving.post({"name": ""}), serving.post(token=""), serving.post({"name": "key"})]
    answers.append(dev.http.get("/docs", headers={"Host": "evil.example"}))
    etag = {"If-None-Match": serving.http.get("/openapi.json").headers["ETag"]}
    answers.append(serving.http.get("/openapi.json", headers=etag))
    answers += [serving.http.get("/healthz") for _ in range(300)]
    assert {200, 201, 304, 401, 404, 405, 421, 422} == {answer.status_code for answer in answers}
    ids = [answer.headers.get_list("X-Request-ID") for answer in answers]
    assert all(len(each) == 1 for each in ids)
    assert len({each for [each] in ids}) == len(answers)


def test_the_access_log_is_json(logging_service: Serving) -> None:
    """With `--access-log` a request is one JSON object that says who asked what, and how it went, without the query."""
    answer = logging_service.http.get("/fail/none?token=s3cr3t", headers={"Authorization": "Bearer s3cr3t"})
    assert answer.status_code == 404
    line = line_of(logging_service.running, answer.headers["X-Request-ID"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("duration_ms") > 0
    assert line == {
        "level": "info",
        "logger": "imtegrate.access",
        "message": "GET /fail/none 404",
        "request_id": answer.headers["X-Request-ID"],
        "method": "GET",
        "path": "/fail/none",
        "status": 404,
        "operation_id": "",
        "client": "127.0.0.1",
    }
    assert "s3cr3t" not in logging_service.running.log.read_text()


def test_a_failure_is_one_line(logging_service: Serving) -> None:
    """An exception is one JSON line with its type, its place and the request's id; what it says is not in it."""
    answer = logging_service.http.get("/fail")
    faults_of(answer, 500)
    line = line_of(logging_service.running, answer.headers["X-Request-ID"], "contract")
    assert line["level"] == "error"
    assert line["error"]["type"] == "ValueError"
    assert line["error"]["place"].endswith("failing.py:3 in fail")
    assert line_of(logging_service.running, answer.headers["X-Request-ID"])["operation_id"] == "fail"
    log = logging_service.running.log.read_text()
    assert "s3cr3t" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        (f"00-{TRACE}-{PARENT}-00", TRACE),
        (f"01-{TRACE}-{PARENT}-01-more", TRACE),
        (f"cc-{TRACE}-{PARENT}-01", TRACE),
        (f"00-{TRACE}-{PARENT}-01-more", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"cc-{TRACE}-{PARENT}-01more", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE[1:]}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}", None),
        ("", None),
    ],
)
def test_a_trace_is_followed(logging_service: Serving, traceparent: str, trace_id: str | None) -> None:
    """The trace of a `traceparent` is in the log (W3C Trace Context); one that is malformed is ignored."""
    answer = logging_service.http.get("/healthz", headers={"traceparent": traceparent})
    assert answer.status_code == 200
    assert line_of(logging_service.running, answer.headers["X-Request-ID"]).get("trace_id") == trace_id


def test_a_request_is_not_logged_unasked(serving: Serving) -> None:
    """Without `--access-log` requests leave no line."""
    answer = serving.post({"name": "key"})
    assert answer.headers["X-Request-ID"] not in serving.running.log.read_text()


@pytest.mark.parametrize(
    "options", [{"arguments": ("--log-format", "text")}, {"env": {"IMTEGRATE_LOG_FORMAT": "text"}}]
)
def test_text_on_demand(tmp_path: Path, options: Mapping[str, Any]) -> None:
    """As text a request is one line too, and no path can write another one."""
    arguments = ("serve", "--access-log", *options.get("arguments", ()))
    with running(*arguments, cwd=tmp_path, env=options.get("env")) as service:
        answer = httpx.get(f"{service.url}/a%0Aforged%1b%5B31m")
        lines = [line for line in service.log.read_text().splitlines() if answer.headers["X-Request-ID"] in line]
    assert len(lines) == 1
    assert r"GET /a\u000aforged\u001b[31m 404" in lines[0]
