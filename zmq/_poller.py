"""Poller and select: many sockets and descriptors at once."""

from __future__ import annotations

from _thread import RLock

from ._core.poll import zmq_poll
from .constants import PollEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

POLLIN, POLLOUT, POLLERR = PollEvent.POLLIN, PollEvent.POLLOUT, PollEvent.POLLERR


class Poller:
    """A set of sockets and descriptors to wait for, each with what to wait for.

    Members are zmq sockets, descriptors (int), and objects with a ``fileno()`` method.
    """

    sockets: list[tuple[Any, int]]
    _map: dict[Any, int]

    def __init__(self) -> None:
        self.sockets = []
        self._map = {}
        self._changing = RLock()

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: all but the lock. Sockets cannot be pickled, descriptors can."""
        return {name: value for name, value in self.__dict__.items() if name != "_changing"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._changing = RLock()

    def __contains__(self, socket: object) -> bool:
        return socket in self._map

    def register(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Add a member, or change what is waited for.

        Args:
            socket: zmq socket, descriptor or object with fileno(); looked at only when polled.
            flags: zmq.POLLIN, POLLOUT, POLLERR, POLLPRI; 0 removes the member if there.
        """
        with self._changing:
            if flags:
                if socket in self._map:
                    self.sockets[self._map[socket]] = (socket, flags)
                else:
                    self._map[socket] = len(self.sockets)
                    self.sockets.append((socket, flags))
            elif socket in self._map:
                self.unregister(socket)

    def modify(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Change what a member is waited for: the same as register()."""
        self.register(socket, flags)

    def unregister(self, socket: Any) -> None:
        """Remove a member; KeyError when it is not there."""
        with self._changing:
            index = self._map.pop(socket)
            del self.sockets[index]
            for other, _ in self.sockets[index:]:
                self._map[other] -= 1

    def poll(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        """Wait until a member is ready.

        Args:
            timeout: milliseconds; None or negative: no limit. Without members it returns at once all the same.
        Returns:
            List of (member, mask): zmq sockets as registered, everything else as its descriptor.
        Raises:
            ZMQError: ENOTSOCK, a socket is closed. ContextTerminated. TypeError, ValueError: no member to poll (zmq_poll(3)).
        """
        return zmq_poll(self.sockets, -1 if timeout is None else timeout)


def select(
    rlist: Sequence[Any], wlist: Sequence[Any], xlist: Sequence[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """Wait like select.select, with zmq sockets among the descriptors.

    Args:
        rlist, wlist, xlist: what to watch for input, for room to write, for errors.
        timeout: seconds; None: no limit.
    Returns:
        Three lists of what is ready: zmq sockets as given, everything else as its descriptor.
    Raises:
        As Poller.poll.
    """
    return select_with(zmq_poll, rlist, wlist, xlist, timeout)


def select_with(
    poll: Callable[[list[tuple[Any, int]], float], list[tuple[Any, int]]],
    rlist: Sequence[Any],
    wlist: Sequence[Any],
    xlist: Sequence[Any],
    timeout: float | None,
) -> tuple[list[Any], list[Any], list[Any]]:
    """Do what select() does by means of a flavour's zmq_poll."""
    wanted: dict[Any, int] = {}
    for members, flag in ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLERR)):
        for member in members:
            wanted[member] = wanted.get(member, 0) | flag
    ready = poll(list(wanted.items()), -1 if timeout is None else timeout * 1000)
    return (
        [member for member, mask in ready if mask & POLLIN],
        [member for member, mask in ready if mask & POLLOUT],
        [member for member, mask in ready if mask & POLLERR],
    )
