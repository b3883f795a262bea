"""uvicorn's HTTP/1.1 protocol within limits: who is slow, large or unreadable is refused in the one error shape.

Whatever is refused here ends its connection: where the next request would begin is not known (RFC 9112 §11.2).
"""

from asyncio import Transport, get_running_loop
from http import HTTPStatus
from math import inf
from typing import Any, Final, cast

import httptools
import uvicorn
from uvicorn._types import ASGIVersions, HTTPScope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.utils import get_remote_addr

from contract import Problem
from contract.problem import RequestTimeout, render
from contract.request import REQUEST_ID
from contract.sending import REQUEST_ID_HEADER, STATUS
from imtegrate.cycle import Cycle
from imtegrate.gathering import Gathering, outbox_of
from imtegrate.heads import Head, head_of
from imtegrate.last_body import LastBody
from imtegrate.limits import (
    MAX_FIELDS,
    MAX_HEAD,
    MAX_TARGET,
    SPARE,
    BadRequest,
    HeaderFieldsTooLarge,
    Limits,
    TooManyConnections,
    URITooLong,
)
from imtegrate.refusals import REFUSALS, Refusals, id_for
from imtegrate.sweeping import sweeper_of
from imtegrate.targets import read_path, read_target
from imtegrate.turns import Turns

LINGER: Final = 2.0
"""Seconds in which a client that still sends can read why it was refused: closing at once would reset it."""

LEAVE: Final = 5.0
"""Seconds that a client has to end its request, or to read its answer, once the service was asked to end."""

_ONE_HOST: Final = "There should be one Host (RFC 9112, section 3.2)."
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_NO_VERSION: Final = "The version should be HTTP/1.1 (RFC 9112, section 2.3)."
_FRAMING: Final = frozenset({b"expect", b"host", b"transfer-encoding"})
_UNTOLD: Final = Refusals()
_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})
_ASGI: Final[ASGIVersions] = {"version": "3.0", "spec_version": "2.3"}


class Config(uvicorn.Config):
    """uvicorn's, with the limits of connections."""

    limits = Limits()


