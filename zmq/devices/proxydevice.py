"""Proxy: a device with a third socket, `mon`, that gets a copy of every message."""

from __future__ import annotations

from .._core.proxy import proxy
from ..constants import DeviceType, SocketType
from .basedevice import Device, ProcessDevice, Side, ThreadDevice, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ProcessProxy", "Proxy", "ThreadProxy"]


class ProxyBase(Device):
    """A proxy between two sockets that copies every message to a third.

    Args:
        in_type, out_type: as for Device. mon_type: zmq.SocketType of the third socket.
    """

    def __init__(self, in_type: int, out_type: int, mon_type: int = SocketType.PUB) -> None:
        super().__init__(DeviceType.QUEUE, in_type, out_type)
        self.mon_type = mon_type
        self._mon = Side()

    def bind_mon(self, addr: str | bytes) -> None:
        """Bind the `mon` socket to an address, when the device runs; see Socket.bind."""
        self._mon.binds.append(addr)

    def bind_mon_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Choose a free port for the `mon` socket; as bind_in_to_random_port()."""
        return self._bind_to_random_port(self._mon, addr, args, kwargs)

    def connect_mon(self, addr: str | bytes) -> None:
        """Connect the `mon` socket to an address, when the device runs; see Socket.connect."""
        self._mon.connects.append(addr)

    def setsockopt_mon(self, opt: int, value: Any) -> None:
        """Set an option of the `mon` socket, before it is bound or connected; see Socket.set."""
        self._mon.options.append((opt, value))

    def _setup_sockets(self) -> tuple[Any, ...]:
        ins, outs = super()._setup_sockets()
        mons = self._open(self.mon_type)
        prepare(mons, self._mon, "options", "binds", "connects")
        return ins, outs, mons

    def run_device(self) -> None:
        """Open the sockets and forward messages, as zmq.proxy."""
        ins, outs, mons = self._setup_sockets()
        proxy(ins, outs, mons)


class Proxy(ProxyBase, Device):
    """A proxy with a capture socket, in the foreground.

    Args:
        in_type, out_type: as for Device. mon_type: zmq.SocketType of the third socket.
    """


class ThreadProxy(ProxyBase, ThreadDevice):
    """A proxy with a capture socket, in a thread.

    Args:
        As for Proxy.
    """


class ProcessProxy(ProxyBase, ProcessDevice):
    """A proxy with a capture socket, in a process.

    Args:
        As for Proxy.
    """
