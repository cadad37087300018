"""MonitoredQueue: a proxy device whose copies have a first frame that says from which side they came."""

from __future__ import annotations

from .._core.proxy import monitored_queue
from ..constants import SocketType
from .proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy

__all__ = ["MonitoredQueue", "ProcessMonitoredQueue", "ThreadMonitoredQueue"]


class MonitoredQueueBase(ProxyBase):
    """A proxy that copies every message, with a prefix, to a third socket; see monitored_queue.

    Args:
        in_type, out_type, mon_type: as for Proxy. in_prefix, out_prefix: bytes, a copy's first frame by the side it came from.
    """

    def __init__(
        self,
        in_type: int,
        out_type: int,
        mon_type: int = SocketType.PUB,
        in_prefix: bytes = b"in",
        out_prefix: bytes = b"out",
    ) -> None:
        super().__init__(in_type, out_type, mon_type)
        self._in_prefix = in_prefix
        self._out_prefix = out_prefix

    def run_device(self) -> None:
        """Open the sockets and forward messages, as monitored_queue."""
        ins, outs, mons = self._setup_sockets()
        monitored_queue(ins, outs, mons, self._in_prefix, self._out_prefix)


class MonitoredQueue(MonitoredQueueBase, Proxy):
    """A monitored queue in the foreground.

    Args:
        As for MonitoredQueueBase: in_type, out_type, mon_type, in_prefix, out_prefix.
    """


class ThreadMonitoredQueue(MonitoredQueueBase, ThreadProxy):
    """A monitored queue in a thread.

    Args:
        As for MonitoredQueue.
    """


class ProcessMonitoredQueue(MonitoredQueueBase, ProcessProxy):
    """A monitored queue in a process.

    Args:
        As for MonitoredQueue.
    """
