"""Context: what every flavour shares. A flavour names its socket class and has an instance slot of its own."""

from __future__ import annotations

import os
from _thread import allocate_lock
from _weakrefset import WeakSet  # weakref's, without the time to import the rest of it

from ._attributes import AttributeSetter
from ._core.context import Context as _Context
from ._core.handle import exiting
from ._warnings import warn_unclosed
from .constants import ContextOption, Errno, SocketOption
from .error import ForkedError, ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Generic, overload

    from typing_extensions import Self, TypeVar

    from ._core.socket import Socket as _Socket
    from ._core.sockopt import _ContextOptions
    from .auth.guard import Guard
    from .sync import Socket

    _S = TypeVar("_S", bound="_Socket", covariant=True, default="Socket[bytes]")
    _OtherS = TypeVar("_OtherS", bound="_Socket")

    class _Options(AttributeSetter, _ContextOptions): ...

else:
    from ._generic import Generic

    _Options, _S = AttributeSetter, None


def _new_instance_lock() -> None:
    Context._instance_lock = allocate_lock()


def cast_int_addr(n: Any) -> int:
    """Return an address as an int.

    Args:
        n: int, or a cffi pointer.
    Raises:
        ValueError: anything else.
    """
    if isinstance(n, int):
        return n
    if type(n).__module__ == "_cffi_backend":
        import cffi  # whoever made the pointer has it

        return int(cffi.FFI().cast("size_t", n))
    raise ValueError(f"cannot take {n!r} for the address of a context or socket: give its `underlying`")


