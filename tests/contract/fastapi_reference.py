"""The FastAPI application whose document `openapi.json` is, and what asks an ASGI application in process."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from contract import ASGIApp

PATH: Final = "/v1/api-keys"

CREATED: Final[Mapping[str, Any]] = {
    "id": "01a20a49-f97a-77d4-93e7-c57eae27c49a",
    "org_id": "01a20a49-f97a-77d4-93e7-c57eae27c49b",
    "prefix": "imt_test_00000000",
    "name": "key",
    "scopes": [],
    "last_used_at": None,
    "revoked_at": None,
    "created_at": "2030-01-01T00:00:00Z",
    "token": "imt_test_00000000",
}
"""What both applications answer to a valid request."""

Headers = Sequence[tuple[bytes, bytes]]
Fault = tuple[tuple[str | int, ...], str, str]
"""`loc`, `msg` and `type`."""


class ApiKeyCreate(BaseModel):  # noqa: D101 (its docstring would be in the document)
    name: Annotated[str, Field(min_length=2, max_length=120)]
    scopes: Annotated[list[str], Field(default_factory=list)]
    env: Annotated[str, Field(pattern="^(test|live)$")] = "test"


class ApiKeyCreated(BaseModel):  # noqa: D101 (as above)
    id: UUID
    org_id: UUID
    prefix: str
    name: str
    scopes: list[str]
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    token: str


def reference() -> FastAPI:
    """The application that wrote the document."""
    app = FastAPI(title="Imtegrate API", version="dev")

    @app.post(PATH, status_code=201, tags=["api-keys"], response_model=ApiKeyCreated)
    async def create_key(
        _body: ApiKeyCreate, _authorization: Annotated[str | None, Header(alias="Authorization")] = None
    ) -> Any:
        return CREATED

    return app


def without_echo(app: FastAPI) -> FastAPI:
    """The application, made to answer the faults it finds without the input, which JSON cannot always hold."""

    @app.exception_handler(RequestValidationError)
    async def render(_request: Request, error: RequestValidationError) -> Response:
        detail = [{name: fault[name] for name in ("loc", "msg", "type")} for fault in error.errors()]
        return Response(json.dumps({"detail": detail}), 422, media_type="application/json")

    return app


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    raised: str = ""
    """The exception that a server would have had to catch."""

    @property
    def faults(self) -> list[Fault]:
        """The `detail`, as far as the document has it; of a 422."""
        return [(tuple(fault["loc"]), fault["msg"], fault["type"]) for fault in json.loads(self.body)["detail"]]


async def ask(
    app: ASGIApp, body: bytes, headers: Headers, path: str = PATH, query: bytes = b"", method: str = "POST"
) -> Answer:
    """Send one request to an application, the way a server calls it."""
    status = 0
    chunks: list[bytes] = []
    raised = ""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            chunks.append(message.get("body", b""))

    length = [(b"content-length", str(len(body)).encode())] if body else []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"localhost"), *headers, *length],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 (whatever it raises is its answer)
        raised = type(error).__name__
    return Answer(status, b"".join(chunks), raised)
