"""What is answered beside the document: itself, a page that shows it, and what operators ask for."""

from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from contract import ASGIApp, Contract
from contract.request import Receive, Scope, Send
from contract.sending import send_answer
from db import Database, DatabaseError
from imtegrate.docs_page import docs_page
from imtegrate.last_edit import LastEdit
from imtegrate.representation import Static


class Alive:
    """`/healthz`: the process lives."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer, which is all there is to say."""
        await _send_text(scope, send, 200, b"ok\n")


class Ready:
    """`/readyz`: the database answers, and its schema is ours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Ask the database."""
        try:
            await self._database.ping()
        except DatabaseError as error:
            await _send_text(scope, send, 503, f"{' '.join(str(error).split())}\n".encode())
        else:
            await _send_text(scope, send, 200, b"ok\n")


class Metrics:
    """`/metrics`, in the text format of Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Collect, and answer."""
        body = generate_latest(self._registry)
        headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"content-length", str(len(body)).encode())]
        await send_answer(scope, send, 200, headers, body)


def beside(
    contract: Contract,
    database: Database | None,
    registry: CollectorRegistry | None,
    last_edit: LastEdit | None = None,
) -> Mapping[str, ASGIApp]:
    """By path: what is answered where the document has nothing; without a database and metrics for a mock."""
    apps: dict[str, ASGIApp] = {
        "/openapi.json": Static(contract.document.published, "application/json"),
        "/healthz": Alive(),
        **docs_page(contract, last_edit),
    }
    if database is not None:
        apps["/readyz"] = Ready(database)
    if registry is not None:
        apps["/metrics"] = Metrics(registry)
    return apps


async def _send_text(scope: Scope, send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send_answer(scope, send, status, headers, body)
