"""Every socket method above the six verbs, written once for all flavours.

The verbs (send, recv, recv_into, send_multipart, recv_multipart, poll) are the core's, or a flavour's own. What is built on a
receiving verb goes through `_deserialize`, by which a flavour says how a function is applied to a result that may come later.
"""

from __future__ import annotations

import sys
from itertools import count

from . import codecs
from ._attributes import AttributeSetter
from ._core.socket import Socket as _Socket
from ._core.sockopt import SocketOptions
from ._warnings import warn_pickle
from .constants import Event, SecurityMechanism, SocketOption, SocketType
from .error import ZMQBindError, ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Generic, TypeVar

    from typing_extensions import Self

    from .monitor import Monitor

    _SocketT = TypeVar("_SocketT", bound="SocketMethods")
else:
    from ._generic import Generic

    _SocketT = None


# pickle.DEFAULT_PROTOCOL, without importing pickle for it
DEFAULT_PROTOCOL = 5 if sys.version_info >= (3, 14) else 4


_monitor_numbers = count()


class _SocketContext(Generic[_SocketT]):
    """What bind() and connect() return: leaving its `with` block undoes them."""

    socket: _SocketT
    kind: str
    addr: str | bytes

    def __init__(self, socket: _SocketT, kind: str, addr: str | bytes) -> None:
        self.socket = socket
        self.kind = kind
        self.addr = addr

    def __repr__(self) -> str:
        return f"<SocketContext({self.kind}={self.addr!r})>"

    def __enter__(self) -> _SocketT:
        return self.socket

    def __exit__(self, *args: object) -> None:
        if self.socket.closed:
            return
        if self.kind == "bind":
            self.socket.unbind(self.addr)
        else:
            self.socket.disconnect(self.addr)


