"""Device: what to open on each side, remembered until the device runs, and the three places where it may run.

No socket exists before that: a thread or process makes its own. Each side (`in`, `out`, and more in subclasses) is opened in the
order in which libzmq needs it: options, then binds, then connects.
"""

from __future__ import annotations

import time
from multiprocessing import Process
from threading import Thread
from typing import Any

from .._core.proxy import proxy
from ..constants import DeviceType, Errno, SocketType
from ..error import ZMQError
from ..sync import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._core.socket import Socket

__all__ = ["Device", "ProcessDevice", "ThreadDevice"]


class Side:
    """What to do with one socket of a device, once it is made."""

    def __init__(self) -> None:
        self.options: list[tuple[int, Any]] = []
        self.binds: list[str | bytes] = []
        self.connects: list[str | bytes] = []


def prepare(socket: Socket, side: Side, *steps: str) -> None:
    """Do the named steps of a side with a socket: "options", "binds", "connects"."""
    calls: dict[str, Callable[..., Any]] = {"options": socket.set, "binds": socket.bind, "connects": socket.connect}
    for step in steps:
        for given in getattr(side, step):
            calls[step](*(given if step == "options" else (given,)))


class Device:
    """A proxy between two sockets, which runs in the foreground.

    Args:
        device_type: ignored (zmq.QUEUE, ...).
        in_type, out_type: zmq.SocketType; a negative out_type makes one socket serve both sides.
    Raises:
        TypeError: a type is missing.

    It ends when its context is terminated or a socket of it is closed, and closes its sockets. `context_factory` gives the Context:
    the process-wide one, unless it is overridden.
    """

    device_type: int
    in_type: int
    out_type: int
    daemon: bool
    done: bool
    _sockets: list[Any]
    context_factory: Callable[[], Context[Any]] = Context.instance

    def __init__(self, device_type: int = DeviceType.QUEUE, in_type: int | None = None, out_type: int | None = None) -> None:
        if in_type is None or out_type is None:
            raise TypeError("a device needs in_type and out_type, such as zmq.PULL and zmq.PUSH")
        self.device_type = device_type
        self.in_type = in_type
        self.out_type = out_type
        self.daemon = True
        self.done = False
        self._sockets = []
        self._stopping = False
        self._reserved: set[tuple[str, int]] = set()
        self._in = Side()
        self._out = Side()

    # ---------------------------------------------------------------- what to open

    def bind_in(self, addr: str | bytes) -> None:
        """Bind the `in` socket to an address, when the device runs; see Socket.bind."""
        self._in.binds.append(addr)

    def bind_in_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Choose a free port, bind the `in` socket to it when the device runs, and return it.

        Args:
            addr: without the port, such as "tcp://127.0.0.1". *args, **kwargs: as for Socket.bind_to_random_port.
        Raises:
            ZMQBindError: no port was found that this device does not have yet.
        """
        return self._bind_to_random_port(self._in, addr, args, kwargs)

    def connect_in(self, addr: str | bytes) -> None:
        """Connect the `in` socket to an address, when the device runs; see Socket.connect."""
        self._in.connects.append(addr)

    def setsockopt_in(self, opt: int, value: Any) -> None:
        """Set an option of the `in` socket, before it is bound or connected; see Socket.set."""
        self._in.options.append((opt, value))

    def bind_out(self, addr: str | bytes) -> None:
        """Bind the `out` socket to an address, when the device runs; see Socket.bind."""
        self._out.binds.append(addr)

    def bind_out_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Choose a free port for the `out` socket; as bind_in_to_random_port()."""
        return self._bind_to_random_port(self._out, addr, args, kwargs)

    def connect_out(self, addr: str | bytes) -> None:
        """Connect the `out` socket to an address, when the device runs; see Socket.connect."""
        self._out.connects.append(addr)

    def setsockopt_out(self, opt: int, value: Any) -> None:
        """Set an option of the `out` socket, before it is bound or connected; see Socket.set."""
        self._out.options.append((opt, value))

    def _bind_to_random_port(self, side: Side, addr: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        port = self._reserve_random_port(addr, *args, **kwargs)
        side.binds.append(f"{addr}:{port}")
        return port

    def _reserve_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """A port that was free a moment ago, and that this device was not given yet."""
        # a context of its own: a process that is forked next should have no thread of libzmq's
        context = Context()
        sockets = []
        try:
            while True:
                # a port that this device has already stays bound meanwhile, and so is not found again
                sockets.append(context.socket(SocketType.PUSH))
                port = sockets[-1].bind_to_random_port(addr, *args, **kwargs)
                if (addr, port) not in self._reserved:
                    self._reserved.add((addr, port))
                    return port
        finally:
            context.destroy(linger=0)

    # ---------------------------------------------------------------- running

    def _open(self, socket_type: int) -> Any:
        socket = self._context.socket(socket_type)
        self._sockets.append(socket)
        if self._stopping:
            raise ZMQError(Errno.ENOTSOCK)
        return socket

    def _setup_sockets(self) -> tuple[Any, ...]:
        """Make and open the sockets, in the thread or process that uses them; subclasses return more of them."""
        self._context = self.context_factory()
        ins = self._open(self.in_type)
        outs = ins if self.out_type < 0 else self._open(self.out_type)
        for step in ("options", "binds", "connects"):
            prepare(ins, self._in, step)
            prepare(outs, self._out, step)
        return ins, outs

    def run_device(self) -> None:
        """Open the sockets and forward messages until one is closed or the context terminated; subclasses override it."""
        ins, outs = self._setup_sockets()
        proxy(ins, outs)

    def run(self) -> None:
        """Run the device here, until its end; the end of its context or of a socket raises nothing."""
        try:
            self.run_device()
        except ZMQError as error:
            if error.errno not in (Errno.ETERM, Errno.ENOTSOCK):
                raise
        finally:
            for socket in self._sockets:
                socket.close()
            self._sockets.clear()
            self.done = True

    def start(self) -> None:
        """Run the device: here, until its end. The subclasses' returns at once."""
        self.run()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of a device that runs in another thread.

        Args:
            timeout: seconds; None: no limit. `done` tells whether it has ended.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self.done and (end is None or time.monotonic() < end):
            time.sleep(0.001)


class BackgroundDevice(Device):
    """A device that runs in what `_launch_class` makes: a thread or a process, the `launcher`."""

    launcher: Any = None
    _launch_class: Any = None

    def start(self) -> None:
        """Start the thread or process, and return."""
        self.launcher = self._launch_class(target=self.run)
        self.launcher.daemon = self.daemon
        self.launcher.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread or process to end.

        Args:
            timeout: seconds; None: no limit.
        Raises:
            AttributeError: the device was not started.
        """
        if self.launcher is None:
            raise AttributeError("the device has no thread or process to join: start() it first")
        self.launcher.join(timeout)

    def stop(self, timeout: float | None = None) -> None:
        """End the device and wait for it; stopping twice is nothing.

        Args:
            timeout: seconds; None: no limit.
        Raises:
            AttributeError: the device was not started.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how its {self._launch_class} is ended")

    def __getstate__(self) -> dict[str, Any]:
        # a process that is spawned gets the device pickled, and needs neither
        return {key: value for key, value in self.__dict__.items() if key not in ("launcher", "_context")}


class ThreadDevice(BackgroundDevice):
    """A device in a thread of its own, and in the process-wide context unless `context_factory` is overridden.

    Args:
        As for Device.
    """

    _launch_class = Thread

    def stop(self, timeout: float | None = None) -> None:
        """Close the device's sockets and wait for its thread; stopping twice is nothing.

        Args:
            timeout: seconds; None: no limit.
        Raises:
            AttributeError: the device was not started.
        """
        # the flag first: a socket that is made after the list was read finds it
        self._stopping = True
        for socket in list(self._sockets):
            socket.close()
        self.join(timeout)


class ProcessDevice(BackgroundDevice):
    """A device in a process of its own, and in a new context there.

    Args:
        As for Device.

    It ends when stop() is called, or with this process. Having ended by itself it first sends what its sockets' LINGER allows.
    """

    _launch_class = Process
    context_factory: Callable[[], Context[Any]] = Context

    def run(self) -> None:
        """Run the device here, until its end, and terminate its context."""
        super().run()
        self._context.term()

    def stop(self, timeout: float | None = None) -> None:
        """Terminate the process and wait for it; what it has not sent is lost. Stopping twice is nothing.

        Args:
            timeout: seconds; None: no limit.
        Raises:
            AttributeError: the device was not started.
        """
        if self.launcher is not None:
            self.launcher.terminate()
        self.join(timeout)
