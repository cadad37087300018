"""zmq.eventloop.ioloop under gevent; deprecated: use tornado.ioloop."""

from __future__ import annotations

from ...eventloop.ioloop import IOLoop, PeriodicCallback, TimeoutError, ZMQIOLoop, app_log, install

__all__ = ["IOLoop", "PeriodicCallback", "TimeoutError", "ZMQIOLoop", "app_log", "install"]
