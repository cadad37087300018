"""zmq.green: ``import zmq.green as zmq`` in a program of gevent's. What waits lets other greenlets run.

Context, Socket, Poller, select, zmq_poll, proxy and device are gevent's, and the trackers that sends return; everything else is
zmq's own. proxy_steerable() blocks the whole thread.
"""

from __future__ import annotations

from zmq import *
from zmq import __all__ as __all__
from zmq.constants import *

try:
    import gevent as _gevent
except ImportError as _error:
    raise ImportError("zmq.green needs gevent: python -m pip install 'pyzmq[gevent]'") from _error

# in place of zmq's own
from .core import Context, Socket  # type: ignore[assignment]
from .device import device, proxy  # type: ignore[assignment]
from .poll import Poller, select, zmq_poll  # type: ignore[assignment]
