"""The client's address behind proxies that a setting names; what anybody else says of it counts for nothing.

`Forwarded` (RFC 7239) and `X-Forwarded-For` are read. A proxy adds to one of them and may pass the other on as a client
wrote it: where a request has both and they differ, neither counts.
"""

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from contract import ASGIApp
from contract.fields import fields_of
from contract.request import Receive, Scope, Send

Address = IPv4Address | IPv6Address

MAX_HOPS: Final = 32
"""Proxies between a client and us that are followed."""

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PAIR: Final = re.compile(rf"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=({_QUOTED}|[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*")
_ELEMENT: Final = re.compile(rf"(?:{_QUOTED}|[^,\"])+")
_PART: Final = re.compile(rf"(?:{_QUOTED}|[^;\"])+")


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses that are trusted."""

    range: IPv4Network | IPv6Network

    @classmethod
    def parse(cls, text: str) -> "Network":
        """Read `10.0.0.0/8`, or one address.

        Raises:
            ValueError: it is neither.
        """
        try:
            return cls(ip_network(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is no address and no network: {error}") from None

    def __contains__(self, address: Address) -> bool:
        return address in self.range

    def __str__(self) -> str:
        return str(self.range)


class Forwarded:
    """Puts the client's address into the scope, where audit, log and rate limit find it."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        client = scope.get("client")
        peer = _address(client[0]) if client else None
        if peer is not None and self._trusts(peer):
            scope["client"] = (str(self._client_of(scope, peer)), 0)
        return self._app(scope, receive, send)

    def _client_of(self, scope: Scope, peer: Address) -> Address:
        fields = {
            name: [value.decode("latin-1") for value in fields_of(scope).get(name, ())]
            for name in (b"forwarded", b"x-forwarded-for")
        }
        said = []
        if fields[b"forwarded"]:
            said.append(self._rightmost(_hops_of(", ".join(fields[b"forwarded"])), peer))
        if fields[b"x-forwarded-for"]:
            said.append(self._rightmost(", ".join(fields[b"x-forwarded-for"]).split(","), peer))
        return said[0] if said and all(each == said[0] for each in said) else peer

    def _rightmost(self, hops: Sequence[str], peer: Address) -> Address:
        """The last hop that is no proxy of ours; the farthest proxy, where what stands before it is no address."""
        found = peer
        for hop in reversed(hops[-MAX_HOPS:]):
            address = _address(hop)
            if address is None:
                break
            found = address
            if not self._trusts(address):
                break
        return found

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _hops_of(field: str) -> Sequence[str]:
    """What `for` says in each element; empty where there is none, or it cannot be read."""
    return [_for_of(element) for element in _ELEMENT.findall(field)] if _is_balanced(field) else []


def _for_of(element: str) -> str:
    for part in _PART.findall(element):
        pair = _PAIR.fullmatch(part)
        if pair is not None and pair[1].lower() == "for":
            return re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2].startswith('"') else pair[2]
    return ""


def _is_balanced(field: str) -> bool:
    return '"' not in re.sub(_QUOTED, "", field)


def _address(node: str) -> Address | None:
    """The address of a node (RFC 7239 §6), with or without a port; None for `unknown` and for names made up."""
    node = node.strip()
    if node.startswith("["):
        node = node[1:].partition("]")[0]
    elif node.count(":") == 1:
        node = node.partition(":")[0]
    try:
        address = ip_address(node)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
