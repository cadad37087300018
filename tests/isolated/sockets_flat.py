"""A hundred thousand sockets, made, bound, used and closed, leave resident memory flat."""

from __future__ import annotations

import errno
import time

import zmq
from flat import expect_flat

DEADLINE = 30.0


def new_socket(context: zmq.Context, kind: int) -> zmq.Socket:
    """Make a socket; libzmq frees closed ones in its own thread, which may be behind."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            return context.socket(kind)
        except zmq.ZMQError as error:
            if error.errno != errno.EMFILE or time.monotonic() > end:
                raise
            time.sleep(0.0001)  # only the interval between two tries


with zmq.Context() as context:
    # How many closed sockets wait to be freed would otherwise vary, by megabytes.
    context.set(zmq.MAX_SOCKETS, 64)

    def work(count: int) -> None:
        """Make the sockets two by two, pass one message, and close them."""
        for number in range(count // 2):
            with new_socket(context, zmq.PAIR) as left, new_socket(context, zmq.PAIR) as right:
                left.bind(f"inproc://flat-{number}")
                right.connect(f"inproc://flat-{number}")
                left.send(b"one")
                assert right.recv() == b"one"

    expect_flat(work, 100_000)
