"""The blocking flavour: Socket and Frame as `import zmq` gives them, and the small things beside them."""

from __future__ import annotations

from ._attributes import AttributeSetter
from ._context import Context as Context
from ._context import cast_int_addr
from ._core.context import Context as _CoreContext
from ._core.frame import Frame as _CoreFrame
from ._core.handle import exiting
from ._core.proxy import proxy
from ._core.receiving import set_frame_class
from ._core.socket import Socket as _CoreSocket
from ._core.sockopt import set_plain_class
from ._methods import SocketMethods
from ._poller import Poller
from ._warnings import warn_deprecated, warn_unclosed
from .constants import MessageOption, SocketType
from .error import ForkedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Generic

    from typing_extensions import Self, TypeVar

    from ._methods import _SocketContext

    _T = TypeVar("_T", default=bytes)
else:
    from ._generic import Generic

    _T = None


class Frame(_CoreFrame, AttributeSetter):
    __slots__ = ()

    def __getitem__(self, key: int | str) -> Any:
        """Return ``get(key)``; a slice is a TypeError: slice ``frame.buffer`` or ``frame.bytes``."""
        return self.get(key)

    def _option_named(self, key: str) -> int:
        name = key.upper()
        if name in MessageOption.__members__:
            return MessageOption[name]
        return super()._option_named(key)

    @property
    def shared(self) -> int:
        """Whether the memory is shared with another frame: zmq.SHARED (zmq_msg_get(3))."""
        return int(self.get(MessageOption.SHARED))

    SHARED = shared

    @property
    def MORE(self) -> int:
        """What libzmq says of `more`: zmq.MORE (zmq_msg_get(3))."""
        return int(self.get(MessageOption.MORE))

    @property
    def group(self) -> str:
        """The group of a RADIO or DISH message (draft); RuntimeError without drafts."""
        return str(self.get("group"))

    @group.setter
    def group(self, group: str | bytes) -> None:
        self.set("group", group)

    @property
    def routing_id(self) -> int | None:
        """The peer of a SERVER message (draft); RuntimeError without drafts."""
        return self.get("routing_id")

    @routing_id.setter
    def routing_id(self, routing_id: int) -> None:
        self.set("routing_id", routing_id)


Frame.__doc__ = _CoreFrame.__doc__
Message = Frame


