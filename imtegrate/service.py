"""The composition root: puts document, handlers, database and what stands around them together."""

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from contract import ASGIApp, Contract, DocumentError, Fault, bind, build_app
from contract.check import check
from contract.document import read
from contract.operation import compile_and_tell
from contract.reload import Swappable
from contract.security import Security
from db import Database, DatabaseUnavailable, Identity, ensure_organisation
from imtegrate.access_log import AccessLog
from imtegrate.beside import beside
from imtegrate.code import HandlerCode, import_handlers
from imtegrate.cross_origin import CrossOrigin
from imtegrate.dev_console import Console, ConsoleNews, RequestLines
from imtegrate.forwarded import Forwarded
from imtegrate.last_edit import LastEdit
from imtegrate.loopback import LoopbackOnly
from imtegrate.metrics import Metrics, Observed
from imtegrate.news import News
from imtegrate.outages import Outages
from imtegrate.rate_limit import RateLimit
from imtegrate.refusals import REFUSALS, Refusals
from imtegrate.request_ids import RequestIds
from imtegrate.settings import ServiceSettings
from imtegrate.tracing import Tracing, make_tracing

logger = logging.getLogger("imtegrate")

DEVELOPMENT: Final = "development"
"""The organisation that anonymous callers of `dev` act for."""


YOUNG_OBJECTS: Final = 20_000
"""Objects made and not yet freed after which the collector looks for cycles. Python's 700 are ten requests under way,
in which there are none."""


@dataclass(frozen=True, slots=True)
class Edition:
    """A document and the handlers that answer it, compiled together."""

    contract: Contract
    code: HandlerCode

    @classmethod
    def compile(cls, spec: Path, code: HandlerCode) -> "Edition":
        """Compile a document, and bind it.

        Raises:
            DocumentError: it cannot be served; every fault at once.
        """
        contract, faults = _examine(spec, code)
        if contract is None or any(fault.stops for fault in faults):
            raise DocumentError([fault for fault in faults if fault.stops])
        return cls(contract, code)


def faults_of(spec: Path) -> Sequence[Fault]:
    """Everything that keeps a document from being served; nothing where it can be."""
    return _examine(spec, import_handlers())[1]


def _examine(spec: Path, code: HandlerCode) -> tuple[Contract | None, Sequence[Fault]]:
    try:
        document, faults = read(spec)
    except DocumentError as error:
        return None, error.faults
    # A reference to a file that could not be read is told with the file.
    told = {(fault.path, fault.pointer) for fault in faults}
    faults += [fault for fault in check(document) if (fault.path, fault.pointer) not in told]
    try:
        contract, uncompiled = compile_and_tell(document)
        faults += _news_of(uncompiled, faults)
        faults += _unbound(contract, code)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        if not any(fault.stops for fault in faults):
            raise
        # What is not where the specification has it stands in the compiler's way, and is named already.
        return None, faults
    return contract, faults


def _unbound(contract: Contract, code: HandlerCode) -> list[Fault]:
    """What the document asks for and the code does not have."""
    faults: list[Fault] = []
    for step in (
        lambda: bind(contract, code.package),
        lambda: Security(_nobody, contract=contract, verifiers=code.verifiers),
    ):
        try:
            step()
        except DocumentError as error:
            faults += error.faults
    return faults


def _news_of(uncompiled: Sequence[Fault], faults: Sequence[Fault]) -> list[Fault]:
    """What the compiler found and the check did not name already, more precisely: at the place itself, or below it."""
    stopping = [fault for fault in faults if fault.stops]
    return [
        fault
        for fault in uncompiled
        if not (fault.follows and stopping)
        and not any(fault.path == known.path and _encloses(fault.pointer, known.pointer) for known in stopping)
    ]


def _encloses(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}/")


async def _nobody(_scope: Any, _receive: Any, _send: Any) -> None:
    """The application behind a check: there is none."""


