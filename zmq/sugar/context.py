"""Old import path of Context."""

from __future__ import annotations

from ..sync import Context, SyncContext

__all__ = ["Context", "SyncContext"]
