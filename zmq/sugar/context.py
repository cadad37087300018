"""Old import path of Context."""

from __future__ import annotations

from ..sync import Context, Socket

SyncSocket = Socket[bytes]
SyncContext = Context[SyncSocket]

__all__ = ["Context", "SyncContext"]