class Service:
    """One serving process, as an ASGI application; its lifespan is the database's."""

    def __init__(
        self,
        settings: ServiceSettings,
        news: News | None = None,
        *,
        database_ready: bool = False,
        identity: Identity | None = None,
    ) -> None:
        """Compile everything that can be compiled.

        Args:
            settings: what it goes by.
            news: is told of reloads.
            database_ready: `start` is to leave the database as it is.
            identity: of the SQLite file that was made ready; none in its place is taken.

        Raises:
            DocumentError: the document cannot be served.
            InvalidDatabaseURL: the URL is none that we know.
        """
        self._settings = settings
        self._database_ready = database_ready
        self._console = Console() if settings.development else None
        self._edition = Edition.compile(settings.spec, import_handlers())
        self._last_edit = LastEdit(self._edition.contract) if settings.development else None
        told = news or (ConsoleNews(self._console) if self._console is not None else News())
        self._news = [told, *([self._last_edit] if self._last_edit else [])]
        self._metrics = Metrics()
        self._outages = Outages()
        self._database = Database(
            settings.database_url,
            deadline=settings.deadline,
            connections=settings.connections,
            observer=self._metrics,
            identity=identity,
        )
        self._tracing: Tracing | None = None
        self._development: UUID | None = None
        self._swappable: Swappable | None = None
        self._app: ASGIApp | None = None
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def edition(self) -> Edition:
        """What is in force."""
        return self._edition

    @property
    def identity(self) -> Identity | None:
        """Which SQLite file is in use; None for a server."""
        return self._database.identity

    async def start(self) -> None:
        """Make the database ready, and the application; once.

        Raises:
            DatabaseError: it cannot be reached, or its schema is not ours.
            TracingUnavailable: traces are asked for, and their library is not installed.
        """
        if self._app is not None:
            return
        self._tracing = make_tracing()
        if not self._database_ready:
            await self._prepare_database()
        if self._settings.development:
            self._development = await self._database.run(
                lambda connection: ensure_organisation(connection, DEVELOPMENT)
            )
        self._swappable = Swappable(self._build(self._edition))
        app: ASGIApp = Observed(self._guarded(self._swappable), self._metrics)
        if self._settings.development:
            app = LoopbackOnly(app)
        if self._settings.access_log:
            app = AccessLog(app)
        if self._console is not None:
            app = RequestLines(app, self._console)
        if self._tracing is not None:
            app = self._tracing.middleware(app)
        if self._settings.trusted_proxy:
            app = Forwarded(app, self._settings.trusted_proxy)
        self._app = RequestIds(app)
        _settle_garbage_collector()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload_soon)

    async def _prepare_database(self) -> None:
        if self._settings.development or self._database.engine_name == "sqlite":
            await self._database.upgrade()
        else:
            await self._database.check_schema()

    async def stop(self) -> None:
        """Finish what was accepted, and let go of the database."""
        for task in self._tasks:
            task.cancel()
        await self._database.aclose()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)

    async def reload(self, *, with_handlers: bool = False) -> None:
        """Compile document (and handlers) aside, and swap them in between two requests.

        What cannot be compiled is told, and leaves in force what is.
        """
        async with self._reloading:
            assert self._swappable is not None  # nothing is reloaded before the start
            try:
                code = import_handlers(again=True) if with_handlers else self._edition.code
                edition = await asyncio.to_thread(Edition.compile, self._settings.spec, code)
                app = self._build(edition)
            except DocumentError as error:
                for news in self._news:
                    news.refused(error.faults)
                return
            except Exception as error:  # noqa: BLE001 (whatever a handler module raises when it is imported)
                for news in self._news:
                    news.broken(error)
                return
            before, self._edition = self._edition, edition
            self._swappable.swap(app)
            for news in self._news:
                news.reloaded(before.contract, edition.contract)

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Serve one connection of ASGI."""
        if scope["type"] == "http":
            assert self._app is not None  # the server starts the lifespan first
            return self._app(scope, receive, send)
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        # WebSockets: nothing of the document asks for one.
        closed: Awaitable[None] = send({"type": "websocket.close", "code": 1000})
        return closed

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI 3, lifespan protocol; what it puts into the state is there for every connection."""
        await receive()
        await self.start()
        scope["state"][REFUSALS] = Refusals(self._metrics, self._settings.access_log)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        """The application behind the guards that settings ask for."""
        settings = self._settings
        if settings.rate_limit_key is not None or settings.rate_limit_address is not None:
            app = RateLimit(app, key=settings.rate_limit_key, address=settings.rate_limit_address)
        if settings.cors_origin:
            app = CrossOrigin(app, settings.cors_origin)
        return app

    def _build(self, edition: Edition) -> ASGIApp:
        contract, code = edition.contract, edition.code
        return build_app(
            contract,
            bind(contract, code.package),
            verifiers=code.verifiers,
            beside=beside(contract, self._database, self._metrics.registry, self._last_edit),
            state=code.services(self._database.units, self._development, contract.document.digest, self._database.run),
            max_body_size=self._settings.max_body_size,
            translate={DatabaseUnavailable: self._outages.translate},
        )

    def _reload_soon(self) -> None:
        task = asyncio.ensure_future(self.reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _settle_garbage_collector() -> None:
    """Have it pass over what was compiled at start, which lives as long as the process: 50 ms a full collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
