"""Traces by OpenTelemetry, sent to a real receiver."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from running import KEYS, free_port, imtegrate, running

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@contextmanager
def receiving() -> Iterator[tuple[str, list[bytes]]]:
    """A receiver of OTLP over HTTP: its URL, and the bodies that came to `/v1/traces`."""
    bodies: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                bodies.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()
        thread.join()


def test_a_request_is_a_span(tmp_path: Path) -> None:
    """A request is a span of the caller's trace, named by its operationId, without the token; sent before the end."""
    with receiving() as (url, bodies):
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        with running("serve", cwd=tmp_path, env=env) as service:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "Authorization": "Bearer s3cr3t"}
            answer = httpx.post(f"{service.url}{KEYS}?token=s3cr3t", json={"name": "key"}, headers=headers)
            assert answer.status_code == 401
            assert service.stop() == 0
    spans = [
        span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    [span] = [span for span in spans if span.trace_id.hex() == TRACE]
    assert span.parent_span_id.hex() == PARENT
    assert span.name == "create_key_v1_api_keys_post"
    attributes = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
    assert attributes["http.response.status_code"] == 401
    assert attributes["url.path"] == KEYS
    assert attributes["imtegrate.request_id"] == answer.headers["X-Request-ID"]
    assert not any(b"s3cr3t" in body for body in bodies)


def test_an_absent_library_is_told(tmp_path: Path) -> None:
    """Traces that are asked for without the extra are one line that says how to have it, exit 1."""
    hidden = "import sys; sys.modules['opentelemetry.sdk.trace'] = None; from imtegrate.main import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "serve", "--port", str(free_port())],
        cwd=tmp_path,
        env={"PATH": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "imtegrate[otel]" in done.stderr
    assert imtegrate("--version", cwd=tmp_path).returncode == 0
