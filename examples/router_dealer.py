"""ROUTER/DEALER: a server that answers many clients at once, each when its answer is ready.

A ROUTER puts the identity of the sender before every message that it receives, and sends each
message to the identity in its first frame. A DEALER has no turns: it may ask all its questions
before it reads an answer, so a number in the message says to which question an answer belongs.
"""

from __future__ import annotations

import threading

import zmq

CLIENTS = 3
QUESTIONS = 4


def ask(context: zmq.Context, endpoint: str, client: int) -> None:
    """Send every question, then take the answers in the order in which they come."""
    with context.socket(zmq.DEALER) as socket:
        socket.connect(endpoint)
        for number in range(QUESTIONS):
            socket.send_multipart([str(number).encode(), f"client {client}".encode()])
        answers = {}
        for _ in range(QUESTIONS):
            tag, answer = socket.recv_multipart()
            answers[int(tag)] = answer.decode()
        print(f"client {client}: {[answers[number] for number in range(QUESTIONS)]}")


def main() -> None:
    """Collect all questions first, then answer them last come, first served."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server:
        port = server.bind_to_random_port("tcp://127.0.0.1")
        endpoint = f"tcp://127.0.0.1:{port}"
        clients = [
            threading.Thread(target=ask, args=(context, endpoint, client))
            for client in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        questions = [server.recv_multipart() for _ in range(CLIENTS * QUESTIONS)]
        for identity, number, text in reversed(questions):
            server.send_multipart([identity, number, text + b", answer " + number])
        for client in clients:
            client.join()


if __name__ == "__main__":
    main()
