"""PUB/SUB: one publisher, two subscribers with different topics, in three threads.

A subscriber that connects late misses what was published before. The publisher is therefore an
XPUB, which receives every subscription, and begins when all are there.
"""

from __future__ import annotations

import threading

import zmq

TOPICS = ("weather", "news")
ROUNDS = 3


def subscribe(context: zmq.Context, endpoint: str, topic: str) -> None:
    """Print what comes on a topic, until its empty last message."""
    with context.socket(zmq.SUB) as socket:
        socket.connect(endpoint)
        socket.subscribe(topic)
        while True:
            name, text = socket.recv_multipart()
            if not text:
                return
            print(f"{name.decode()}: {text.decode()}")


def main() -> None:
    """Publish a few messages on every topic."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        endpoint = f"tcp://127.0.0.1:{port}"
        subscribers = [
            threading.Thread(target=subscribe, args=(context, endpoint, topic)) for topic in TOPICS
        ]
        for subscriber in subscribers:
            subscriber.start()
        for _ in TOPICS:
            socket.recv()  # a subscription: a byte 1 and the topic
        for number in range(ROUNDS):
            for topic in TOPICS:
                socket.send_multipart([topic.encode(), f"number {number}".encode()])
        for topic in TOPICS:
            socket.send_multipart([topic.encode(), b""])
        for subscriber in subscribers:
            subscriber.join()


if __name__ == "__main__":
    main()
