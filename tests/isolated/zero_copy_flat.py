"""A million zero-copy sends, each received as a frame, leave resident memory flat.

Every other frame is tracked and the buffers change, so that trackers, exports and frames are all
made and released.
"""

from __future__ import annotations

import zmq
from flat import expect_flat

SIZE = 1 << 17

with zmq.Context() as context, context.socket(zmq.PAIR) as left, context.socket(zmq.PAIR) as right:
    left.bind("inproc://flat")
    right.connect("inproc://flat")
    buffers = [bytearray(SIZE) for _ in range(8)]

    def work(count: int) -> None:
        """Send buffers in turn; a frame that is not released would keep its buffer exported."""
        for number in range(count):
            tracker = left.send(buffers[number % 8], copy=False, track=number % 2 == 0)
            frame = right.recv(copy=False)
            assert len(frame) == SIZE
            del frame
            if tracker is not None:
                tracker.wait(30)

    expect_flat(work, 1_000_000)
    # Nothing is exported any more, or this would be a BufferError.
    for buffer in buffers:
        buffer.append(0)
