"""ZMQStream for sockets of zmq.green, in the process's first loop by default."""

from __future__ import annotations

from typing import Any

from ...eventloop import IOLoop
from ...eventloop import zmqstream as _zmqstream

__all__ = ["ZMQStream"]


class ZMQStream(_zmqstream.ZMQStream):
    """Send and receive messages by callbacks, in an IOLoop; see zmq.eventloop.zmqstream.ZMQStream.

    Args:
        socket: as there. io_loop: default IOLoop.instance().
    """

    @staticmethod
    def _default_loop() -> Any:
        return IOLoop.instance()
