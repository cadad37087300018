"""zmq.eventloop.future: zmq.asyncio for programs of tornado's, whose loop and futures are asyncio's."""

from __future__ import annotations

from asyncio import CancelledError as CancelledError
from typing import TYPE_CHECKING, Any

from .. import asyncio as _flavour
from .._warnings import warn_deprecated
from . import IOLoop
from ._readiness import IOLoopReadiness

if TYPE_CHECKING:
    import asyncio

__all__ = ["CancelledError", "Context", "Poller", "Socket"]


class _AsyncTornado:
    """The loop that is used when none is running."""

    def _default_loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = IOLoop.current().asyncio_loop  # type: ignore[attr-defined]  # of every IOLoop since 5
        return loop


class Socket(_AsyncTornado, _flavour.Socket):
    """A zmq.Socket whose send, receive and poll methods return futures; see zmq.asyncio.Socket.

    Closing the IOLoop with ``all_fds=True`` closes the sockets that were used in it.
    """

    _repr_cls = "zmq.eventloop.future.Socket"
    _readiness_class = IOLoopReadiness


class Poller(_AsyncTornado, _flavour.Poller):
    """A zmq.Poller whose poll method returns a future; see zmq.asyncio.Poller."""


class Context(_flavour.Context):
    """A zmq.Context whose sockets are those of this module.

    Args:
        *args, **kwargs: for zmq.Context. io_loop: deprecated, ignored.
    """

    _socket_class = Socket
    _instance = None
    _repr_cls = "zmq.eventloop.future.Context"
    io_loop: Any = None  # what programs of old read; the running loop is used

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.pop("io_loop", None) is not None:
            warn_deprecated("the io_loop argument is deprecated and ignored: the running loop is used")
        super().__init__(*args, **kwargs)