class SocketMethods(_Socket, SocketOptions, AttributeSetter):
    """The methods of a socket that are made of others."""

    _monitor_socket: Any = None

    def _deserialize(self, recvd: Any, load: Callable[[Any], Any]) -> Any:
        """Apply `load` to what a receiving verb returned: at once, or when it is there."""
        return load(recvd)

    # ---------------------------------------------------------------- options

    def _option_named(self, key: str) -> int:
        name = key.upper()
        if name in SocketOption.__members__:
            return SocketOption[name]
        return super()._option_named(key)

    if not TYPE_CHECKING:

        def __setattr__(self, key, value):
            # subscribe and unsubscribe are methods and options; a subclass's own method may come here
            if key.lower() in ("subscribe", "unsubscribe"):
                self.set(SocketOption[key.upper()], value.encode("utf-8") if isinstance(value, str) else value)
            else:
                super().__setattr__(key, value)

    def set_string(self, option: int, optval: str, encoding: str = "utf-8") -> None:
        """Set an option of type bytes from text.

        Args:
            option: a zmq.SocketOption. optval: str. encoding: default utf-8.
        Raises:
            TypeError: optval is no str. As set().
        """
        if not isinstance(optval, str):
            raise TypeError(f"set_string() takes a str, not {type(optval).__name__}: use set() for bytes")
        self.set(option, optval.encode(encoding))

    def get_string(self, option: int, encoding: str = "utf-8") -> str:
        """Return an option of type bytes as text.

        Args:
            option: a zmq.SocketOption. encoding: default utf-8.
        Raises:
            ValueError: no such option. TypeError: one of another type. As get().
        """
        if SocketOption(option)._opt_type.name != "bytes":
            raise TypeError(f"option {SocketOption(option).name} is no text: use get()")
        value = self.get(option)
        assert isinstance(value, bytes)
        return value.decode(encoding)

    setsockopt_string = set_string
    setsockopt_unicode = set_string
    getsockopt_string = get_string
    getsockopt_unicode = get_string

    def get_hwm(self) -> int:
        """Return the high water mark for sending, or for receiving where there is no sending: messages."""
        try:
            return int(self.get(SocketOption.SNDHWM))
        except ZMQError:
            return int(self.get(SocketOption.RCVHWM))

    def set_hwm(self, value: int) -> None:
        """Set the high water mark of both directions.

        Args:
            value: messages for each peer; 0 is no limit. Holds for peers bound or connected afterwards.
        """
        failed = None
        for option in (SocketOption.SNDHWM, SocketOption.RCVHWM):
            try:
                self.set(option, value)
            except ZMQError as error:
                failed = error
        if failed is not None:
            raise failed

    @property
    def hwm(self) -> int:
        """High water mark of both directions: messages for each peer, 0 for no limit."""
        return self.get_hwm()

    @hwm.setter
    def hwm(self, value: int) -> None:
        self.set_hwm(value)

    def subscribe(self, topic: str | bytes) -> None:
        """Receive the messages that begin with a topic (SUB).

        Args:
            topic: bytes, or str in utf-8; empty: everything.
        Raises:
            ZMQError: EINVAL for other socket types (zmq_setsockopt(3), ZMQ_SUBSCRIBE).
        """
        self.set(SocketOption.SUBSCRIBE, topic.encode("utf-8") if isinstance(topic, str) else topic)

    def unsubscribe(self, topic: str | bytes) -> None:
        """Take back one subscribe() of the same topic (SUB).

        Args:
            topic: bytes, or str in utf-8.
        """
        self.set(SocketOption.UNSUBSCRIBE, topic.encode("utf-8") if isinstance(topic, str) else topic)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there may be news: read `events` then (zmq_getsockopt(3), ZMQ_FD)."""
        return int(self.get(SocketOption.FD))

    # ---------------------------------------------------------------- endpoints

    def bind(self: Any, addr: str | bytes) -> Any:
        super().bind(addr)
        self._note_address(addr)
        return self._bind_cm(addr)

    def connect(self: Any, addr: str | bytes) -> Any:
        super().connect(addr)
        self._note_address(addr)
        return self._connect_cm(addr)

    bind.__doc__, connect.__doc__ = _Socket.bind.__doc__, _Socket.connect.__doc__

    def _note_address(self, addr: str | bytes) -> None:
        text = addr if isinstance(addr, str) else addr.decode("utf-8", "replace")
        if not _is_local(text):
            self._handle.remote = text

    def _bind_cm(self, addr: str | bytes) -> _SocketContext[Self]:
        # a wildcard is unbound by what it became
        endpoint = self.get(SocketOption.LAST_ENDPOINT)
        return _SocketContext(self, "bind", endpoint.decode("utf-8") or addr)

    def _connect_cm(self, addr: str | bytes) -> _SocketContext[Self]:
        return _SocketContext(self, "connect", addr)

    def bind_to_random_port(self, addr: str, min_port: int = 49152, max_port: int = 65536, max_tries: int = 100) -> int:
        """Bind to a free port.

        Args:
            addr: without a port, as "tcp://127.0.0.1". min_port, max_port: the range to choose from, max_port excluded; the
                defaults leave the choice to the system. max_tries: ports to try in the range.
        Returns:
            The port.
        Raises:
            ZMQBindError: no free port in so many tries. ZMQError: any error but EADDRINUSE.
        """
        if addr.partition("://")[0] in ("inproc", "ipc"):
            raise ZMQError(22, f"{addr.partition('://')[0]} has no ports: use bind() (addr={addr!r})")
        if (min_port, max_port) == (49152, 65536):
            self.bind(f"{addr}:*")
            return int(self.get(SocketOption.LAST_ENDPOINT).rpartition(b":")[2])
        from random import randrange

        for _ in range(max_tries):
            port = randrange(min_port, max_port)
            try:
                self.bind(f"{addr}:{port}")
            except ZMQError as error:
                if not _port_taken(error):
                    raise
            else:
                return port
        raise ZMQBindError(f"no free port from {min_port} to {max_port - 1} in {max_tries} tries")

    # ---------------------------------------------------------------- encoded messages

    def send_string(self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any) -> Any:
        """Send text as one frame.

        Args:
            u: str. flags, copy: as for send(). encoding: default utf-8. **kwargs: for send().
        Raises:
            TypeError: u is no str. As send().
        """
        return self.send(codecs.encode_string(u, encoding), flags=flags, copy=copy, **kwargs)

    send_unicode = send_string

    def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> Any:
        """Receive one frame as text.

        Args:
            flags: as for recv(). encoding: default utf-8.
        Raises:
            UnicodeDecodeError: the frame is no such text; it is gone then. As recv().
        """
        return self._deserialize(self.recv(flags=flags), lambda frame: codecs.decode_string(frame, encoding))

    recv_unicode = recv_string

    def send_json(self, obj: Any, flags: int = 0, **kwargs: Any) -> Any:
        """Send an object as JSON in one frame.

        Args:
            obj: what json.dumps takes. flags: as for send(). **kwargs: `routing_id`, `group` for send(), the rest for json.dumps.
        Raises:
            TypeError: obj cannot be encoded. As send().
        """
        routing = {key: kwargs.pop(key) for key in ("routing_id", "group") if key in kwargs}
        return self.send(codecs.encode_json(obj, **kwargs), flags=flags, **routing)

    def recv_json(self, flags: int = 0, **kwargs: Any) -> Any:
        """Receive one frame of JSON.

        Args:
            flags: as for recv(). **kwargs: for json.loads.
        Raises:
            json.JSONDecodeError: the frame is no JSON; it is gone then. As recv().
        """
        return self._deserialize(self.recv(flags), lambda frame: codecs.decode_json(frame, **kwargs))

    def send_pyobj(self, obj: Any, flags: int = 0, protocol: int = DEFAULT_PROTOCOL, **kwargs: Any) -> Any:
        """Send an object pickled into one frame.

        Args:
            obj: what pickle.dumps takes. flags: as for send(). protocol: of pickle. **kwargs: for send().
        Raises:
            pickle.PicklingError, TypeError: obj cannot be pickled. As send().
        """
        return self.send(codecs.encode_pyobj(obj, protocol), flags=flags, **kwargs)

    def recv_pyobj(self, flags: int = 0) -> Any:
        """Receive one frame and unpickle it. Unpickling runs code of the sender's choice: only from peers you trust.

        Args:
            flags: as for recv().
        Raises:
            What pickle.loads raises; the frame is gone then. As recv().

        Warns once (zmq.PickleWarning) when other machines may reach the socket and it has no CURVE.
        """
        remote = self._handle.remote
        if remote is not None:
            if self.get(SocketOption.MECHANISM) not in (SecurityMechanism.CURVE, SecurityMechanism.GSSAPI):
                warn_pickle(remote)
            self._handle.remote = None
        return self._deserialize(self.recv(flags), codecs.decode_pyobj)

    def send_serialized(
        self, msg: Any, serialize: Callable[[Any], Sequence[Any]], flags: int = 0, copy: bool = True, **kwargs: Any
    ) -> Any:
        """Send an object as the frames that a function makes of it.

        Args:
            msg: the object. serialize: called with it, returns a list of buffers. flags, copy, **kwargs: as for send_multipart().
        """
        return self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    def recv_serialized(self, deserialize: Callable[[list[Any]], Any], flags: int = 0, copy: bool = True) -> Any:
        """Receive a message and return what a function makes of its frames.

        Args:
            deserialize: called with the list of bytes, or of Frames with copy=False. flags, copy: as for recv_multipart().
        Raises:
            What `deserialize` raises; the message is gone then. As recv_multipart().
        """
        return self._deserialize(self.recv_multipart(flags=flags, copy=copy), deserialize)

    # ---------------------------------------------------------------- peers

    def wait_connected(self, n: int = 1, timeout: float | None = None) -> Any:
        """Wait until peers are connected, so that what is sent to them does not wait or get lost.

        Args:
            n: how many have to be; 0 asks how many are. timeout: milliseconds; None or negative: no limit.
        Returns:
            How many are connected, their handshake (and authentication) done. Awaitable where receiving is.
        Raises:
            Again: fewer within the timeout, named in its text. ZMQError: ENOTSUP, this libzmq does not count them (the bundled one
                does); EPROTONOSUPPORT, inproc has no connections to count; ENOTSOCK, ETERM.
        """
        from . import _peers  # only here: `import zmq` need not load it

        return _peers.wait_connected(self, n, timeout)

    def wait_subscribers(self, topic: str | bytes = b"", n: int = 1, timeout: float | None = None) -> Any:
        """Wait until subscribers would get messages of a topic (PUB, XPUB), instead of sleeping and hoping.

        Args:
            topic: beginning of the messages that will be sent, bytes or str in utf-8. n: how many have to be; 0 asks how many are.
            timeout: milliseconds; None or negative: no limit.
        Returns:
            How many peers a message of this topic goes to now. A proxy or device is one. Awaitable where receiving is.
        Raises:
            Again: fewer within the timeout, named in its text. ZMQError: ENOTSUP, another type of socket, or a libzmq that does not
                count them (the bundled one does); ENOTSOCK, ETERM.
        """
        from . import _peers  # only here: `import zmq` need not load it

        return _peers.wait_subscribers(self, topic, n, timeout)

    # ---------------------------------------------------------------- monitoring

    def get_monitor_socket(self, events: int | None = None, addr: str | None = None) -> Self:
        """Return a PAIR socket, connected to this socket's connection events.

        Args:
            events: mask of zmq.Event; None: all. addr: inproc address to use; None: one of its own.
        Returns:
            The same object while it is open, whatever the arguments: parse with zmq.utils.monitor (zmq_socket_monitor(3)).
        """
        found: Self | None = self._monitor_socket  # looked at once: another thread may disable it
        if found is not None:
            if not found.closed:
                return found
            self.disable_monitor()
        if addr is None:
            # a number, because libzmq gives an address back only some time after its socket was closed
            addr = f"inproc://monitor.s-{self.underlying:x}.{next(_monitor_numbers)}"
        # a monitor that nobody reads blocks its socket: the reader comes first
        monitor: Self = self.context.socket(SocketType.PAIR)
        try:
            # and its queue has no limit
            monitor.set(SocketOption.RCVHWM, 0)
            monitor.connect(addr)
            self.monitor(addr, Event.ALL if events is None else events)
            monitor._read_monitor(addr)
        except BaseException:
            from .monitor import undo_connect  # only here: `import zmq` need not load it

            undo_connect(monitor, addr)
            raise
        self._monitor_socket = monitor
        return monitor

    def monitor_events(self, events: int = Event.ALL) -> Monitor:
        """Return an iterator over what happens to this socket's connections, as zmq.monitor.MonitorEvent.

        Args:
            events: mask of zmq.Event to be told of.
        Returns:
            To be iterated over with ``for``, or ``async for`` where receiving is awaited; ends when the socket is closed.
        Raises:
            ZMQError: EADDRINUSE, get_monitor_socket() is in use (libzmq has one monitor for a socket); ENOTSOCK.
        """
        from .monitor import Monitor  # only here: `import zmq` need not load it

        return Monitor(self, events)

    def disable_monitor(self) -> None:
        """Stop the connection events; the monitor socket gets a last one, MONITOR_STOPPED, and is the caller's to close."""
        self._monitor_socket = None
        self.monitor(None, 0)


def _is_local(address: str) -> bool:
    """Whether only this machine can reach a peer there: inproc, ipc, and loopback addresses."""
    transport, _, rest = address.partition("://")
    if transport in ("inproc", "ipc"):
        return True
    if transport not in ("tcp", "ws", "wss", "udp"):
        return False
    # connect() takes "source;destination"
    host = rest.rpartition(";")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0] in ("::1", "lo", "lo0")
    host = host.partition(":")[0]
    return host in ("localhost", "lo", "lo0") or (host.startswith("127.") and host.replace(".", "").isdigit())


def _port_taken(error: ZMQError) -> bool:
    from errno import EACCES, EADDRINUSE

    return error.errno == EADDRINUSE or (sys.platform == "win32" and error.errno == EACCES)
