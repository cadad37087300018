"""ProxySteerable: a proxy device with a fourth socket, `ctrl`, that takes commands."""

from __future__ import annotations

from .._core.proxy import proxy_steerable
from ..constants import SocketType
from .basedevice import Side, prepare
from .proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ProcessProxySteerable", "ProxySteerable", "ThreadProxySteerable"]


class ProxySteerableBase(ProxyBase):
    """A proxy between two sockets that obeys commands on a fourth; see zmq.proxy_steerable.

    Args:
        in_type, out_type, mon_type: as for Proxy. ctrl_type: zmq.SocketType of the fourth socket, such as zmq.PAIR or zmq.REP.
    Raises:
        TypeError: no ctrl_type, when the device starts.
    """

    def __init__(self, in_type: int, out_type: int, mon_type: int = SocketType.PUB, ctrl_type: int | None = None) -> None:
        super().__init__(in_type, out_type, mon_type)
        self.ctrl_type = ctrl_type
        self._ctrl = Side()

    def bind_ctrl(self, addr: str | bytes) -> None:
        """Bind the `ctrl` socket to an address, when the device runs; see Socket.bind."""
        self._ctrl.binds.append(addr)

    def bind_ctrl_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Choose a free port for the `ctrl` socket; as bind_in_to_random_port()."""
        return self._bind_to_random_port(self._ctrl, addr, args, kwargs)

    def connect_ctrl(self, addr: str | bytes) -> None:
        """Connect the `ctrl` socket to an address, when the device runs; see Socket.connect."""
        self._ctrl.connects.append(addr)

    def setsockopt_ctrl(self, opt: int, value: Any) -> None:
        """Set an option of the `ctrl` socket, before it is bound or connected; see Socket.set."""
        self._ctrl.options.append((opt, value))

    def start(self) -> None:
        """Start the device, as the other devices' start()."""
        if self.ctrl_type is None:
            raise TypeError("a steerable proxy needs ctrl_type, such as zmq.PAIR")
        super().start()

    def _setup_sockets(self) -> tuple[Any, ...]:
        ins, outs, mons = super()._setup_sockets()
        assert self.ctrl_type is not None
        ctrls = self._open(self.ctrl_type)
        prepare(ctrls, self._ctrl, "options", "binds", "connects")
        return ins, outs, mons, ctrls

    def run_device(self) -> None:
        """Open the sockets and forward messages, as zmq.proxy_steerable; b"TERMINATE" ends it."""
        proxy_steerable(*self._setup_sockets())


class ProxySteerable(ProxySteerableBase, Proxy):
    """A steerable proxy in the foreground.

    Args:
        As for ProxySteerableBase: in_type, out_type, mon_type, ctrl_type.
    """


class ThreadProxySteerable(ProxySteerableBase, ThreadProxy):
    """A steerable proxy in a thread.

    Args:
        As for ProxySteerable.
    """


class ProcessProxySteerable(ProxySteerableBase, ProcessProxy):
    """A steerable proxy in a process.

    Args:
        As for ProxySteerable.
    """
