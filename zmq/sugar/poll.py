"""Old import path of Poller and select."""

from .._core.poll import zmq_poll
from .._poller import POLLERR, POLLIN, POLLOUT, Poller, select

__all__ = ["POLLERR", "POLLIN", "POLLOUT", "Poller", "select", "zmq_poll"]
