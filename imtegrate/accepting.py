"""Accepts connections, many in one turn of the loop.

uvloop's own server accepts one a turn (libuv's `uv__server_io`), and a turn is as long as all that has come takes: of a
thousand clients at once the last waited for seconds, connected and unheard.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

from imtegrate.protocol import Protocol

logger = logging.getLogger("imtegrate")

BURST: Final = 64
"""Connections accepted in one turn: those that are there already wait no longer than 5 ms for it."""

SHARE: Final = 1
"""The same where other processes accept from the socket too: whoever is awake first would leave them nothing."""

PAUSE: Final = 1.0
"""Seconds until it is tried again where the system has nothing left for another connection; as asyncio does."""

_GIVEN_UP: Final = {errno.ECONNABORTED, errno.EPROTO}
"""The client has left before it was accepted (accept(2)): the next one may be there."""


class Accepting:
    """Takes in who comes to a listening socket; stands for an `asyncio.Server` among uvicorn's."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        make_protocol: Callable[[], Protocol],
        burst: int = BURST,
    ) -> None:
        """Begin; each connection gets a protocol of its own, and a turn accepts no more than `burst`."""
        self._burst = burst
        self._loop = loop
        self._listener = listener
        self._make_protocol = make_protocol
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False
        listener.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Accept no more; the socket is its maker's to close."""
        self._closed = True
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """Wait for nothing: no connection depends on it."""

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(self._burst):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _GIVEN_UP:
                    continue
                logger.error("no further connection can be accepted: %s", error.strerror)  # noqa: TRY400 - it says it all
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(PAUSE, self._resume)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(connection))
            # The loop itself holds tasks only weakly.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            _, protocol = await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:
            # Its client is gone.
            connection.close()
        else:
            if self._closed:
                # The server has told those that it knew to end; this one came between.
                protocol.shutdown()
