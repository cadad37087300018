"""A receive that waits costs less than 1.5 KiB, and nothing once it was cancelled."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import zmq
import zmq.asyncio

COUNT = 10_000
MOST = 1536  # bytes


async def main() -> None:
    async with zmq.asyncio.Context() as context, context.socket(zmq.PULL) as socket, context.socket(zmq.PUSH) as peer:
        socket.bind("inproc://waiting")
        peer.connect("inproc://waiting")
        socket.recv()
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        futures = [socket.recv() for _ in range(COUNT)]
        each = (tracemalloc.get_traced_memory()[0] - before) / COUNT
        print(f"{each:.0f} bytes")
        assert each < MOST, each
        for future in futures:
            future.cancel()
        del futures, future
        # they are forgotten when a message comes by
        await peer.send_many([b""] * 2)
        await socket.recv()
        gc.collect()
        left = (tracemalloc.get_traced_memory()[0] - before) / COUNT
        assert left < 20, left


asyncio.run(main())
