"""Old paths of tornado's loop under gevent: zmq.eventloop's names."""

from __future__ import annotations

from ...eventloop import IOLoop as IOLoop

__all__ = ["IOLoop"]
