"""A hundred thousand sockets, made, bound, used and closed, leave resident memory flat."""

from __future__ import annotations

import zmq
from flat import expect_flat

# Closed sockets are freed by a thread of libzmq's, which may be behind by a thousand of them: a context waits for its own.
PAIRS_OF_A_CONTEXT = 50


def work(count: int) -> None:
    """Make the sockets two by two, pass one message, and close them."""
    for first in range(0, count // 2, PAIRS_OF_A_CONTEXT):
        with zmq.Context() as context:
            for number in range(first, first + PAIRS_OF_A_CONTEXT):
                with context.socket(zmq.PAIR) as left, context.socket(zmq.PAIR) as right:
                    left.bind(f"inproc://flat-{number}")
                    right.connect(f"inproc://flat-{number}")
                    left.send(b"one")
                    assert right.recv() == b"one"


expect_flat(work, 100_000)
