"""Runs the service under uvicorn: one process, or several that share a socket."""

import asyncio
import logging
import multiprocessing
import os
import resource
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Final, Literal, cast

import uvicorn
import uvloop
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from contract import ASGIApp, Contract
from db import Identity
from imtegrate.accepting import BURST, SHARE, Accepting
from imtegrate.limits import Limits
from imtegrate.listening import DEFAULT_BACKLOG
from imtegrate.metrics import SHARED_FOLDER
from imtegrate.news import News
from imtegrate.protocol import Config, Protocol
from imtegrate.service import Service
from imtegrate.settings import ServiceSettings
from imtegrate.watching import follow

logger = logging.getLogger("imtegrate")

SHUTDOWN_TIMEOUT: Final = 10
"""Seconds that accepted requests have, once the process was asked to end; more than `protocol.LEAVE`."""

START_TIMEOUT: Final = 30
"""Seconds that a worker has to begin."""

START_STEP: Final = 1.0
"""Seconds of that after which signals are looked at."""

JOIN_INTERVAL: Final = 0.05
"""Seconds between two looks whether the workers have ended."""

OTHER_FILES: Final = 64
"""Files that a process has open beside its connections: database, log, event loop."""

Announce = Callable[[], None]


def run(
    settings: ServiceSettings, listener: socket.socket, announce: Callable[[Contract], None], news: News | None = None
) -> None:
    """Serve until asked to end (SIGTERM, SIGINT); `announce` is called once requests are answered.

    Raises:
        DocumentError: the document cannot be served.
        DatabaseError: the database cannot.
    """
    # A core file would hold the tokens that are in hand, and the database's password; workers inherit this.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings.workers == 1:
        uvloop.run(_serve(settings, listener, announce, news))
    else:
        # What is wrong is said once, before there are workers to say it each.
        contract, identity = uvloop.run(_try_out(settings))
        config = _config(
            partial(_make_worker, settings, identity),
            settings.workers,
            limits=_limits_of(settings),
            backlog=settings.backlog,
        )
        # Set only now: the supervisor counts nothing.
        with tempfile.TemporaryDirectory(prefix="imtegrate-metrics-") as folder:
            os.environ[SHARED_FOLDER] = folder
            _Supervisor(config, [listener], lambda: announce(contract), Path(folder)).run()


def run_app(app: ASGIApp, listener: socket.socket, announce: Announce) -> None:
    """Serve an application that keeps nothing, until asked to end."""

    async def serve() -> None:
        _end_quietly()
        await _Server(_config(lambda: app, workers=1, lifespan="off"), announce).serve(sockets=[listener])

    uvloop.run(serve())


async def _try_out(settings: ServiceSettings) -> tuple[Contract, Identity | None]:
    service = Service(settings)
    await service.start()
    await service.stop()
    return service.edition.contract, service.identity


async def _serve(
    settings: ServiceSettings, listener: socket.socket, announce: Callable[[Contract], None], news: News | None
) -> None:
    since = time.time_ns()
    service = Service(settings, news)
    await service.start()
    _end_quietly()
    following = asyncio.ensure_future(follow(service, settings.spec, since)) if settings.development else None
    config = _config(lambda: service, workers=1, limits=_limits_of(settings), backlog=settings.backlog)
    await _Server(config, lambda: announce(service.edition.contract)).serve(sockets=[listener])
    if following is not None:
        following.cancel()


def _limits_of(settings: ServiceSettings) -> Limits:
    return Limits(
        request_timeout=settings.request_timeout,
        keep_alive_timeout=settings.keep_alive_timeout,
        max_connections=_allow_connections(settings.max_connections),
    )


