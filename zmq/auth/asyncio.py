"""An authenticator that is a task of an event loop."""

from __future__ import annotations

import asyncio

from .._warnings import warn_deprecated
from ..asyncio import Socket as _AsyncSocket
from ._serve import serve
from .base import Authenticator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AsyncioAuthenticator"]


class AsyncioAuthenticator(Authenticator):
    """An Authenticator that runs as a task of the running loop, from start() to stop() or the end of the loop.

    Args:
        context, encoding, log: as for Authenticator. loop: deprecated, ignored.

    While the loop is busy, new connections wait. When it has ended, they are no longer checked: see zmq.Context.auth.
    """

    _task: asyncio.Task[None] | None = None
    _reader: Any = None

    def __init__(self, context: Any = None, loop: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        if loop is not None:
            warn_deprecated("the loop argument is deprecated and ignored: the running loop is used")
        super().__init__(context, encoding, log)

    def start(self) -> None:
        """Start the task; new connections are checked as soon as the loop runs.

        Raises:
            ZMQError: EADDRINUSE, the context has an authenticator already (RFC 27).
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # programs of old start it before they run the loop
            loop = asyncio.get_event_loop()
        super().start()
        self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        reader = self._reader = _AsyncSocket.from_socket(self.zap_socket)
        try:
            await serve(self, reader)
        finally:
            if self._reader is reader:
                self.stop()

    def stop(self) -> None:
        """End the task and close its socket; from now on NULL and CURVE clients are let in unasked, PLAIN ones refused."""
        task, self._task = self._task, None
        reader, self._reader = self._reader, None
        if task is not None and not task.get_loop().is_closed():
            task.cancel()
        self._give_name_back()
        if reader is not None:
            reader.close()
        super().stop()
