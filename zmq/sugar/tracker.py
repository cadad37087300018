"""Old import path of MessageTracker."""

from .._core.release import _FINISHED_TRACKER, MessageTracker

__all__ = ["_FINISHED_TRACKER", "MessageTracker"]
