"""Poller, zmq_poll and select of zmq.green: many sockets and descriptors at once, while other greenlets run."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from gevent import get_hub

from .._core.poll import zmq_poll as _zmq_poll
from .._core.socket import Socket as _CoreSocket
from .._poller import Poller as _BlockingPoller
from .._poller import select_with
from ..constants import PollEvent
from ._hub import HubReadiness, Waiter, readiness_of

if TYPE_CHECKING:
    from collections.abc import Sequence

POLLIN, POLLOUT = int(PollEvent.POLLIN), int(PollEvent.POLLOUT)


def zmq_poll(sockets: Sequence[tuple[Any, int]], timeout: float | None = -1) -> list[tuple[Any, int]]:
    """Wait until any of several sockets or descriptors is ready; other greenlets run meanwhile.

    Args:
        sockets: list of (object, flags): a zmq socket of any flavour, a descriptor or an object with fileno(); zmq.POLLIN, POLLOUT.
        timeout: milliseconds; None or -1 and less: no limit, also without any sockets. 0 only looks.
    Returns:
        List of (object, mask) for what is ready: sockets as they were given, everything else as its descriptor.
    Raises:
        As zmq.zmq_poll (zmq_poll(3)).
    """
    members = list(sockets)
    deadline = None if timeout is None or timeout <= -1 else monotonic() + max(0.0, float(timeout)) / 1000
    while True:
        ready = _zmq_poll(members, 0)
        left = None if deadline is None else (deadline - monotonic()) * 1000
        if ready or (left is not None and left <= 0):
            return ready
        # whoever was woken may find that another greenlet was quicker
        _wait_for_any(members, left)


def _wait_for_any(members: list[tuple[Any, int]], left: float | None) -> None:
    hub = get_hub()
    waiter = Waiter(hub)
    told: list[HubReadiness] = []
    watchers: list[Any] = []
    try:
        for member, flags in members:
            if isinstance(member, _CoreSocket):
                readiness = readiness_of(member)
                told.append(readiness)
                readiness.pollers.append((waiter, flags))
                readiness.look()
            elif flags & (POLLIN | POLLOUT):
                fd = member if isinstance(member, int) else member.fileno()
                watchers.append(hub.loop.io(fd, flags & (POLLIN | POLLOUT)))
                watchers[-1].start(waiter.settle_once)
        waiter.wait(left, result=False)
    finally:
        waiter.give_up()
        for watcher in watchers:
            watcher.stop()
            watcher.close()
        for readiness in told:
            if not readiness.left:
                readiness.listen()


def select(
    rlist: Sequence[Any], wlist: Sequence[Any], xlist: Sequence[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """Wait like zmq.select; other greenlets run meanwhile.

    Args:
        rlist, wlist, xlist: what to watch for input, for room to write, for errors. timeout: seconds; None: no limit.
    Returns:
        Three lists of what is ready: zmq sockets as given, everything else as its descriptor.
    """
    return select_with(zmq_poll, rlist, wlist, xlist, timeout)


class Poller(_BlockingPoller):
    """A zmq.Poller whose poll method lets other greenlets run while it waits.

    Members are zmq sockets of any flavour, descriptors and objects with ``fileno()``.
    """

    def poll(self, timeout: float | None = -1) -> list[tuple[Any, int]]:
        """Wait until a member is ready.

        Args:
            timeout: milliseconds; None or negative: no limit. Without members it waits that long.
        Returns:
            List of (member, mask): sockets as registered, everything else as its descriptor.
        Raises:
            As zmq.Poller.poll.
        """
        return zmq_poll(self.sockets, timeout)


_Poller = Poller
