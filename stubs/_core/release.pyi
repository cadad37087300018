"""Zero-copy: memory lent to libzmq, and the trackers that tell when it came back."""

from typing import Protocol

from typing_extensions import disjoint_base

from .frame import Frame

class _Event(Protocol):
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...

@disjoint_base
class ReleaseEvent:
    """Set once libzmq has returned every buffer of a message."""

    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...

class MessageTracker:
    """Tells when libzmq has let go of the memory of a message sent without a copy."""

    events: set[_Event]
    peers: set[MessageTracker]

    def __init__(self, *towatch: _Event | MessageTracker | Frame) -> None: ...
    @property
    def done(self) -> bool: ...
    def wait(self, timeout: float = -1) -> None: ...

_FINISHED_TRACKER: MessageTracker

def live_buffers() -> int: ...
