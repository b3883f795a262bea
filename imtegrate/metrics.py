"""Counts requests and times them, by operation and status, for `/metrics`."""

from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector

from contract import ASGIApp
from contract.request import KEY, Receive, Scope, Send
from contract.sending import STATUS

_CLIENT_GONE: Final = 499
"""The status of a request whose client left before there was an answer, as nginx counts it."""


def make_registry() -> CollectorRegistry:
    """A registry of one service, with what the process itself tells."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class Observed:
    """The outermost middleware: sees every request and every status."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "imtegrate_requests", "Requests answered", ["operation_id", "status"], registry=registry
        )
        self._durations = Histogram(
            "imtegrate_request_duration_seconds",
            "Time from a request's headers to its answer",
            ["operation_id"],
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        # Looking labels up costs more than counting: those met are kept (the document bounds them).
        self._met: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and count it."""
        began = perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            request = scope.get(KEY)
            operation_id = request.operation.operation_id if request is not None else ""
            self._count(operation_id, scope.get(STATUS, _CLIENT_GONE), perf_counter() - began)

    def _count(self, operation_id: str, status: int, seconds: float) -> None:
        met = self._met.get((operation_id, status))
        if met is None:
            met = self._requests.labels(operation_id, status), self._durations.labels(operation_id)
            self._met[operation_id, status] = met
        met[0].inc()
        met[1].observe(seconds)
