"""Counts requests and batches and times them, for `/metrics`; over all workers where there are several.

The classes of prometheus_client keep their values in shared files if `PROMETHEUS_MULTIPROC_DIR` is set when they are
imported; the supervisor sets it for its workers.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from contract import ASGIApp
from contract.request import Receive, Scope, Send
from contract.sending import STATUS
from imtegrate.access_log import CLIENT_GONE, operation_of

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder of the workers' files."""

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_FILE_OF: Final = re.compile(r"_(\d+)\.db")


class Metrics:
    """What one service counts; is told of batches by the database."""

    def __init__(self) -> None:
        """Count from nothing, or, as a worker, beside the others."""
        folder = os.environ.get(SHARED_FOLDER)
        own = CollectorRegistry()
        self.registry = own
        """What `/metrics` shows."""
        self.requests = Counter("imtegrate_requests", "Requests answered", ["operation_id", "status"], registry=own)
        self.durations = Histogram(
            "imtegrate_request_duration_seconds",
            "Time from a request's headers to its answer",
            ["operation_id", "status"],
            registry=own,
            buckets=_SECONDS,
        )
        self._sizes = Histogram(
            "imtegrate_batch_requests", "Requests that share a transaction", registry=own, buckets=_SIZES
        )
        self._commits = Histogram(
            "imtegrate_commit_duration_seconds",
            "Time from a batch's begin to its commit or failure",
            registry=own,
            buckets=_SECONDS,
        )
        self._connections = Gauge(
            "imtegrate_database_connections_in_use",
            "Connections that carry a batch out",
            registry=own,
            multiprocess_mode="livesum",
        )
        self._created = Counter("imtegrate_keys_created", "Keys made", registry=own)
        if folder:
            self.registry = CollectorRegistry()
            MultiProcessCollector(self.registry, path=folder)  # type: ignore[no-untyped-call] # it ships no types
            self.registry.register(Workers(Path(folder)))
        else:
            ProcessCollector(registry=own)
            GCCollector(registry=own)
        PlatformCollector(registry=self.registry)

    def refused(self, status: int) -> None:
        """The server has refused a request by itself: it was for no operation, and nobody knows when it began."""
        self.requests.labels("", status).inc()

    def started(self, requests: int) -> None:
        """A batch has begun."""
        self._sizes.observe(requests)
        self._connections.inc()

    def finished(self, created: int, seconds: float) -> None:
        """A batch has ended."""
        self._connections.dec()
        self._commits.observe(seconds)
        if created:
            self._created.inc(created)


class Workers(Collector):
    """What the operating system tells of all workers that live: memory, time and files together, the first start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Ask for each of them."""
        pids = {found[1] for file in self._folder.iterdir() if (found := _FILE_OF.search(file.name)) is not None}
        met: dict[str, Metric] = {}
        for pid in sorted(pids):
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc] # a lambda's default
                if metric.name not in met:
                    met[metric.name] = metric
                    continue
                sample, more = met[metric.name].samples[0], metric.samples[0]
                join = min if metric.name == "process_start_time_seconds" else _add
                met[metric.name].samples[0] = sample._replace(value=join(sample.value, more.value))
        return met.values()


def _add(one: float, other: float) -> float:
    return one + other


class Observed:
    """The middleware that sees every request and every status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        # Looking labels up costs more than counting: those met are kept (the document bounds them).
        self._met: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and count it."""
        began = perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._count(operation_of(scope), scope.get(STATUS, CLIENT_GONE), perf_counter() - began)

    def _count(self, operation_id: str, status: int, seconds: float) -> None:
        met = self._met.get((operation_id, status))
        if met is None:
            labels = operation_id, status
            met = self._metrics.requests.labels(*labels), self._metrics.durations.labels(*labels)
            self._met[operation_id, status] = met
        met[0].inc()
        met[1].observe(seconds)
