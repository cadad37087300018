"""PUSH/PULL: numpy arrays to a worker process and sums back, without copying an array in Python.

The sender's `copy=False` hands the array's own memory to libzmq, and the tracker tells when that
memory may be changed again. The receiver's `copy=False` gives a Frame, over which `frombuffer`
makes an array in place.
"""

from __future__ import annotations

import multiprocessing

import numpy
import zmq

ARRAYS = 8
SHAPE = (512, 512)


def work(tasks: str, results: str) -> None:
    """Sum every array that comes, until the empty message."""
    with (
        zmq.Context() as context,
        context.socket(zmq.PULL) as inbox,
        context.socket(zmq.PUSH) as outbox,
    ):
        inbox.connect(tasks)
        outbox.connect(results)
        while True:
            header, *body = inbox.recv_multipart(copy=False)
            if not body:
                return
            about = header.bytes.decode()
            array = numpy.frombuffer(body[0].buffer, dtype=about).reshape(SHAPE)
            outbox.send_json(float(array.sum()))


def main() -> None:
    """Send the arrays, reuse their memory when the tracker allows, collect the sums."""
    with (
        zmq.Context() as context,
        context.socket(zmq.PUSH) as outbox,
        context.socket(zmq.PULL) as inbox,
    ):
        outbox.bind("tcp://127.0.0.1:*")
        inbox.bind("tcp://127.0.0.1:*")
        endpoints = [socket.last_endpoint.decode() for socket in (outbox, inbox)]
        worker = multiprocessing.get_context("spawn").Process(target=work, args=endpoints)
        worker.start()
        array = numpy.empty(SHAPE, numpy.float64)
        for number in range(ARRAYS):
            array.fill(number)
            parts = [array.dtype.str.encode(), array]
            tracker = outbox.send_multipart(parts, copy=False, track=True)
            tracker.wait()  # before the next round writes into the same memory
        outbox.send(b"")
        sums = [inbox.recv_json() for _ in range(ARRAYS)]
        worker.join()
    print(f"sums: {sums}")
    assert sums == [number * SHAPE[0] * SHAPE[1] for number in range(ARRAYS)]


if __name__ == "__main__":
    main()
