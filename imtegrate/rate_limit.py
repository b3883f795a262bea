"""How much one key and one address may ask for; no limit unless one is set.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10. Each serving process counts for itself.
"""

from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time
from typing import ClassVar, Final

from contract import ASGIApp, Problem, ValidationError
from contract.errors import respond
from contract.fields import fields_of
from contract.request import Message, Receive, Scope, Send
from handlers.credentials import bearer_token

UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
"""Seconds."""

IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that stand for one client: it has the others to itself (RFC 6177 §2)."""

UNLIMITED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What a load balancer asks for, from one address, for everyone."""

KEY_POLICY: Final = "key"
ADDRESS_POLICY: Final = "address"


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests in a time."""

    requests: int
    unit: str
    """One of `UNITS`."""

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read `100/minute`.

        Raises:
            ValueError: it is written otherwise.
        """
        number, _, unit = text.strip().partition("/")
        if not (number.isascii() and number.isdecimal() and int(number) > 0 and unit in UNITS):
            raise ValueError(f"{text!r} is no rate: write 100/minute, or per {', '.join(UNITS)}")
        return cls(int(number), unit)

    @property
    def window(self) -> int:
        """Seconds."""
        return UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.requests}/{self.unit}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What one caller has left of a policy."""

    policy: str
    rate: Rate
    admitted: bool
    remaining: int
    """Requests."""
    reset: int
    """Seconds until there are `rate.requests` again."""


class TooManyRequests(Problem):
    """A key or an address has asked for as much as it may (RFC 6585 §4)."""

    status: ClassVar[HTTPStatus] = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, spent: Standing) -> None:
        loc = ("header", "Authorization") if spent.policy == KEY_POLICY else ()
        error = ValidationError(loc, f"At most {spent.rate} of one {spent.policy}", "too_many_requests")
        super().__init__(error, headers={"Retry-After": str(spent.reset)})


class RateLimit:
    """Counts requests in fixed windows, each beginning with a caller's first request, and refuses those over a rate."""

    def __init__(self, app: ASGIApp, *, key: Rate | None, address: Rate | None) -> None:
        # 0.15 s and a thread, for who asks for them.
        from limits import RateLimitItemPerSecond  # noqa: PLC0415
        from limits.storage import MemoryStorage  # noqa: PLC0415
        from limits.strategies import FixedWindowRateLimiter  # noqa: PLC0415

        self._app = app
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        rates = {KEY_POLICY: key, ADDRESS_POLICY: address}
        self._rates = {policy: rate for policy, rate in rates.items() if rate is not None}
        self._items = {
            policy: RateLimitItemPerSecond(rate.requests, rate.window, policy) for policy, rate in self._rates.items()
        }
        self._policies = ", ".join(f'"{name}";q={rate.requests};w={rate.window}' for name, rate in self._rates.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, unless its key or its address has had enough."""
        if scope["path"] in UNLIMITED:
            await self._app(scope, receive, send)
            return
        standings = [self._count(policy, who) for policy, who in _callers(scope) if policy in self._rates]
        headers = self._headers(standings)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        spent = [standing for standing in standings if not standing.admitted]
        if spent:
            longest = max(spent, key=lambda standing: standing.reset)
            await respond(TooManyRequests(longest), scope, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _count(self, policy: str, who: str) -> Standing:
        item = self._items[policy]
        admitted = self._limiter.hit(item, who)
        stats = self._limiter.get_window_stats(item, who)
        # A second at least: whoever comes back at once is refused again.
        reset = max(1, ceil(stats.reset_time - time()))
        return Standing(policy, self._rates[policy], admitted, max(0, stats.remaining), reset)

    def _headers(self, standings: list[Standing]) -> list[tuple[bytes, bytes]]:
        left = ", ".join(f'"{each.policy}";r={each.remaining};t={each.reset}' for each in standings)
        found = [(b"ratelimit-policy", self._policies.encode())]
        return [*found, (b"ratelimit", left.encode())] if left else found


def _callers(scope: Scope) -> list[tuple[str, str]]:
    """By policy: whom a request counts for. A key is told by its digest, whether anyone has such a key or not."""
    found = []
    token = fields_of(scope).read(bearer_token)
    if token is not None:
        _, digest = token
        found.append((KEY_POLICY, digest.hex()))
    client = scope.get("client")
    if client:
        found.append((ADDRESS_POLICY, _network_of(client[0])))
    return found


def _network_of(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed.packed, IPV6_PREFIX), strict=False))
    return str(parsed)
