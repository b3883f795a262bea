"""`dev` answers this machine only: by the `Host` too, so that no web page reaches it by DNS rebinding."""

from http import HTTPStatus
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit

from contract import ASGIApp, Problem, ValidationError
from contract.errors import respond
from contract.fields import fields_of
from contract.request import Receive, Scope, Send


class MisdirectedRequest(Problem):
    """`Host` names another host than this one (RFC 9110 §15.5.20)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.MISDIRECTED_REQUEST

    def __init__(self) -> None:
        error = ValidationError(("header", "Host"), "Only a loopback host is answered", "misdirected_request")
        super().__init__(error)


class LoopbackOnly:
    """Refuses requests whose `Host` is not of the loopback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request's `Host`."""
        hosts = fields_of(scope).get(b"host", ())
        if len(hosts) > 1 or not all(is_loopback(_host_of(host)) for host in hosts):
            await respond(MisdirectedRequest(), scope, send)
            return
        await self._app(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address alone (RFC 6761 §6.3; no look-up)."""
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(header: bytes) -> str:
    try:
        return urlsplit(f"//{header.decode('latin-1')}").hostname or ""
    except ValueError:
        return ""
