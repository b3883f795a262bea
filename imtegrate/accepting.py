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

logger = logging.getLogger("imtegrate")

BURST: Final = 64
"""Connections accepted in one turn: those that are there already wait no longer than 5 ms for it, and other processes
that share the socket get their part."""

PAUSE: Final = 1.0
"""Seconds until it is tried again where the system has nothing left for another connection; as asyncio does."""

_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Accepting:
    """Takes in who comes to a listening socket; stands for an `asyncio.Server` among uvicorn's."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        """Begin; each connection gets a protocol of its own."""
        self._loop = loop
        self._listener = listener
        self._make_protocol = make_protocol
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Accept no more; the socket is its maker's to close."""
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """Wait for nothing: no connection depends on it."""

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(BURST):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    logger.error("no further connection can be accepted: %s", error.strerror)  # noqa: TRY400 - it says it all
                    self._loop.remove_reader(self._listener)
                    self._pause = self._loop.call_later(PAUSE, self._resume)
                    return
                # It was given up before it was accepted (accept(2)).
                continue
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(connection))
            # The loop itself holds tasks only weakly.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:
            # Its client is gone.
            connection.close()