class Socket(SocketMethods, Generic[_T]):
    """A ZeroMQ socket, usually made by ``context.socket(type)``.

    Args:
        ctx_or_socket: the Context to make it in, or a Socket to shadow. socket_type: a zmq.SocketType.
        shadow: address (int) or Socket of an existing one to use instead.
        copy_threshold: bytes; copy=False copies smaller messages all the same. Default zmq.COPY_THRESHOLD.
    Raises:
        ZMQError: EINVAL, EMFILE (zmq_socket(3)). TypeError: no context. ValueError: nothing that can be shadowed.

    Options are attributes: ``socket.linger = 0``. One thread at a time may use a socket; ThreadError in the second.
    """

    type: SocketType
    _type_name: str = "UNKNOWN"
    _shadow: bool = False
    _shadow_obj: Any = None
    _repr_cls: str = "zmq.Socket"
    _poller_class = Poller
    #: The verbs that a program's subclass has of its own: _by_frame.py.
    _own_verbs: frozenset[str] = frozenset()

    if TYPE_CHECKING:  # what the methods for all flavours return as Any, this flavour knows

        def bind(self, addr: str | bytes) -> _SocketContext[Self]: ...
        def connect(self, addr: str | bytes) -> _SocketContext[Self]: ...
        def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> str: ...
        def recv_unicode(self, flags: int = 0, encoding: str = "utf-8") -> str: ...

    def __init__(
        self, ctx_or_socket: Any = None, socket_type: int = 0, *, shadow: Any = 0, copy_threshold: int | None = None
    ) -> None:
        context = ctx_or_socket
        if isinstance(ctx_or_socket, _CoreSocket):
            shadow, context = ctx_or_socket, None
        if isinstance(shadow, _CoreSocket):
            self._shadow_obj = shadow
            context = shadow.context
            if shadow._forked:
                raise ForkedError()
        elif shadow:
            shadow = cast_int_addr(shadow)
        if shadow:
            super().__init__(context, shadow=shadow, copy_threshold=copy_threshold)
            self._shadow = True
            socket_type = self.TYPE
        elif not isinstance(context, _CoreContext):
            raise TypeError("a socket needs a Context: use context.socket(type), or give shadow=")
        else:
            super().__init__(context, socket_type, copy_threshold=copy_threshold)
        try:
            self.__dict__["type"] = SocketType(socket_type)
        except ValueError:
            self._type_name = str(socket_type)
        else:
            self._type_name = self.type.name

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith("zmq."):
            from . import _by_frame  # only here: most programs define no such class

            _by_frame.honour(cls)

    def __del__(self, exiting: Callable[[], bool] = exiting) -> None:  # the module's own name may be gone by then
        if not (self._shadow or self.closed or self._forked or exiting()):
            warn_unclosed(f"Unclosed socket {self}", self._handle)
            self.close()

    def __repr__(self) -> str:
        cls = type(self)
        name = cls.__dict__.get("_repr_cls") or f"{cls.__module__}.{cls.__name__}"
        prefix = "zmq." if "type" in self.__dict__ else ""
        return f"<{name}({prefix}{self._type_name}) at {hex(id(self))}{' closed' if self._closed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object, **kwargs: object) -> None:
        self.close()

    def __copy__(self, memo: object = None) -> Self:
        """Return a shadow of this socket."""
        return type(self).shadow(self)

    __deepcopy__ = __copy__

    @classmethod
    def shadow(cls, address: Any) -> Self:
        """Return another object for an existing socket.

        Args:
            address: int (see `underlying`), Socket, or cffi pointer.
        Raises:
            ValueError: anything else. ZMQError: ENOTSOCK, a closed socket.

        Collecting the shadow leaves the socket open; closing it closes the socket for both.
        """
        return cls(shadow=address)

    @property
    def socket_type(self) -> SocketType:
        """The type, by a name of old: use `type`."""
        warn_deprecated("Socket.socket_type is deprecated: use Socket.type")
        return self.type

    def close(self, linger: int | None = None) -> None:
        super().close(linger)
        if self._handle.hub is not None:
            self._handle.hub.socket_closed()
        if isinstance(self.context, Context):
            self.context._rm_socket(self)

    close.__doc__ = _CoreSocket.close.__doc__


class Stopwatch:
    """A stopwatch with microseconds; deprecated: use time.perf_counter()."""

    def __init__(self) -> None:
        warn_deprecated("zmq.Stopwatch is deprecated: use time.perf_counter()")
        self._started: float | None = None

    def start(self) -> None:
        """Start measuring; RuntimeError when it runs already."""
        from time import perf_counter

        if self._started is not None:
            raise RuntimeError("the stopwatch runs already: stop() it first")
        self._started = perf_counter()

    def stop(self) -> int:
        """Stop, and return the microseconds since start(); RuntimeError when it does not run."""
        from time import perf_counter

        if self._started is None:
            raise RuntimeError("the stopwatch does not run: start() it first")
        elapsed = perf_counter() - self._started
        self._started = None
        return int(elapsed * 1e6)


def device(device_type: int, frontend: Any, backend: Any) -> None:
    """Forward messages between two sockets: zmq.proxy by a name of old.

    Args:
        device_type: ignored. frontend, backend: as for proxy().
    """
    proxy(frontend, backend)


SyncSocket = Socket[bytes]
SyncContext = Context[SyncSocket]

Context._socket_class = Socket
set_frame_class(Frame)
set_plain_class(Socket)
