"""Old import path of Frame."""

from ..sync import Frame, Message

__all__ = ["Frame", "Message"]
