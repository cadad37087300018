"""Chat over ROUTER/DEALER with asyncio: a server that passes on what it hears, and clients that talk and listen at once.

The identity that ROUTER puts before a message names its author, and leads an answer to its reader.
"""

from __future__ import annotations

import asyncio

import zmq
import zmq.asyncio

NAMES = ("Ada", "Edsger", "Grace")
LINES = ("hello", "how are you?", "bye")


async def serve(router: zmq.asyncio.Socket) -> None:
    """Say when everybody is there, then pass on every line to all but its author."""
    members: set[bytes] = set()
    while len(members) < len(NAMES):
        author, _ = await router.recv_multipart()
        members.add(author)
    for member in members:
        await router.send_multipart([member, b"server", b"all are here"])
    async for author, line in router.iter_multipart():
        for member in members - {author}:
            await router.send_multipart([member, author, line])


async def listen(dealer: zmq.asyncio.Socket) -> list[str]:
    """What the others say, until each of them said goodbye."""
    heard = []
    goodbyes = 0
    async for author, line in dealer.iter_multipart():
        heard.append(f"{author.decode()}: {line.decode()}")
        goodbyes += line == LINES[-1].encode()
        if goodbyes == len(NAMES) - 1:
            break
    return heard


async def chat(context: zmq.asyncio.Context, endpoint: str, name: str) -> None:
    """Come in, wait until all are here, talk, and listen meanwhile."""
    async with context.socket(zmq.DEALER) as dealer:
        dealer.identity = name.encode()
        dealer.connect(endpoint)
        await dealer.send(b"")
        await dealer.recv_multipart()
        listening = asyncio.create_task(listen(dealer))
        for line in LINES:
            await dealer.send_string(line)
        heard = await listening
    print(f"{name} heard {len(heard)} lines: {', '.join(sorted(heard))}")


async def main() -> None:
    """One server and its clients in one event loop."""
    async with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as router:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        serving = asyncio.create_task(serve(router))
        await asyncio.gather(*(chat(context, f"tcp://127.0.0.1:{port}", name) for name in NAMES))
        serving.cancel()


if __name__ == "__main__":
    asyncio.run(main())
