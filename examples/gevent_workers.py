"""PUSH/PULL with gevent: greenlets share one socket, and one that takes too long is stopped without losing a message."""

from __future__ import annotations

from collections import Counter

import gevent
import zmq.green as zmq

JOBS = 20


def work(name: str, jobs: zmq.Socket, done: Counter[str]) -> None:
    """Take jobs from a socket that others read too."""
    while True:
        number = jobs.recv_json()
        gevent.sleep(0.001)
        done[name] += 1
        print(f"{name} did job {number}")


def main() -> None:
    """Hand out the jobs, stop one worker in between, and wait for the others."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
        done: Counter[str] = Counter()
        workers = [gevent.spawn(work, name, pull, done) for name in ("ada", "bob", "eve")]
        gevent.sleep(0)
        workers.pop().kill()  # it waits for a message: whatever comes now is the others'
        for number in range(JOBS):
            push.send_json(number)
        with gevent.Timeout(10):
            while sum(done.values()) < JOBS:
                gevent.sleep(0.01)
        gevent.killall(workers)
        print(f"{sum(done.values())} jobs done, none lost")


if __name__ == "__main__":
    main()
