"""zmq.eventloop: ZeroMQ in programs of tornado's. Extra ``tornado``."""

from __future__ import annotations

try:
    from tornado.ioloop import IOLoop as IOLoop
except ImportError as _error:
    raise ImportError("zmq.eventloop needs tornado: python -m pip install 'pyzmq[tornado]'") from _error

__all__ = ["IOLoop"]