def _allow_connections(wanted: int) -> int:
    """Raise the limit of open files as far as we may; how many connections it leaves, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft < needed:
        soft = min(needed, hard) if hard != resource.RLIM_INFINITY else needed
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, soft - OTHER_FILES))


def _config(
    make_app: Callable[[], ASGIApp],
    workers: int,
    lifespan: Literal["on", "off"] = "on",
    limits: Limits | None = None,
    backlog: int = DEFAULT_BACKLOG,
) -> Config:
    config = Config(
        make_app,
        factory=True,
        interface="asgi3",  # not left to be guessed, as only functions that are `async` are known for it
        workers=workers,
        lifespan=lifespan,
        loop="uvloop",
        http=Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=backlog,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
    )
    config.limits = limits or Limits()
    return config


def _make_worker(settings: ServiceSettings, identity: Identity | None) -> Service:
    settings.configure_logging()
    Thread(target=_end_with_supervisor, name="imtegrate-supervisor", daemon=True).start()
    # The supervisor has made the database ready. A worker that replaces another must not make a fresh one, nor end the
    # whole service because the database is away, nor take another file that stands in its place by now.
    return Service(settings, database_ready=True, identity=identity)


def _end_with_supervisor() -> None:
    """End in order when the supervisor is gone, however it went: nobody would replace this worker, or stop it."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _end_quietly() -> None:
    """Have signals do nothing more: uvicorn raises those it has caught again when it is done."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: None)


class _Supervisor(Multiprocess):
    """Keeps the workers alive, and tells when the first ones are ready."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], announce: Announce, metrics: Path) -> None:
        super().__init__(config, sockets)
        self._announce = announce
        self._metrics = metrics

    def init_processes(self) -> None:
        """Start the workers, unless asked to end meanwhile."""
        for _ in range(self.processes_num):
            if self._is_asked_to_end():
                return
            process = Process(self.config, self.sockets)
            process.start()
            self.processes.append(process)
        if all(map(self._is_ready, self.processes)):
            self._announce()

    def _is_ready(self, process: Process) -> bool:
        """Wait until a worker answers; False where it ends, takes too long, or we are asked to end."""
        until = time.monotonic() + START_TIMEOUT
        while time.monotonic() < until and process.exitcode is None:
            if self._is_asked_to_end():
                return False
            if process.wait_until_ready(START_STEP):
                return True
        return False

    def _is_asked_to_end(self) -> bool:
        self.handle_signals()
        return self.should_exit.is_set()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have died: what they had in hand is over, what they counted stays."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for process in before:
            if process not in self.processes:
                logger.error("worker %d has ended (exit code %s): replaced by another", process.pid, process.exitcode)
                mark_process_dead(process.pid, str(self._metrics))  # type: ignore[no-untyped-call] # it ships no types

    def join_all(self) -> None:
        """Wait for the workers; a second signal ends them at once."""
        # As long as one process holds it open, clients are taken into its queue, where nobody would answer them.
        for listener in self.sockets:
            listener.close()
        # Those that asked for the end are taken; what comes now is a second one.
        self.signal_queue.clear()
        while any(process.exitcode is None for process in self.processes):
            if {signal.SIGTERM, signal.SIGINT} & set(self.signal_queue):
                for process in self.processes:
                    process.process.kill()
            time.sleep(JOIN_INTERVAL)

    def handle_hup(self) -> None:
        """Have every worker reload the document, where uvicorn would replace the workers."""
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)


class _Server(uvicorn.Server):
    """Tells when it is ready."""

    def __init__(self, config: uvicorn.Config, announce: Announce) -> None:
        super().__init__(config)
        self._announce = announce

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order; at a second signal at once, where uvicorn would take SIGINT only."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer: as uvicorn does, but for who accepts connections."""
        await super().startup([])
        if self.started:
            loop = asyncio.get_running_loop()
            burst = BURST if self.config.workers == 1 else SHARE
            accepting = [Accepting(loop, listener, self._make_protocol, burst) for listener in sockets or ()]
            self.servers = cast("list[asyncio.Server]", accepting)
            self._announce()

    def _make_protocol(self) -> Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)
