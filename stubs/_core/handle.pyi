"""Who may touch a libzmq socket or context, and the one way to wait for it."""

from typing import Any, final

def exiting() -> bool: ...
def live_sockets() -> int: ...

@final
class ContextHandle:
    """A libzmq context, shared by all objects that stand for it."""

    @property
    def closed(self) -> bool: ...
    @property
    def forked(self) -> bool: ...

@final
class SocketHandle:
    """A libzmq socket, shared by all objects that stand for it."""

    readiness: Any
    hub: Any
    remote: str | None
    @property
    def closed(self) -> bool: ...
    @property
    def forked(self) -> bool: ...
    @property
    def type(self) -> int: ...
    @property
    def context(self) -> ContextHandle: ...
