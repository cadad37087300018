"""tornado's IOLoop by names of old; deprecated: import tornado.ioloop."""

from __future__ import annotations

from builtins import TimeoutError as TimeoutError
from logging import Logger

import tornado.log
from tornado.ioloop import IOLoop, PeriodicCallback

from .._warnings import warn_deprecated

__all__ = ["IOLoop", "PeriodicCallback", "TimeoutError", "ZMQIOLoop", "app_log", "install"]

warn_deprecated("zmq.eventloop.ioloop is deprecated: use tornado.ioloop, any loop of which will do")

ZMQIOLoop = IOLoop
app_log: Logger = tornado.log.app_log


def install() -> None:
    """Do nothing; deprecated: any loop of tornado's will do."""
    warn_deprecated("zmq.eventloop.ioloop.install() is deprecated: any loop of tornado's will do")
