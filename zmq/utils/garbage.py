"""The old place of the thread that released zero-copy buffers. There is none any more, and this is what of it can be looked at.

A message holds the buffer itself until libzmq lets go of it (docs/design.md), so nothing is ever stored here.
"""

from __future__ import annotations

import os
from threading import Event, Thread
from typing import Any, NamedTuple

__all__ = ["GarbageCollector", "GarbageCollectorThread", "gc", "gcref"]


class gcref(NamedTuple):  # noqa: N801  # the name that programs know
    """What the collector once kept of a buffer: the object, and the event to set when it was released."""

    obj: Any
    event: Any


gcref.obj.__doc__ = "The object whose memory was lent."
gcref.event.__doc__ = "What was set when libzmq let go of it."


class GarbageCollectorThread(Thread):
    """The thread that the collector once had; it ends as soon as it runs.

    Args:
        gc: the GarbageCollector.
    """

    def __init__(self, gc: GarbageCollector) -> None:
        super().__init__()
        self.gc = gc
        self.daemon = True
        self.pid: int = os.getpid()
        self.ready: Event = Event()

    def run(self) -> None:
        """Say that the thread is ready, and end."""
        self.ready.set()


class GarbageCollector:
    """What is left of the collector: no thread, and no reference.

    Args:
        context: kept as `context`, and not used.
    """

    url = "inproc://pyzmq.gc.01"
    refs: dict[int, gcref]
    thread: Thread | None = None
    pid: int | None = None

    def __init__(self, context: Any = None) -> None:
        self.refs = {}
        self._context = context

    @property
    def context(self) -> Any:
        """The context given; None otherwise."""
        return self._context

    @context.setter
    def context(self, context: Any) -> None:
        self._context = context

    def start(self) -> None:
        """Do nothing: there is no thread to start."""

    def stop(self) -> None:
        """Do nothing: there is no thread to stop."""

    def is_alive(self) -> bool:
        """Return False: there is no thread."""
        return False

    def store(self, obj: Any, event: Any = None) -> int:
        """Raise NotImplementedError: ``send(obj, copy=False)`` holds the buffer by itself.

        Args:
            obj, event: not used.
        """
        raise NotImplementedError("nothing would release it here: send(obj, copy=False) holds the buffer until libzmq lets go")


gc: GarbageCollector = GarbageCollector()
