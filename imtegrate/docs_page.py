"""`/docs`: Swagger UI 5, from this server alone, on a copy of the document that the page makes for itself.

Swagger UI rather than Scalar: Scalar comes to PyPI without its assets, and calls its maker's servers if left to itself.
"""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Final

from contract import ASGIApp, Contract
from contract.request import Receive, Scope, Send
from imtegrate.last_edit import LastEdit
from imtegrate.representation import Static

CHANGES: Final = "/docs/changes"
"""Where the page asks, under `dev`, what an edit has changed."""

_MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}

_SWAGGER_UI: Final = ("swagger-ui.css", "swagger-ui-bundle.js")
_OURS: Final = ("page.css", "copy.js", "start.js")

_CONTENT_SECURITY_POLICY: Final = (
    # Swagger UI writes style attributes; its style sheet holds its icons as data.
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def docs_page(contract: Contract, last_edit: LastEdit | None) -> Mapping[str, ASGIApp]:
    """By path: the page, and what it loads; it follows edits where there is a last edit to ask for."""
    page = Template(_file("index.html").read_text()).substitute(
        base_path=escape(contract.base_path),
        changes="" if last_edit is None else "docs/changes",
    )
    apps: dict[str, ASGIApp] = {
        "/docs": Static(
            page.encode(),
            _MEDIA_TYPES["html"],
            content_security_policy=_CONTENT_SECURITY_POLICY,
            referrer_policy=b"no-referrer",
        )
    }
    for name in _OURS:
        apps[f"/docs/{name}"] = _Asset(_file(name))
    for name in _SWAGGER_UI:
        apps[f"/docs/{name}"] = _Asset(files("swagger_ui") / "static" / name)
    if last_edit is not None:
        apps[CHANGES] = last_edit
    return apps


class _Asset:
    """A file of the page, read when it is first asked for: most processes never show it."""

    def __init__(self, file: Traversable) -> None:
        self._file = file
        self._static: Static | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._static is None:
            self._static = Static(self._file.read_bytes(), _MEDIA_TYPES[self._file.name.rpartition(".")[2]])
        await self._static(scope, receive, send)


def _file(name: str) -> Traversable:
    return files("imtegrate") / "page" / name
