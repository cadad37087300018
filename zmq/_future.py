"""Old private path of what the asynchronous flavours have in common, for programs that look into it."""

from __future__ import annotations

from .asyncio import Poller as _AsyncPoller
from .asyncio import Socket as _AsyncSocket
from .constants import PollEvent, SocketOption

EVENTS = SocketOption.EVENTS
POLLIN = PollEvent.POLLIN
POLLOUT = PollEvent.POLLOUT

__all__ = ["EVENTS", "POLLIN", "POLLOUT", "_AsyncPoller", "_AsyncSocket"]
