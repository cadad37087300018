"""What flavours have in common above the verbs: messages that go back, and batches."""

from __future__ import annotations

from .constants import Flag
from .error import Again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

DONTWAIT = int(Flag.DONTWAIT)


def frames_of(received: Any, more: bool) -> list[tuple[Any, bool]]:
    """A frame, or the frames of a message, each with whether another is behind it: what Socket._give_back() takes."""
    if type(received) is not list:
        return [(received, more)]
    last = len(received) - 1
    return [(frame, i < last) for i, frame in enumerate(received)]


def frames_of_many(received: list[Any], continued: list[int] | None) -> list[tuple[Any, bool]]:
    """The same for what recv_many() gave; `continued` is Socket._continued, asked for right after the call."""
    if type(received[0]) is list:
        return [frame for message in received for frame in frames_of(message, False)]
    return [(frame, i in (continued or ())) for i, frame in enumerate(received)]


class SendMany:
    """The operation of send_many(), which goes on where it had to stop.

    Args:
        spend: told how many messages went in each call. The others as for send_many().
    """

    def __init__(
        self, socket: Any, messages: Iterable[Any], flags: int, copy: bool, multipart: bool, spend: Callable[[int], None]
    ) -> None:
        self._socket = socket
        self._batch: tuple[Any, ...] = socket._check_many(messages, multipart)
        self._how = (flags | DONTWAIT, copy, multipart)
        self._wait = not flags & DONTWAIT
        self._spend = spend
        self.sent = 0

    def __call__(self) -> int:
        """Send what can be sent now: how many messages have gone; Again when there are more to wait for, or none went."""
        before = self.sent
        try:
            self.sent = self._socket._send_from(self._batch, before, *self._how)
        except Again:
            if self._wait or not before:
                raise
        except Exception as error:
            self.sent = getattr(error, "sent", before)
            raise
        self._spend(self.sent - before)
        if self._wait and self.sent < len(self._batch):
            raise Again()
        return self.sent
