"""Traces by OpenTelemetry, for who asks for them: the extra `imtegrate[otel]`."""

import os
from typing import Any, Final

from contract import ASGIApp
from contract.request import REQUEST_ID, Receive, Scope, Send
from contract.sending import STATUS
from imtegrate.access_log import CLIENT_GONE, operation_of

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable that switches traces on, and says where they go (OpenTelemetry Protocol Exporter)."""


class TracingUnavailable(Exception):
    """Traces are asked for, and the extra is not installed."""


def make_tracing() -> "Tracing | None":
    """What traces requests; None if nobody asks for it.

    Raises:
        TracingUnavailable: it is asked for, and not installed.
    """
    if not os.environ.get(ENDPOINT):
        return None
    try:
        return Tracing()
    except ImportError:
        raise TracingUnavailable(
            f"{ENDPOINT} asks for traces, which need: pip install 'imtegrate[otel]'; or unset it"
        ) from None


class Tracing:
    """Makes a span a request, and sends them by OTLP over HTTP as the variables `OTEL_*` say."""

    def __init__(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (an extra)
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        os.environ.setdefault("OTEL_SERVICE_NAME", "imtegrate")
        self._provider = TracerProvider(resource=Resource.create(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """The application, traced."""
        return Traced(app, self._provider.get_tracer("imtegrate"))

    def close(self) -> None:
        """Send what is left; takes as long as the collector does, within the variables' timeouts."""
        self._provider.shutdown()


class Traced:
    """The middleware that makes the spans, named as the semantic conventions for HTTP servers have it."""

    def __init__(self, app: ASGIApp, tracer: Any) -> None:
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 (an extra)
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._app = app
        self._tracer = tracer
        self._kind = SpanKind.SERVER
        self._error = StatusCode.ERROR
        self._extract = TraceContextTextMapPropagator().extract

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, in a span; neither query, headers nor bodies are in it, which may hold secrets."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        span = self._tracer.start_span(scope["method"], context=self._extract(carrier), kind=self._kind)
        try:
            await self._app(scope, receive, send)
        finally:
            status, operation_id = scope.get(STATUS, CLIENT_GONE), operation_of(scope)
            if operation_id:
                span.update_name(operation_id)
            attributes = {
                "http.request.method": scope["method"],
                "url.path": scope["path"],
                "http.response.status_code": status,
                "imtegrate.operation_id": operation_id,
                "imtegrate.request_id": scope.get(REQUEST_ID, ""),
            }
            span.set_attributes(attributes)
            if status >= 500:  # noqa: PLR2004 (RFC 9110 §15.6)
                span.set_status(self._error)
            span.end()
