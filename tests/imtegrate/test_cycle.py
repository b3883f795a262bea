"""What our request cycle relies on in uvicorn's, and how whole bodies and answers pass it."""

import asyncio
import inspect

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from imtegrate.cycle import Cycle
from imtegrate.protocol import Protocol


async def _application(_scope: object, _receive: object, _send: object) -> None:
    """Answers nobody."""


async def _made() -> Cycle:
    protocol = Protocol(uvicorn.Config(_application), ServerState(), {})
    return Cycle(protocol, {}, keep_alive=True)  # type: ignore[typeddict-item] # the scope matters not


def test_a_cycle_has_all_that_uvicorns_has() -> None:
    """Every attribute that the constructor of uvicorn's sets is there, with the same value where that is fixed."""
    arguments = dict.fromkeys(inspect.signature(RequestResponseCycle).parameters)
    theirs = vars(RequestResponseCycle(**arguments))  # type: ignore[arg-type] # what they are is not looked at
    ours = asyncio.run(_made())
    assert [name for name in theirs if not hasattr(ours, name)] == []
    given = {*arguments, "waiting_for_100_continue"}
    fixed = {name: value for name, value in theirs.items() if name not in given}
    assert {name: getattr(ours, name) for name in fixed} == fixed | {"body": b""}


def test_a_body_in_pieces_is_taken_whole() -> None:
    """Pieces are put together, and given at once only when the last is there, to who asks the server itself."""

    async def scenario() -> None:
        cycle = await _made()
        assert [cycle.arrive(piece) for piece in (b"a", b"bc", b"d")] == [1, 3, 4]
        assert cycle.take(cycle.receive) is None
        cycle.more_body = False

        async def listening() -> object:
            return await cycle.receive()

        assert cycle.take(listening) is None  # type: ignore[arg-type] # what it would give matters not
        assert cycle.take(cycle.receive) == b"abcd"

    asyncio.run(scenario())


def test_who_took_the_body_hears_of_the_end_next() -> None:
    """After a body that was taken whole no message comes of it: what is received next is that the client has left."""

    async def scenario() -> object:
        cycle = await _made()
        cycle.flow = FlowControl(asyncio.Transport())
        cycle.arrive(b"all")
        cycle.more_body = False
        assert cycle.take(cycle.receive) == b"all"
        receiving = asyncio.ensure_future(cycle.receive())
        await asyncio.sleep(0)
        assert not receiving.done()
        cycle.disconnected = True
        cycle.message_event.set()
        return await receiving

    assert asyncio.run(scenario()) == {"type": "http.disconnect"}
