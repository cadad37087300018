"""A device: a proxy in a thread between those who have work and those who do it, paused and ended by commands.

Producers and workers know only the device's two addresses, so that both may come and go. What it
passes on, its third socket publishes; the fourth takes PAUSE, RESUME, TERMINATE and STATISTICS.
"""

from __future__ import annotations

import struct

import zmq
from zmq.devices import ThreadProxySteerable

HOST = "tcp://127.0.0.1"


def main() -> None:
    """Send work through the device, hold it back for a while, and ask what has passed."""
    device = ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.REP)
    front = device.bind_in_to_random_port(HOST)
    back = device.bind_out_to_random_port(HOST)
    steering = device.bind_ctrl_to_random_port(HOST)
    device.start()

    context = zmq.Context.instance()
    producer, worker, control = (context.socket(kind) for kind in (zmq.PUSH, zmq.PULL, zmq.REQ))
    with producer, worker, control:
        producer.connect(f"{HOST}:{front}")
        worker.connect(f"{HOST}:{back}")
        control.connect(f"{HOST}:{steering}")

        for number in range(3):
            producer.send_string(f"job {number}")
        print("worker got", [worker.recv_string() for _ in range(3)])

        control.send(b"PAUSE")
        control.recv()
        producer.send_string("a job that has to wait")
        print("while paused:", "a job" if worker.poll(100) else "nothing")
        control.send(b"RESUME")
        control.recv()
        print("worker got", worker.recv_string())

        control.send(b"STATISTICS")
        received = struct.unpack("=Q", control.recv_multipart()[0])[0]
        print("messages through the device:", received)
        control.send(b"TERMINATE")
        control.recv()
    device.join()
    context.term()


if __name__ == "__main__":
    main()
