"""Names of old."""

from __future__ import annotations

import asyncio

from .._warnings import warn_deprecated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ProactorSelectorThreadWarning(RuntimeWarning):
    """Given by no version of this package: loops without add_reader are served by a thread of ours, quietly."""


class ZMQEventLoop(asyncio.SelectorEventLoop):
    """A selector event loop; deprecated: any event loop will do."""

    def __init__(self, selector: Any = None) -> None:
        warn_deprecated("zmq.asyncio.ZMQEventLoop is deprecated: any event loop will do")
        super().__init__(selector)


def install() -> None:
    """Do nothing; deprecated: any event loop will do."""
    warn_deprecated("zmq.asyncio.install() is deprecated: any event loop will do")
