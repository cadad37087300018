"""PUB/SUB with asyncio: a ticker, a reader with ``async for``, and an end at Ctrl-C that leaves nothing behind.

Ctrl-C cancels the program's main task, so that every `async with` and `finally` on the way out runs, and sockets and context are
closed. Without it the program ends by itself after a few ticks; ``--forever`` leaves the end to Ctrl-C.
"""

from __future__ import annotations

import asyncio
import sys

import zmq
import zmq.asyncio

TICKS = 10


async def publish(pub: zmq.asyncio.Socket) -> None:
    """Publish a number every now and then."""
    number = 0
    while True:
        number += 1
        await pub.send_multipart([b"tick", str(number).encode()])
        await asyncio.sleep(0.02)


async def read(sub: zmq.asyncio.Socket, limit: int | None) -> int:
    """Print what comes; how many that were."""
    count = 0
    async for topic, number in sub.iter_multipart():
        print(f"{topic.decode()} {number.decode()}")
        count += 1
        if count == limit:
            break
    return count


async def main(limit: int | None) -> None:
    """Publisher and reader in one event loop."""
    async with zmq.asyncio.Context() as context, context.socket(zmq.PUB) as pub, context.socket(zmq.SUB) as sub:
        pub.linger = 0
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        sub.subscribe("tick")
        publishing = asyncio.create_task(publish(pub))
        try:
            print(f"read {await read(sub, limit)} ticks")
        finally:
            publishing.cancel()


if __name__ == "__main__":
    try:
        asyncio.run(main(None if "--forever" in sys.argv else TICKS))
    except KeyboardInterrupt:
        print("interrupted")
