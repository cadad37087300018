"""Old import path of Socket."""

from __future__ import annotations

from .._methods import DEFAULT_PROTOCOL, _SocketContext
from ..sync import Socket, SyncSocket

__all__ = ["DEFAULT_PROTOCOL", "Socket", "SyncSocket", "_SocketContext"]
