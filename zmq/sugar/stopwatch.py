"""Old import path of Stopwatch."""

from ..sync import Stopwatch

__all__ = ["Stopwatch"]
