"""What is answered beside the document: itself, a page that shows it, and what operators ask for."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from contract import ASGIApp, Contract
from contract.request import Receive, Scope, Send
from contract.sending import send_answer
from db import Database, DatabaseError

_ASSETS: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}

_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_START: Final = b"""SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", validatorUrl: null });
"""

_CONTENT_SECURITY_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Static:
    """One representation that does not change while the process lives; answers conditional requests (RFC 9110 §13)."""

    def __init__(self, body: bytes, media_type: str, **headers: bytes) -> None:
        self._body = body
        self._etag = f'"{sha256(body).hexdigest()[:32]}"'.encode()
        more = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        self._headers = [
            (b"content-type", media_type.encode()),
            (b"etag", self._etag),
            (b"cache-control", b"no-cache"),
            (b"x-content-type-options", b"nosniff"),
            *more,
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer GET or HEAD."""
        known = [value for name, value in scope["headers"] if name == b"if-none-match"]
        tags = [tag.strip().removeprefix(b"W/") for value in known for tag in value.split(b",")]
        if self._etag in tags or b"*" in tags:
            await send_answer(scope, send, 304, self._headers[1:], b"")
            return
        length = (b"content-length", str(len(self._body)).encode())
        await send_answer(scope, send, 200, [*self._headers, length], self._body)


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


def beside(contract: Contract, database: Database | None, registry: CollectorRegistry | None) -> Mapping[str, ASGIApp]:
    """By path: what is answered where the document has nothing; without a database and metrics for a mock."""
    apps: dict[str, ASGIApp] = {
        "/openapi.json": Static(contract.document.published, "application/json"),
        "/docs": Static(
            _PAGE,
            "text/html; charset=utf-8",
            content_security_policy=_CONTENT_SECURITY_POLICY,
            referrer_policy=b"no-referrer",
        ),
        "/docs/start.js": Static(_START, "text/javascript; charset=utf-8"),
        "/healthz": Alive(),
    }
    for name, media_type in _ASSETS.items():
        apps[f"/docs/{name}"] = _Asset(name, media_type)
    if database is not None:
        apps["/readyz"] = Ready(database)
    if registry is not None:
        apps["/metrics"] = Metrics(registry)
    return apps


class _Asset:
    """A file of Swagger UI, read when it is first asked for: most processes never show the page."""

    def __init__(self, name: str, media_type: str) -> None:
        self._name = name
        self._media_type = media_type
        self._static: Static | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._static is None:
            body = (files("swagger_ui") / "static" / self._name).read_bytes()
            self._static = Static(body, self._media_type)
        await self._static(scope, receive, send)


async def _send_text(scope: Scope, send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send_answer(scope, send, status, headers, body)
