"""The authenticator of tornado's loop, which is asyncio's; deprecated: use zmq.auth.asyncio."""

from __future__ import annotations

from .._warnings import warn_deprecated
from .asyncio import AsyncioAuthenticator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["IOLoopAuthenticator"]

warn_deprecated("zmq.auth.ioloop is deprecated: use zmq.auth.asyncio")


class IOLoopAuthenticator(AsyncioAuthenticator):
    """AsyncioAuthenticator by a name of old.

    Args:
        context, encoding, log: as for Authenticator. io_loop: deprecated, ignored.
    """

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None, io_loop: Any = None) -> None:
        if io_loop is not None:
            warn_deprecated("the io_loop argument is deprecated and ignored: the running loop is used")
        super().__init__(context, encoding=encoding, log=log)