class Protocol(Turns):
    """One connection."""

    def __init__(self, config: uvicorn.Config, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self._limits = config.limits if isinstance(config, Config) else Limits()
        self._sweeper = sweeper_of(get_running_loop())
        self.deadline = inf
        """When `expire` is called, by the sweeper's clock."""
        self._has_head = False
        """Whether every header field of what is arriving is there, good or bad."""
        self._has_host = False
        self._head: Head | None = None
        """Of the last request that came in one piece."""
        self._begun = 0
        """Requests that begin in what comes."""
        self._stalled_size = 0
        """Bytes since a request or a piece of its body began."""
        self._packet_size = 0

    # ---- the connection

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        gathering = cast("Transport", Gathering(transport, outbox_of(self.loop), self._linger))
        self._sweeper.watch(self)
        if len(self.connections) >= self._limits.max_connections:
            self.transport = gathering
            self.client = get_remote_addr(transport)
            self.arriving = True  # a request is on its way, most likely
            self.end(TooManyConnections())
            return
        super().connection_made(gathering)
        self.deadline = self._sweeper.now + self._limits.request_timeout

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, whoever closed it."""
        self._sweeper.forget(self)
        super().connection_lost(exc)

    def expire(self) -> None:
        """Let go of a client that took too long."""
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if self.ended:
            self.transport.abort()
        elif self.flow.write_paused:
            # It does not read its answer.
            self.transport.abort()
        elif self.flow.read_paused or (answering and (self.in_head or not cycle.more_body or cycle.response_started)):
            # It waits for us.
            self.deadline = self._sweeper.now + self._limits.request_timeout
        elif self.in_head or answering:
            self.refuse(RequestTimeout())
        else:
            self.ended = True
            self.transport.close()

    def shutdown(self) -> None:
        """The service ends: what came whole is answered, and who stalls is waited for no longer than `LEAVE`."""
        super().shutdown()
        self.deadline = min(self.deadline, self._sweeper.now + LEAVE)

    def pause_writing(self) -> None:
        """The client does not keep up with reading."""
        super().pause_writing()
        self.deadline = self._sweeper.now + self._limits.request_timeout

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self.settle()

    # ---- what comes

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self.ended:
            return
        head = self._head
        if (
            head is not None
            and len(data) == head.size
            and not self.arriving
            and not self.unread
            and data.startswith(head.text)
        ):
            self._repeat(head, data)
            return
        self.receive(data)

    def read(self, data: bytes) -> None:
        """Read bytes as requests, all of them."""
        is_first = not self.arriving
        self._begun = 0
        self._packet_size = len(data)
        self._stalled_size += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest, self.unread = data[upgrade.args[0] :] + self.unread, b""
            self._decline(rest)
        except httptools.HttpParserError as error:
            if self.ended:
                return
            problem = error.__context__
            self.refuse(problem if isinstance(problem, Problem) else BadRequest("Invalid HTTP request received."))
        else:
            if is_first and self._begun == 1 and not self.arriving:
                self._head = head_of(data, self.cycle)
            elif self.arriving and self._stalled_size > MAX_HEAD + self._packet_size:
                is_target = self.in_head and not self.headers and len(self.url) > MAX_TARGET
                self.refuse(URITooLong() if is_target else HeaderFieldsTooLarge())

    def on_message_begin(self) -> None:
        """The first byte of a request is here."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._begun += 1
        self.arriving = self.in_head = True
        self._has_head = self._has_host = False
        self._stalled_size = self._packet_size
        self.deadline = self._sweeper.now + self._limits.request_timeout

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field is whole. Trailer fields are passed over (RFC 9110 §6.5.1): they are no header fields."""
        if not self.in_head:
            return
        name = name.lower()
        if name in _FRAMING:
            self._frame(name, value)
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._has_head = True
        if len(self.url) > MAX_TARGET:
            raise URITooLong
        if len(self.headers) > MAX_FIELDS:
            raise HeaderFieldsTooLarge
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            raise BadRequest(_NO_VERSION)
        if not self._has_host and version != "1.0":
            raise BadRequest(_ONE_HOST)
        # The size is looked at only where it may be too large.
        if self._stalled_size > MAX_HEAD and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            raise HeaderFieldsTooLarge
        if not self.url.startswith(b"/"):
            self.url, host = read_target(self.parser.get_method(), self.url)
            self.headers[:] = [(b"host", host), *(field for field in self.headers if field[0] != b"host")]
        self.in_head = False
        self._begin(version)

    def on_body(self, body: bytes) -> None:
        """A piece of the body is here."""
        self._stalled_size = self._packet_size
        cycle = self.cycle
        if not cycle.response_complete and cycle.arrive(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The last byte of a request is here."""
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        self.arriving = self._has_head = False
        self.settle()

    def end_reading(self) -> None:
        """Take no more requests from now on."""
        self.ended = True

    def _begin(self, version: str) -> None:
        """Have the application answer a request whose head is whole, once those before it are answered."""
        path, raw_path, query = read_path(self.url)
        scope: HTTPScope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme,  # type: ignore[typeddict-item] # set when the connection is made
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
            "state": self.app_state.copy(),
        }
        self._serve(scope, keep_alive=version != "1.0" and self.parser.should_keep_alive())

    def _serve(self, scope: HTTPScope, *, keep_alive: bool) -> None:
        if not keep_alive:
            self._head = None
        before = self.cycle
        self.cycle = cycle = Cycle(self, scope, keep_alive=keep_alive)
        if before is None or before.response_complete:
            cycle.start(self.loop, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _repeat(self, head: Head, data: bytes) -> None:
        """Take a request whose head is the last one's to the byte: what was read of that holds for this."""
        self._packet_size = self._stalled_size = len(data)
        self.expect_100_continue = False  # that of a request which came in pieces meanwhile
        self._serve(head.scope_for(self.app_state), keep_alive=True)
        if len(data) > len(head.text):
            self.cycle.arrive(data[len(head.text) :])
        self.cycle.more_body = False
        self.settle()

    def settle(self) -> None:
        """Set the deadline anew, where no request is arriving."""
        if self.ended:
            self.deadline = inf if self.refusal is not None else self.deadline
        elif not self.arriving:
            idle = self.cycle is None or self.cycle.response_complete
            self.deadline = self._sweeper.now + self._limits.keep_alive_timeout if idle else inf

    def _frame(self, name: bytes, value: bytes) -> None:
        """Take a field that says how the request is to be read."""
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name == b"host":
            if self._has_host:
                raise BadRequest(_ONE_HOST)
            self._has_host = True
        elif value.strip().lower() != b"chunked":
            raise BadRequest("The one transfer coding is chunked (RFC 9112, section 6.1).")

    def _decline(self, rest: bytes) -> None:
        """Answer as if no other protocol had been asked for (RFC 9110 §7.8); what follows the request counts for none.

        The parser stops at the end of the head then: another one reads the body.
        """
        self.cycle.keep_alive = False
        framing = [b"%b: %b\r\n" % field for field in self.headers if field[0] in _LENGTHS]
        if not framing:
            self.ended = True
            return
        self.cycle.more_body = self.arriving = True
        self.deadline = self._sweeper.now + self._limits.request_timeout
        self.parser = httptools.HttpRequestParser(LastBody(self))
        self.data_received(b"".join([b"POST / HTTP/1.1\r\nConnection: close\r\n", *framing, b"\r\n", rest]))

    # ---- refusals

    def refuse(self, problem: Problem) -> None:
        """Answer what cannot be answered as a request, when its turn has come, and end the connection."""
        self.ended = True
        cycle = self.cycle
        is_body = self.arriving and not self.in_head
        if not is_body and (cycle is None or cycle.response_complete):
            self.end(problem)
        elif not is_body:
            self._refuse_later(problem)
        elif self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
            self._refuse_later(problem)
        elif cycle.response_started:
            # It has its answer; what is wrong came after.
            self.end(None)
        else:
            # The application has it in hand: its middleware counts and logs it, under the same id.
            scope = cast("dict[str, Any]", cycle.scope)
            scope[STATUS] = problem.status
            cycle.disconnected = True
            cycle.message_event.set()
            self._say(problem, scope.setdefault(REQUEST_ID, id_for(self.headers)))
            self.end(None)

    def _refuse_later(self, problem: Problem) -> None:
        """Refuse once the requests before are answered (RFC 9112 §9.3.2)."""
        self.refusal = problem
        self.deadline = inf

    def end(self, problem: Problem | None) -> None:
        """End the connection, with a word why where there is one."""
        self.ended = True
        if problem is not None:
            request_id = id_for(self.headers if self._has_head else ())
            self._say(problem, request_id)
            refusals: Refusals = self.app_state.get(REFUSALS, _UNTOLD)
            refusals.tell(problem.status, problem.errors[0].type, request_id, self.client[0] if self.client else "")
        self.transport.close()

    def _say(self, problem: Problem, request_id: str) -> None:
        status, headers, body = render(problem)
        headers.append((REQUEST_ID_HEADER, request_id.encode("ascii")))
        head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        head += [name + b": " + value for name, value in (*self.server_state.default_headers, *headers)]
        self.transport.write(b"\r\n".join([*head, b"", body]))

    def _linger(self) -> bool:
        """Whether the connection is to be closed only when the client has closed it, or `LINGER` is over."""
        self.deadline = self._sweeper.now + LINGER
        self.connections.discard(self)
        lingers = (
            not self.has_eof
            and (self.arriving or self.ended)
            and len(self._sweeper) <= self._limits.max_connections + SPARE
        )
        self.ended = True
        if lingers and self.flow is not None and self.flow.read_paused:
            self.flow.resume_reading()
        return lingers
