"""The awaited verbs where they need not wait, and one try of those that do; for the event loops' flavours only."""

from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, final

from typing_extensions import Self, disjoint_base

from .buffer import _Data
from .socket import Socket

def use_futures(get_running_loop: Callable[[], AbstractEventLoop | None], future: type, received: type) -> None: ...
def receive_frames(
    socket: Socket, wanted: int = 1, copy: bool = True, multipart: bool = False, batch: bool = False
) -> Receive: ...
def serve(queue: deque[Any]) -> bool: ...

@final
class Receive:
    load: Any
    def __call__(self, *args: object, **kwargs: object) -> Any: ...
    def done(self, loop: AbstractEventLoop, received: Any) -> Any: ...
    def give_back(self, received: Any) -> None: ...

@final
class Stream:
    def __init__(self, receive: Callable[[], Any]) -> None: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Any: ...

@disjoint_base
class Turns:
    loop: Any
    receivers: Any
    senders: Any
    pollers: Any
    budget: int
    left: bool
    core: Socket
    def begin_turn(self) -> None: ...
    def spend(self, operations: int) -> None: ...
    def look_for_messages(self) -> bool: ...
    def sleep(self) -> None: ...

@disjoint_base
class AwaitingSocket(Socket):
    _here: Any
    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any: ...
    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any: ...
    def recv_many(self, n: int, flags: int = 0, copy: bool = True, multipart: bool = False) -> Any: ...
    def send(
        self,
        data: _Data,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | bytes | None = None,
    ) -> Any: ...
    def send_multipart(
        self,
        msg_parts: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | bytes | None = None,
        **kwargs: object,
    ) -> Any: ...
