"""How connections are accepted: none is forgotten at the end."""

import asyncio
import socket

import uvicorn
from uvicorn.server import ServerState

from imtegrate.accepting import Accepting
from imtegrate.listening import listen
from imtegrate.protocol import Protocol


async def _application(_scope: object, _receive: object, _send: object) -> None:
    """Answers nobody."""


def test_who_is_accepted_as_the_service_ends_is_let_go() -> None:
    """A connection that was accepted, and not yet known to the server when it told all to end, is closed."""

    async def scenario() -> None:
        state = ServerState()
        loop = asyncio.get_running_loop()
        with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as client:
            accepting = Accepting(loop, listener, lambda: Protocol(uvicorn.Config(_application), state, {}))
            accepting._accept()  # noqa: SLF001 - in the very turn in which the end comes
            accepting.close()
            await accepting.wait_closed()
            client.setblocking(False)
            assert await asyncio.wait_for(loop.sock_recv(client, 1), 5) == b""
            assert not state.connections

    asyncio.run(scenario())
