"""Runs the service under uvicorn: one process, or several that share a socket."""

import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

import uvicorn
import uvloop
from uvicorn.supervisors import Multiprocess

from imtegrate.logs import configure_logging
from imtegrate.service import Service
from imtegrate.settings import ServiceSettings

BACKLOG: Final = 2048
"""Connections that may wait to be accepted."""

SHUTDOWN_TIMEOUT: Final = 10
"""Seconds that accepted requests have, once the process was asked to end."""

START_TIMEOUT: Final = 30
"""Seconds that a worker has to begin."""

Announce = Callable[[], None]


class CannotListen(OSError):
    """The address is used, not ours, or not allowed."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        CannotListen: with what is wrong, and how to mend it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --host or --port"
        ) from None
    listener.set_inheritable(True)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a socket listens, as a URL."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def run(settings: ServiceSettings, listener: socket.socket, announce: Announce) -> None:
    """Serve until asked to end (SIGTERM, SIGINT); `announce` is called once requests are answered.

    Raises:
        DocumentError: the document cannot be served.
        DatabaseError: the database cannot.
    """
    if settings.workers == 1:
        uvloop.run(_serve(Service(settings), listener, announce))
    else:
        # What is wrong is said once, before there are workers to say it each.
        uvloop.run(_try_out(Service(settings)))
        _Supervisor(_config(partial(_make_worker, settings), settings.workers), [listener], announce).run()


async def _try_out(service: Service) -> None:
    await service.start()
    await service.stop()


async def _serve(service: Service, listener: socket.socket, announce: Announce) -> None:
    await service.start()
    _end_quietly()
    await _Server(_config(lambda: service, workers=1), announce).serve(sockets=[listener])


def _config(make_service: Callable[[], Service], workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        make_service,
        factory=True,
        workers=workers,
        lifespan="on",
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
    )


def _make_worker(settings: ServiceSettings) -> Service:
    configure_logging()
    _end_quietly()
    return Service(settings)


def _end_quietly() -> None:
    """uvicorn raises the signals it has caught again when it is done; they have done their work by then."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: None)


class _Supervisor(Multiprocess):
    """Keeps the workers alive, and tells when the first ones are ready."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], announce: Announce) -> None:
        super().__init__(config, sockets)
        self._announce = announce

    def init_processes(self) -> None:
        """Start the workers."""
        super().init_processes()
        if all(process.wait_until_ready(START_TIMEOUT, self.should_exit) for process in self.processes):
            self._announce()


class _Server(uvicorn.Server):
    """Tells when it is ready."""

    def __init__(self, config: uvicorn.Config, announce: Announce) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._announce()
