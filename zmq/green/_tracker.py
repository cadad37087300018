"""A MessageTracker whose wait() lets other greenlets run: one of them may hold what it waits for."""

from __future__ import annotations

from time import monotonic
from typing import Any

from gevent import get_hub

from .._core.frame import Frame as _CoreFrame
from .._core.release import MessageTracker as _BlockingTracker
from .._core.release import ReleaseEvent, ReleaseWaker, events_of
from ..error import NotDone
from ._hub import Waiter

ONE_WEEK = 7 * 24 * 3600.0

# seconds between two looks at an event that is not libzmq's, or that somebody else waits for too
BETWEEN_LOOKS = 0.01


class MessageTracker(_BlockingTracker):
    """Tells when libzmq has let go of the memory of a message sent without a copy; see zmq.MessageTracker."""

    def wait(self, timeout: float = -1) -> None:
        """Let other greenlets run until the message is done.

        Args:
            timeout: seconds; negative or False: one week.
        Raises:
            NotDone: the time is over and libzmq still holds a buffer.
        """
        if self.done:
            return
        limit = ONE_WEEK if timeout is False or timeout < 0 else timeout
        deadline = monotonic() + limit
        hub = get_hub()
        waker = ReleaseWaker()
        events = list(events_of(self))
        ours = [event for event in events if isinstance(event, ReleaseEvent)]
        watched = [waker.watch(event) for event in ours]
        all_watched = all(watched) and len(watched) == len(events)
        news = hub.loop.io(waker.fileno(), 1)
        try:
            while not self.done:
                left = deadline - monotonic()
                if left <= 0:
                    raise NotDone(f"libzmq still holds the message after {timeout} s")
                waiter = Waiter(hub)
                news.start(waiter.settle_once)
                try:
                    waiter.wait(1000 * (left if all_watched else min(left, BETWEEN_LOOKS)), result=False)
                finally:
                    news.stop()
                waker.drain()
        finally:
            news.close()
            for event in ours:
                waker.forget(event)


def for_greenlets(tracker: Any, data: Any) -> Any:
    """What a send returned, as a tracker of this flavour; a Frame's own tracker stays what it is."""
    if tracker is None or isinstance(data, _CoreFrame) or tracker.done:
        return tracker
    return MessageTracker(tracker)
