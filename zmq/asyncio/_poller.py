"""Waiting for many sockets and descriptors at once."""

from __future__ import annotations

import selectors
from functools import partial
from weakref import WeakKeyDictionary

from .._core.poll import zmq_poll
from .._core.socket import Socket as _CoreSocket
from .._poller import Poller as _BlockingPoller
from ..constants import PollEvent
from ._futures import Future
from ._loops import current_loop, unwatch_fd, watch_fd
from ._socket import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import Any

POLLIN, POLLOUT = int(PollEvent.POLLIN), int(PollEvent.POLLOUT)


class Poller(_BlockingPoller):
    """A zmq.Poller whose poll method returns a future.

    Members are asyncio sockets, blocking sockets, descriptors and objects with ``fileno()``.
    """

    __module__ = "zmq.asyncio"

    def _default_loop(self) -> asyncio.AbstractEventLoop:
        return current_loop()

    def poll(self, timeout: float | None = -1) -> Any:
        """Wait until a member is ready.

        Args:
            timeout: milliseconds; None or negative: no limit. Without members it waits that long.
        Returns:
            A future of the list of (member, mask): sockets as registered, everything else as its descriptor.
        Raises:
            As zmq.Poller.poll, at once for members that cannot be polled.
        """
        loop = self._default_loop()
        future = Future(loop=loop)
        ready = zmq_poll(self.sockets, 0)
        if ready or timeout == 0:
            future.set_result(ready)
            return future
        members = list(self.sockets)
        undo: list[Callable[[], None]] = []
        watch = _Watch(future, members)
        for member, flags in members:
            undo.append(_watch_member(loop, member, flags, watch))
        future.add_done_callback(lambda _: [take_back() for take_back in undo])
        if timeout is not None and timeout >= 0:
            future.expire_in(timeout, [])
        return future


class _Watch:
    """The waiter that a Poller leaves with each of its sockets."""

    def __init__(self, future: Future, members: list[tuple[Any, int]]) -> None:
        self._future = future
        self._members = members

    def done(self) -> bool:
        return self._future.done()

    def settle(self, result: Any) -> None:
        self._future.get_loop().call_soon(self.collect)

    def collect(self) -> None:
        if not self._future.done():
            try:
                ready = zmq_poll(self._members, 0)
            except Exception as error:  # noqa: BLE001  # the awaiter is told
                self._future.fail(error)
            else:
                if ready:
                    self._future.settle(ready)

    def fail(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.fail(error)

    def cancel(self) -> None:
        """The socket was closed."""
        self._future.cancel()


def _watch_member(loop: asyncio.AbstractEventLoop, member: Any, flags: int, watch: _Watch) -> Callable[[], None]:
    """Have a member wake the watch; the function that takes this back."""
    if isinstance(member, _CoreSocket):
        socket = member if isinstance(member, Socket) else Socket.from_socket(member)
        readiness = socket._readiness()
        entry = (watch, flags)
        readiness.pollers.append(entry)
        readiness.look()

        def forget() -> None:
            if entry in readiness.pollers:
                readiness.pollers.remove(entry)

        return forget
    fd = member if isinstance(member, int) else member.fileno()
    events = [event for event, flag in ((selectors.EVENT_READ, POLLIN), (selectors.EVENT_WRITE, POLLOUT)) if flags & flag]
    for event in events:
        _watch_descriptor(loop, fd, event, watch)

    def unwatch() -> None:
        for event in events:
            _unwatch_descriptor(loop, fd, event, watch)

    return unwatch


# A loop has one callback for a descriptor, which several pollers may wait for.
_descriptors: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[int, int], list[_Watch]]] = WeakKeyDictionary()


def _watch_descriptor(loop: asyncio.AbstractEventLoop, fd: int, event: int, watch: _Watch) -> None:
    watches = _descriptors.setdefault(loop, {}).setdefault((fd, event), [])
    # each time: the number may have become that of another descriptor, which the loop does not know
    watch_fd(loop, fd, event, partial(_collect_all, watches))
    watches.append(watch)


def _collect_all(watches: list[_Watch]) -> None:
    for watch in tuple(watches):
        watch.collect()


def _unwatch_descriptor(loop: asyncio.AbstractEventLoop, fd: int, event: int, watch: _Watch) -> None:
    watches = _descriptors[loop][fd, event]
    watches.remove(watch)
    if not watches:
        del _descriptors[loop][fd, event]
        unwatch_fd(loop, fd, event)
