"""What this package raises.

libzmq reports errors as numbers; `error_for` makes the exception for one. Nothing compiled is
imported here: the core hands over libzmq's texts, errno and version with `_install`.
"""

from __future__ import annotations

import os
from errno import EBUSY, EINTR, EPERM

from .constants import Errno

TYPE_CHECKING = False  # the name is enough for type checkers; importing typing costs 2 ms
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Again",
    "ContextTerminated",
    "DraftFDWarning",
    "ForkedError",
    "InterruptedSystemCall",
    "NotDone",
    "PickleWarning",
    "ThreadError",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
]

_strerror: Callable[[int], str] = os.strerror
_zmq_errno: Callable[[], int] = int
_version: tuple[int, ...] = (0, 0, 0)


def _install(
    strerror: Callable[[int], str], zmq_errno: Callable[[], int], version: tuple[int, ...]
) -> None:
    """Take libzmq's error texts, its current error number and its version from the core."""
    global _strerror, _zmq_errno, _version
    _strerror, _zmq_errno, _version = strerror, zmq_errno, version


class ZMQBaseError(Exception):
    """The root of this package's errors."""


class ZMQError(ZMQBaseError):
    """An error number from libzmq, or one of the same meaning from this package.

    Args:
        errno: the number; None takes libzmq's current one. Anything but an int becomes the text.
        msg: the text; None takes libzmq's own, see zmq_strerror(3).
    """

    errno: int | None = None
    strerror: str
    sent: int = 0  # messages that send_many() had sent before

    def __init__(self, errno: int | str | None = None, msg: str | None = None) -> None:
        if errno is None:
            errno = _zmq_errno()
        if isinstance(errno, int):
            self.errno = errno
            self.strerror = _strerror(errno) if msg is None else msg
        else:
            self.strerror = str(errno)

    def __str__(self) -> str:
        return self.strerror

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Again(ZMQError):
    """The operation would have to wait: EAGAIN, after DONTWAIT or a timeout."""

    def __init__(self, errno: object = "ignored", msg: object = "ignored") -> None:
        super().__init__(Errno.EAGAIN)


class ContextTerminated(ZMQError):
    """The context of the socket was terminated: ETERM. Close the socket."""

    def __init__(self, errno: object = "ignored", msg: object = "ignored") -> None:
        super().__init__(Errno.ETERM)


class InterruptedSystemCall(ZMQError, InterruptedError):
    """A signal interrupted a call that this package should have repeated: EINTR."""

    errno: int | None = EINTR
    strerror: str

    def __init__(self, errno: object = "ignored", msg: object = "ignored") -> None:
        super().__init__(EINTR)

    def __str__(self) -> str:
        return f"{self.strerror}: the call should have been repeated; please report this bug"


class ThreadError(ZMQError):
    """Two threads used one socket at once: EBUSY. Nothing was sent, received or damaged.

    libzmq's sockets may move from one thread to another, but only one may use them at a time.
    """

    def __init__(
        self, msg: str = "socket in use by another thread; give each thread its own, or a lock"
    ) -> None:
        super().__init__(EBUSY, msg)


class ForkedError(ZMQError):
    """A context or socket was used in a process forked after it was made: EPERM.

    Only the process that made them may use them; closing them in the child does nothing.
    """

    def __init__(
        self, msg: str = "made in the parent process; make a new Context after the fork"
    ) -> None:
        super().__init__(EPERM, msg)


class ZMQBindError(ZMQBaseError):
    """No free port was found; see `Socket.bind_to_random_port`."""


class NotDone(ZMQBaseError):
    """`MessageTracker.wait` gave up: libzmq still holds the buffer."""


class ZMQVersionError(NotImplementedError):
    """The libzmq in use is too old.

    Args:
        min_version: the oldest that would do, as text or tuple.
        msg: what needs it.
    """

    msg: str
    min_version: str | tuple[int, ...]
    version: str

    def __init__(self, min_version: str | tuple[int, ...], msg: str = "Feature") -> None:
        self.msg = msg
        self.min_version = min_version
        self.version = ".".join(map(str, _version))

    def __str__(self) -> str:
        wanted = self.min_version
        if not isinstance(wanted, str):
            wanted = ".".join(map(str, wanted))
        return f"{self.msg} requires libzmq >= {wanted}, have {self.version}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class DraftFDWarning(RuntimeWarning):
    """The descriptor of a thread-safe draft socket was made by a helper and may be slow."""

    def __init__(self, msg: str = "") -> None:
        super().__init__(
            msg
            or "libzmq gives thread-safe sockets no FD; this one comes from a helper poller and is "
            "experimental. Ignore this warning with "
            "warnings.simplefilter('ignore', zmq.error.DraftFDWarning)"
        )


class PickleWarning(RuntimeWarning):
    """Objects are unpickled from a socket that other machines may reach, without CURVE: whoever can send to it can run code here.

    Given once for each socket, by recv_pyobj() before it receives. Silence it, where all peers are known to be trusted, with
    ``warnings.filterwarnings("ignore", category=zmq.PickleWarning)``.
    """


_CLASSES: dict[int, type[Again | ContextTerminated | InterruptedSystemCall]] = {
    Errno.EAGAIN: Again,
    Errno.ETERM: ContextTerminated,
    EINTR: InterruptedSystemCall,
}


def error_for(errno: int, msg: str | None = None) -> ZMQError:
    """Make the exception for an error number, of the class that users catch."""
    kind = _CLASSES.get(errno)
    if kind is None:  # programs look into args
        return ZMQError(errno) if msg is None else ZMQError(errno, msg)
    error = kind(errno)
    if msg is not None:
        error.strerror = msg
    return error


def _check_rc(rc: int, errno: int | None = None, error_without_errno: bool = True) -> None:
    """Raise what a return code of -1 means."""
    if rc == -1:
        if errno is None:
            errno = _zmq_errno()
        if errno or error_without_errno:
            raise error_for(errno)


def _check_version(min_version_info: tuple[int, ...], msg: str = "Feature") -> None:
    """Raise ZMQVersionError if libzmq is older."""
    if _version < min_version_info:
        raise ZMQVersionError(".".join(map(str, min_version_info)), msg)
