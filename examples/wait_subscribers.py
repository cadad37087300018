"""A publisher that waits for its subscribers instead of sleeping, and prints who comes and goes.

    python examples/wait_subscribers.py
"""

from __future__ import annotations

import threading

import zmq
from zmq.monitor import Monitor


def watch(events: Monitor) -> None:
    for event in events:
        if event.event & (zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED):
            print(f"publisher: {event}")


def subscriber(context: zmq.SyncContext, endpoint: str, topic: str) -> None:
    with context.socket(zmq.SUB) as sub:
        sub.connect(endpoint)
        sub.subscribe(topic)
        print(f"{topic}: {sub.recv_string()}")


def main() -> None:
    with zmq.Context() as context:
        with context.socket(zmq.PUB) as pub:
            watching = threading.Thread(target=watch, args=(pub.monitor_events(),))
            watching.start()
            pub.bind("tcp://127.0.0.1:*")
            endpoint = pub.last_endpoint.decode()
            topics = ("news", "weather")
            subscribers = [threading.Thread(target=subscriber, args=(context, endpoint, topic)) for topic in topics]
            for thread in subscribers:
                thread.start()
            for topic in topics:
                pub.wait_subscribers(topic, timeout=5000)
                pub.send_string(f"{topic}: nothing was lost")
            for thread in subscribers:
                thread.join()
        watching.join()


if __name__ == "__main__":
    main()
