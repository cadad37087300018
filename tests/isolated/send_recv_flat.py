"""Ten million plain send + recv leave resident memory flat."""

from __future__ import annotations

import zmq
from flat import expect_flat

with zmq.Context() as context, context.socket(zmq.PAIR) as left, context.socket(zmq.PAIR) as right:
    left.bind("inproc://flat")
    right.connect("inproc://flat")

    def work(count: int) -> None:
        """Send and receive one small message at a time."""
        for number in range(count):
            left.send(b"%16d" % number)
            right.recv()

    expect_flat(work, 10_000_000)
