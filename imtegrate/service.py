"""The composition root: puts document, handlers, database and what stands around them together."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import handlers
from contract import ASGIApp, Contract, DocumentError, Fault, bind, build_app, compile_contract, load
from contract.check import check
from contract.problem import ServiceUnavailable
from contract.security import Security
from db import Database, DatabaseUnavailable, ensure_organisation
from handlers import VERIFIERS, Services

from imtegrate.beside import beside
from imtegrate.loopback import LoopbackOnly
from imtegrate.metrics import Observed, make_registry
from imtegrate.settings import ServiceSettings

logger = logging.getLogger("imtegrate")

DEVELOPMENT: Final = "development"
"""The organisation that anonymous callers of `dev` act for."""


def faults_of(spec: Path) -> Sequence[Fault]:
    """Everything that keeps a document from being served; nothing where it can be."""
    try:
        document = load(spec)
        if faults := check(document):
            return faults
        contract = compile_contract(document)
    except DocumentError as error:
        return error.faults
    faults = []
    for step in (lambda: bind(contract, handlers), lambda: Security(_nobody, contract=contract, verifiers=VERIFIERS)):
        try:
            step()
        except DocumentError as error:
            faults += error.faults
    return faults


async def _nobody(_scope: Any, _receive: Any, _send: Any) -> None:
    """The application behind a check: there is none."""


class Service:
    """One serving process, as an ASGI application; its lifespan is the database's."""

    def __init__(self, settings: ServiceSettings) -> None:
        """Compile everything that can be compiled.

        Raises:
            DocumentError: the document cannot be served.
            InvalidDatabaseURL: the URL is none that we know.
        """
        self._settings = settings
        document = load(settings.spec)
        if faults := check(document):
            raise DocumentError(faults)
        self._contract = compile_contract(document)
        self._bound = bind(self._contract, handlers)
        self._database = Database(settings.database_url, deadline=settings.deadline)
        self._registry = make_registry()
        self._app: ASGIApp | None = None

    @property
    def contract(self) -> Contract:
        """The document in force."""
        return self._contract

    async def start(self) -> None:
        """Make the database ready, and the application; once.

        Raises:
            DatabaseError: it cannot be reached, or its schema is not ours.
            DocumentError: the document demands a security scheme that nobody verifies.
        """
        if self._app is not None:
            return
        if self._settings.development or self._database.engine_name == "sqlite":
            await self._database.upgrade()
        else:
            await self._database.check_schema()
        development = None
        if self._settings.development:
            development = await self._database.run(lambda connection: ensure_organisation(connection, DEVELOPMENT))
        app = build_app(
            self._contract,
            self._bound,
            verifiers=VERIFIERS,
            beside=beside(self._contract, self._database, self._registry),
            state=Services(self._database.units, development),
            max_body_size=self._settings.max_body_size,
            translate={DatabaseUnavailable: lambda _: ServiceUnavailable()},
        )
        app = Observed(app, self._registry, self._contract)
        self._app = LoopbackOnly(app) if self._settings.development else app

    async def stop(self) -> None:
        """Finish what was accepted, and let go of the database."""
        await self._database.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "http":
            assert self._app is not None  # the server starts the lifespan first
            await self._app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(self, receive, send)
        else:
            # WebSockets: nothing of the document asks for one.
            await send({"type": "websocket.close", "code": 1000})


async def _lifespan(service: Service, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """ASGI 3, lifespan protocol."""
    await receive()
    await service.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await service.stop()
    await send({"type": "lifespan.shutdown.complete"})
