"""REQ/REP: a client asks, a server answers, strictly in turn."""

from __future__ import annotations

import threading

import zmq


def serve(socket: zmq.Socket, requests: int) -> None:
    """Answer so many requests with their text in capitals."""
    with socket:
        for _ in range(requests):
            socket.send_string(socket.recv_string().upper())


def main() -> None:
    """Ask a few questions over TCP."""
    questions = ["who", "what", "why"]
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        server = context.socket(zmq.REP)
        port = server.bind_to_random_port("tcp://127.0.0.1")
        # A socket may move to another thread; it must not be used by two at a time.
        thread = threading.Thread(target=serve, args=(server, len(questions)))
        thread.start()
        client.connect(f"tcp://127.0.0.1:{port}")
        for question in questions:
            client.send_string(question)
            print(f"{question} -> {client.recv_string()}")
        thread.join()


if __name__ == "__main__":
    main()
