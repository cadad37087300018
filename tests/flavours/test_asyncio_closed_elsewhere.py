"""An awaited socket that another object closes: its descriptor's number is the next socket's at once."""

from __future__ import annotations

import pytest

from helpers import RunChild

SCRIPT = """
import asyncio, os, time, zmq, zmq.asyncio

def close_by_another(s):
    fd = s.FD
    zmq.Socket.shadow(s).close(0)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:  # the reaper closes the descriptor
        try:
            os.fstat(fd)
        except OSError:
            return fd
        time.sleep(0.001)
    raise SystemExit("not closed")

async def main():
    context = zmq.asyncio.Context()
    first = context.socket(zmq.PULL)
    first.bind("inproc://first")
    waiting = first.recv()
    if TURN:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
    fd = close_by_another(first)
    second = context.socket(zmq.PULL)
    second.bind("inproc://second")
    assert second.FD == fd, "the number was not given away"
    peer = context.socket(zmq.PUSH)
    peer.connect("inproc://second")
    received = second.recv()
    for _ in range(3):
        await asyncio.sleep(0.01)
    await peer.send(b"hello")
    assert await asyncio.wait_for(received, 20) == b"hello"
    received = second.recv()
    first.close()  # takes nobody's descriptor out of the loop
    await asyncio.sleep(0.01)
    await peer.send(b"again")
    assert await asyncio.wait_for(received, 20) == b"again"
    try:
        await asyncio.wait_for(waiting, 20)
    except zmq.ZMQError as error:
        assert error.errno == zmq.ENOTSOCK
    for one in (second, peer):
        one.close(0)
    context.term()

if UVLOOP:
    import uvloop
    loop = uvloop.new_event_loop()
else:
    loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.close()
"""


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("uvloop", [False, True])
def test_number_of_the_descriptor_is_given_to_the_next(run_child: RunChild, uvloop: bool, turn: bool) -> None:
    if uvloop:
        pytest.importorskip("uvloop")
    run_child(f"UVLOOP, TURN = {uvloop}, {turn}\n{SCRIPT}").ok()
