"""One request on its way through the house: what each step has learned of it."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from contract.fields import Fields, fields_of

if TYPE_CHECKING:
    from contract.binding import Bound
    from contract.operation import Operation

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY: Final = "contract.request"
"""Where the ASGI scope holds the `Request`, from routing on."""

REQUEST_ID: Final = "contract.request_id"
"""Where the ASGI scope holds the request's id (str), if somebody outside gave it one; the answer says it too."""


class Request:
    """One request; made by routing, filled by the steps behind it, given to the handler that asks for it."""

    __slots__ = (
        "_admitted",
        "body",
        "bound",
        "claim",
        "fields",
        "parameters",
        "path_values",
        "scope",
        "security",
        "state",
    )

    def __init__(self, scope: Scope, bound: "Bound", path_values: dict[str, str], state: Any) -> None:
        self.scope = scope
        """The ASGI scope (ASGI 3, HTTP connection scope)."""
        self.fields: Fields = fields_of(scope)
        """The header fields by name, in lower case."""
        self.bound = bound
        self.path_values = path_values
        """Values of the path's template, percent-encoded as they came."""
        self.state = state
        """What the composition root gave `build_app`: the services that handlers use."""
        self.claim: Any = None
        """What the operation's guard read from the headers, before anything was looked up."""
        self.security: dict[str, Any] = {}
        """By security scheme of the document: what its verifier returned."""
        self.parameters: Mapping[str, Any] = {}
        """By argument name: the values of the parameters that are there. Other requests may have the same."""
        self.body: Any = None
        self._admitted = bound.guard is None

    async def admit(self) -> None:
        """Have the operation's guard look the caller up, unless it has.

        Raises:
            Problem: the caller may not call the operation.
        """
        guard = self.bound.guard
        if guard is not None and not self._admitted:
            self._admitted = True
            await guard.admit(self)

    @property
    def operation(self) -> "Operation":
        """The operation that the request is for."""
        return self.bound.operation

    @property
    def request_id(self) -> str:
        """The request's id; empty if it has none."""
        request_id: str = self.scope.get(REQUEST_ID, "")
        return request_id

    @property
    def client(self) -> str:
        """The client's address as the server sees it; empty if it is not known (ASGI 3: a socket may have none)."""
        address: str = (self.scope.get("client") or ("",))[0]
        return address

    def headers(self, name: bytes) -> Sequence[bytes]:
        """Every value of a header; `name` in lower case."""
        return self.fields.get(name, ())

    def __repr__(self) -> str:
        # Headers, parameters and bodies may hold secrets.
        return f"<Request {self.operation.method} {self.operation.path}>"
