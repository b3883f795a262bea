"""Answers that are written together stay each client's own matter."""

import asyncio
import socket
from typing import Any

import pytest
import uvloop

from imtegrate.gathering import Gathering, Outbox


async def _connected(loop: asyncio.AbstractEventLoop) -> tuple[Any, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    return transport, theirs


@pytest.mark.parametrize("lingers", [False, True], ids=["gone", "half closed"])
def test_who_has_left_costs_nobody_an_answer(*, lingers: bool) -> None:
    """What is written to a connection that has ended is dropped; those written in the same turn get theirs."""

    async def scenario() -> bytes:
        loop = asyncio.get_running_loop()
        outbox = Outbox(loop)
        (left, first), (stays, second) = await _connected(loop), await _connected(loop)
        gone, there = (Gathering(transport, outbox, lambda: lingers) for transport in (left, stays))
        with first, second:
            if lingers:
                gone.close()
            else:
                left.abort()
                await asyncio.sleep(0.01)  # uvloop closes the handle in a later turn
            gone.write(b"nobody's")
            there.write(b"an answer")
            received = await loop.run_in_executor(None, second.recv, 100)
            left.abort()
            stays.abort()
        return received

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario()) == b"an answer"
