"""A worker of the demo, one process: takes files from a PULL, gives digests to a PUSH.

    python -m zmq._cli.demo_worker NAME TASKS RESULTS MEMBERS PARENT

Its subscription to its own name on MEMBERS, an XPUB at the other end, is how it says that it is
ready; a message with that name asks it to leave.
"""

from __future__ import annotations

import json
import math
import os
import sys
from time import perf_counter

import zmq

from .demo_files import digest

# How often an idle worker looks whether its parent still lives.
ORPHAN_CHECK_MS = 1000
# A result that nobody takes must not keep an orphan alive.
LINGER_MS = 2000


def serve(name: str, tasks: str, results: str, members: str, parent: int) -> None:
    """Work until asked to leave, or until the parent is gone."""
    with (
        zmq.Context() as context,
        context.socket(zmq.PULL) as inbox,
        context.socket(zmq.PUSH) as outbox,
        context.socket(zmq.SUB) as orders,
    ):
        outbox.linger = LINGER_MS
        inbox.connect(tasks)
        outbox.connect(results)
        orders.connect(members)
        orders.subscribe(name)
        poller = zmq.Poller()
        poller.register(inbox, zmq.POLLIN)
        poller.register(orders, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(ORPHAN_CHECK_MS))
            if inbox in ready:
                header, body = inbox.recv_multipart(copy=False)
                outbox.send_json(work(name, header, body))
            elif orders in ready or os.getppid() != parent:
                return


def work(name: str, header: zmq.Frame, body: zmq.Frame) -> dict[str, object]:
    """Hash one array where libzmq received it, and describe the result."""
    about = json.loads(header.bytes)
    data = memoryview(body)
    if data.nbytes != math.prod(about["shape"]):
        raise ValueError(f"{about['path']}: {data.nbytes} bytes, but shape {about['shape']}")
    start = perf_counter()
    found = digest(data)
    return {
        "worker": name,
        "number": about["number"],
        "digest": found,
        "nbytes": data.nbytes,
        "seconds": perf_counter() - start,
    }


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
