"""When a socket can go on: the one place that knows how libzmq's descriptor behaves.

The descriptor becomes readable when there are commands for the socket, not when there is a message, and reading EVENTS, sending
or receiving takes the news off it, whoever does so (zmq_getsockopt(3), ZMQ_FD and ZMQ_EVENTS). So after every look that leaves
somebody waiting, the core is told to speak up before the next call of anybody else on the socket, and then this looks again.

It has no event loop of its own: a flavour says how to have `look` called soon, and gives waiters to settle.
"""

from __future__ import annotations

from collections import deque

from ._core.awaiting import serve
from .constants import PollEvent, SocketOption
from .error import ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class _Waiter(Protocol):
        """Somebody who waits for an operation."""

        def done(self) -> bool: ...
        def settle(self, result: Any) -> None: ...
        def fail(self, error: BaseException) -> None: ...

    _Operation = Callable[[], Any]

POLLIN, POLLOUT = int(PollEvent.POLLIN), int(PollEvent.POLLOUT)
_EVENTS = SocketOption.EVENTS


class Readiness:
    """Who waits for a socket, in the order they came, each direction by itself.

    All Python objects that stand for one libzmq socket share one. A subclass for each kind of event loop says what raises
    NotImplementedError here.
    """

    def __init__(self, get: Callable[[int], Any], watch: Callable[[Any], None], unwatch: Callable[[], None]) -> None:
        self._get = get
        self._watch = watch
        self._unwatch = unwatch
        self.receivers: deque[tuple[_Waiter, _Operation]] = deque()
        self.senders: deque[tuple[_Waiter, _Operation]] = deque()
        self.pollers: list[tuple[Any, int]] = []  # these waiters have cancel() too
        self._tidy_at = 32

    def enqueue(self, queue: deque[tuple[_Waiter, _Operation]], waiter: _Waiter, operation: _Operation) -> None:
        """Have an operation done when its turn comes; `queue` is `receivers` or `senders`."""
        if len(queue) >= self._tidy_at:
            # cancelled and timed out ones behind one that still waits would pile up
            alive = [entry for entry in queue if not entry[0].done()]
            queue.clear()
            queue.extend(alive)
            self._tidy_at = max(32, 2 * len(alive))
        queue.append((waiter, operation))

    def look_soon(self) -> None:
        """Have `look` called from the event loop; may be called by any thread, and before every call on the socket."""
        raise NotImplementedError

    def soon(self, function: Callable[[], None]) -> None:
        """Have a function called from the event loop, if that still runs; may be called by any thread."""
        raise NotImplementedError

    def is_here(self) -> bool:
        """Whether their event loop is the one that runs here."""
        raise NotImplementedError

    def leave(self) -> None:
        """Let go of the descriptor and forget who waits."""
        raise NotImplementedError

    async def park(self, waiter: Any) -> None:
        """Return when a waiter that is a task is done."""
        while not waiter.done():
            await waiter.sleep()

    def waiting(self) -> bool:
        """Whether anybody waits."""
        return bool(self.receivers or self.senders or self.pollers)

    def look(self) -> None:
        """Serve everybody who can be served now; one wake-up may serve many."""
        self._unwatch()
        if self.receivers and not self.senders and not self.pollers:
            # the most frequent case needs no EVENTS: a receive that finds nothing has emptied the mailbox
            serve(self.receivers)
            if self.receivers:
                self._watch(self.look_soon)
            return
        try:
            served: Any = True
            while served and self.waiting():
                # asked again after each round: serving one direction may have taken the other's news
                events = self._get(_EVENTS)
                served = events & POLLIN and serve(self.receivers)
                served = (events & POLLOUT and serve(self.senders)) or served
                for waiter, wanted in self.pollers:
                    if events & wanted and not waiter.done():
                        waiter.settle(int(events & wanted))
                self._forget_done()
            if self.waiting():
                self._watch(self.look_soon)
            elif served is True:
                # nobody waits, but the descriptor must not stay readable
                self._get(_EVENTS)
        except ZMQError as error:
            self.fail_all(error)

    def sleep(self) -> None:
        """After a receive that found nothing, which emptied the mailbox: the descriptor, or the core, will tell of news."""
        self._unwatch()
        self._watch(self.look_soon)

    def fail_all(self, error: BaseException) -> None:
        """Let everybody who waits know that the socket is of no use any more."""
        waiters = [waiter for waiter, _ in (*self.receivers, *self.senders, *self.pollers)]
        self.forget()
        for waiter in waiters:
            if not waiter.done():
                waiter.fail(error)

    def close(self, close: Callable[[], None], error: BaseException) -> None:
        """Close the socket and tell those who wait for a message or for room; polls are cancelled."""
        pollers, self.pollers = self.pollers, []
        waiters = [waiter for waiter, _ in (*self.receivers, *self.senders)]
        self.leave()
        close()

        def tell() -> None:
            for waiter, _ in pollers:
                if not waiter.done():
                    waiter.cancel()
            for waiter in waiters:
                if not waiter.done():
                    waiter.fail(error)

        if self.is_here():
            tell()
        else:
            self.soon(tell)

    def forget(self) -> None:
        """Drop everybody who waits: their event loop cannot hear them any more."""
        self.receivers.clear()
        self.senders.clear()
        self.pollers.clear()

    def _forget_done(self) -> None:
        for queue in (self.receivers, self.senders):
            while queue and queue[0][0].done():
                queue.popleft()
        if self.pollers:
            self.pollers = [entry for entry in self.pollers if not entry[0].done()]
