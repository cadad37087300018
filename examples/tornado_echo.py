"""REQ/REP with tornado: a server made of callbacks, and a client that asks it."""

from __future__ import annotations

import asyncio

import zmq
from zmq.eventloop.zmqstream import ZMQStream

QUESTIONS = 5


async def main() -> None:
    """Server and client in one loop."""
    with zmq.Context() as context, context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
        client.connect(f"tcp://127.0.0.1:{server.bind_to_random_port('tcp://127.0.0.1')}")
        answers, questions = ZMQStream(server), ZMQStream(client)
        answers.on_recv(lambda frames: answers.send_multipart([b"echo", *frames]))

        came: asyncio.Queue[list[bytes]] = asyncio.Queue()
        questions.on_recv(came.put_nowait)
        for number in range(QUESTIONS):
            questions.send_string(f"question {number}")
            print(b" ".join(await came.get()).decode())

        questions.close()
        answers.close()


if __name__ == "__main__":
    asyncio.run(main())