class Context(_Context, _Options, Generic[_S]):
    """The container of sockets and their I/O threads; a process rarely needs more than one.

    Args:
        io_threads: I/O threads to start with the first socket (int, default 1); or a Context to shadow.
        shadow: address (int), or Context, to be used instead of a new one.
    Raises:
        ZMQError: EINVAL for a negative number (zmq_ctx_set(3)); ENOTSUP, the context to shadow is closed; EFAULT, there is none.
        ValueError: nothing that can be shadowed.

    Options are attributes: ``ctx.max_sockets = 4096``. A socket option set here, ``ctx.linger = 0``, is the default of sockets
    made later. Contexts are thread safe.
    """

    sockopts: dict[int, Any]
    _sockets: WeakSet[Any]
    _instance: Any = None
    _instance_lock = allocate_lock()
    _instance_pid: int | None = None
    _shadow: bool = False
    _shadow_obj: Any = None
    _socket_class: Callable[..., Any]
    _repr_cls = "zmq.Context"

    def __init__(self, io_threads: int | Context[Any] = 1, shadow: Any = 0) -> None:
        if isinstance(io_threads, _Context):
            shadow, io_threads = io_threads, 1
        if shadow:
            if isinstance(shadow, _Context):
                if shadow.closed:
                    raise ZMQError(Errno.ENOTSUP, f"{shadow!r} cannot be shadowed: make a new one with zmq.Context()")
                self._shadow_obj = shadow
                if shadow._forked:
                    raise ForkedError()
            else:
                shadow = cast_int_addr(shadow)
            super().__init__(shadow=shadow)
            self._shadow = True
        else:
            super().__init__(io_threads)
        self.sockopts = {}
        self._sockets = WeakSet()

    def __del__(self, exiting: Callable[[], bool] = exiting) -> None:  # the module's own name may be gone by then
        if "sockopts" in self.__dict__ and not (self._shadow or self.closed or self._forked or exiting()):
            warn_unclosed(f"Unclosed context {self}", self._handle)

    def __repr__(self) -> str:
        name = type(self).__dict__.get("_repr_cls") or f"{type(self).__module__}.{type(self).__name__}"
        count = len(self.__dict__.get("_sockets", ()))
        held = "" if count == 0 else "1 socket" if count == 1 else f"{count} sockets"
        return f"<{name}({held}) at {hex(id(self))}{' closed' if self.closed else ''}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exc_type: object, exc_value: object, traceback: object) -> None:
        for socket in self._open_sockets():
            warn_unclosed(f"Destroying context with unclosed socket {socket}", socket._handle)
        self.destroy()

    def __copy__(self, memo: object = None) -> Self:
        """Return a shadow of this context."""
        return type(self).shadow(self)

    __deepcopy__ = __copy__

    @classmethod
    def shadow(cls, address: Any) -> Self:
        """Return another object for an existing context.

        Args:
            address: int (see `underlying`), Context, or cffi pointer.
        Raises:
            ValueError: anything else.

        Collecting the shadow leaves the context alone; terminating it terminates the context for both.
        """
        return cls(shadow=address)

    @classmethod
    def shadow_pyczmq(cls, ctx: Any) -> Self:
        """Return a context over one of pyczmq, a package that is no longer developed.

        Args:
            ctx: a pyczmq context. ImportError without that package.
        """
        from pyczmq import zctx  # type: ignore[import-not-found]  # gone from the index

        return cls(shadow=cast_int_addr(zctx.underlying(ctx)))

    @classmethod
    def instance(cls, io_threads: int = 1) -> Self:
        """Return the process-wide context: a new one the first time, after it was closed, and in a forked child.

        Args:
            io_threads: used only when a context is made.
        """

        def usable(found: Any) -> bool:
            return found is not None and cls._instance_pid == os.getpid() and not found.closed

        if not usable(cls._instance):
            with Context._instance_lock:
                if not usable(cls._instance):
                    cls._instance = cls(io_threads=io_threads)
                    cls._instance_pid = os.getpid()
        instance: Self = cls._instance
        return instance

    # ---------------------------------------------------------------- sockets

    if TYPE_CHECKING:

        @overload
        def socket(self, socket_type: int, socket_class: Callable[..., _OtherS], **kwargs: Any) -> _OtherS: ...
        @overload
        def socket(self, socket_type: int, socket_class: type[Socket[bytes]], **kwargs: Any) -> Socket[bytes]: ...
        @overload
        def socket(self, socket_type: int, socket_class: None = None, **kwargs: Any) -> _S: ...

    def socket(self, socket_type: int, socket_class: Any = None, **kwargs: Any) -> Any:
        """Make a socket of this context.

        Args:
            socket_type: a zmq.SocketType. socket_class: instead of the context's own. **kwargs: for the class.
        Returns:
            The socket, with the context's default options where they fit its type.
        Raises:
            ZMQError: ENOTSUP, the context is closed; EINVAL, no such type; EMFILE, too many sockets (zmq_socket(3)).
        """
        if self.closed:
            raise ZMQError(Errno.ENOTSUP, "context is closed: make a new one with zmq.Context()")
        socket = (socket_class or self._socket_class)(self, socket_type, **kwargs)
        for option, value in self.sockopts.items():
            try:
                socket.setsockopt(option, value)
            except ZMQError:
                continue  # an option of other socket types
            except BaseException:
                socket.close()
                raise
        self._add_socket(socket)
        return socket

    def auth(
        self,
        allow: Any = None,
        *,
        passwords: Any = None,
        addresses: Iterable[str] = (),
        deny: Iterable[str] = (),
        log: Any = None,
    ) -> Guard:
        """Decide from now on who may connect to this context's sockets (RFC 27): CURVE clients by `allow`, PLAIN by `passwords`.

        Args:
            allow: public keys (list; dict {key: user id}; directory of certificates, in which files may come and go; "*": any), or
                a function (or coroutine function) of a key, Z85 text, that says whether to, or gives the user id.
            passwords: {user: password}, or a function of both. addresses, deny: only these, or all but these; networks too.
            log: default the logger "zmq.auth".
        Returns:
            What has stop() and is a context manager; it also ends with the context. It runs in a thread of its own.
        Raises:
            ZMQError: EADDRINUSE, there is one already. ValueError: no such key; no rule at all. OSError: no such directory.
        """
        from .auth.guard import Guard  # programs without it need none of what it imports

        guard = Guard(self, allow, passwords, addresses, deny, log)
        guard.start()
        return guard

    def _add_socket(self, socket: Any) -> None:
        self._sockets.add(socket)

    def _rm_socket(self, socket: Any) -> None:
        self._sockets.discard(socket)

    def _open_sockets(self) -> list[Any]:
        while True:
            try:
                return [socket for socket in self._sockets if not socket.closed]
            except RecursionError:
                raise
            except RuntimeError:
                continue  # another thread made or closed one meanwhile: look again

    def _unfinished(self, timeout: float) -> str:
        held = ", ".join(map(str, self._open_sockets()))
        held = held or "none made by it: closed ones hold messages that no peer has taken, or a shadow of it made one"
        return f"{super()._unfinished(timeout)} (open: {held})"

    def destroy(self, linger: int | None = None, timeout: float | None = None) -> None:
        """Close every socket of this context, then terminate it.

        Args:
            linger: milliseconds for each socket's unsent messages; None leaves their LINGER as it is.
            timeout: seconds to wait for messages that linger; None: no limit.
        Raises:
            ZMQError: ETIMEDOUT, as term().

        Blocks while messages linger. Another thread that blocks in one of the sockets gets ENOTSOCK or ContextTerminated.
        """
        if self.closed:
            return
        for socket in self._open_sockets():
            if linger is None:
                socket.close()
            elif type(socket).close.__module__.startswith("zmq."):
                socket.close(linger)
            else:  # one of a subclass, which may take no argument
                socket.set(SocketOption.LINGER, linger)
                socket.close()
        if timeout is None:
            self.term()  # of a subclass, it may take no argument
        else:
            self.term(timeout)

    # ---------------------------------------------------------------- options

    def setsockopt(self, opt: int, value: Any) -> None:
        """Set the default of a socket option, for sockets made from now on.

        Args:
            opt: a zmq.SocketOption. value: as for Socket.set; checked when a socket is made.
        """
        self.sockopts[opt] = value

    def getsockopt(self, opt: int) -> Any:
        """Return the default of a socket option; KeyError when none was set here."""
        return self.sockopts[opt]

    def _option_named(self, key: str) -> int:
        name = key.upper()
        if name in ContextOption.__members__:
            return ContextOption[name]
        if name in SocketOption.__members__:
            return SocketOption[name]
        return super()._option_named(key)

    if not TYPE_CHECKING:  # a checker that sees this believes every misspelt name

        def __getattr__(self, key):
            return self._get_attr_opt(key.upper(), self._option_named(key))

    def _get_attr_opt(self, name: str, opt: int) -> Any:
        if isinstance(opt, ContextOption):
            try:
                return self.get(opt)
            except ZMQError as error:
                if error.errno == Errno.EINVAL:
                    raise AttributeError(f"{name} is write-only, or unknown to this libzmq") from None
                raise
        if opt not in self.sockopts:
            raise AttributeError(name)
        return self.sockopts[opt]

    def _set_attr_opt(self, name: str, opt: int, value: Any) -> None:
        if isinstance(opt, ContextOption):
            self.set(opt, value)
        else:
            self.sockopts[opt] = value

    def __delattr__(self, key: str) -> None:
        if key in self.__dict__ or hasattr(type(self), key):
            object.__delattr__(self, key)
            return
        option = self._option_named(key)
        if not isinstance(option, SocketOption) or option not in self.sockopts:
            raise AttributeError(key.upper())
        del self.sockopts[option]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *ContextOption.__members__]


if hasattr(os, "register_at_fork"):
    # a thread that is inside instance() while another forks does not exist in the child, and would never release it
    os.register_at_fork(after_in_child=_new_instance_lock)
