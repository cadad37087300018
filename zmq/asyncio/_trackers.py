"""Awaiting a MessageTracker.

libzmq's threads, which return a message's memory, wake the event loop through one descriptor for all the trackers awaited in it. No
thread waits and nothing is polled, unless the tracker watches events that are not ours, or another event loop awaits it too.
"""

from __future__ import annotations

import asyncio
import selectors
from weakref import WeakKeyDictionary

from .._core.release import ReleaseEvent, ReleaseWaker, events_of, set_tracker_awaiter
from ._loops import running_loop, unwatch_fd, watch_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._core.release import MessageTracker


class _Awaited:
    """The trackers awaited in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._trackers: dict[asyncio.Future[None], MessageTracker] = {}
        self._waker: ReleaseWaker | None = None

    async def wait(self, tracker: MessageTracker, events: list[ReleaseEvent]) -> None:
        if self._waker is None:
            self._waker = ReleaseWaker()
            watch_fd(self._loop, self._waker.fileno(), selectors.EVENT_READ, self._look)
        future = self._loop.create_future()
        self._trackers[future] = tracker
        try:
            if not all(self._waker.watch(event) for event in events):
                # another loop awaits it too
                await self._loop.run_in_executor(None, tracker.wait)
            elif not tracker.done:
                await future
        finally:
            del self._trackers[future]
            if not self._trackers:
                for event in events:
                    self._waker.forget(event)
                unwatch_fd(self._loop, self._waker.fileno(), selectors.EVENT_READ)
                self._waker = None

    def _look(self) -> None:
        if self._waker is not None:
            self._waker.drain()
        for future, tracker in self._trackers.items():
            if not future.done() and tracker.done:
                future.set_result(None)


_awaited: WeakKeyDictionary[asyncio.AbstractEventLoop, _Awaited] = WeakKeyDictionary()


async def released(tracker: MessageTracker) -> None:
    """Return when a tracker is done."""
    if tracker.done:
        return
    loop = running_loop()
    if loop is None:
        # trio
        from anyio import to_thread

        await to_thread.run_sync(tracker.wait, abandon_on_cancel=True)
        return
    events = events_of(tracker)
    ours = [event for event in events if isinstance(event, ReleaseEvent)]
    if len(ours) < len(events):
        await loop.run_in_executor(None, tracker.wait)
        return
    found = _awaited.get(loop)
    if found is None:
        found = _awaited[loop] = _Awaited(loop)
    await found.wait(tracker, ours)


set_tracker_awaiter(released)
