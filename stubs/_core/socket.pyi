"""Socket: the six verbs, endpoints, options and closing."""

from collections.abc import Sequence
from typing import Any, Literal, NoReturn, overload

from typing_extensions import disjoint_base

from zmq import Frame

from .buffer import _Data
from .handle import SocketHandle
from .release import MessageTracker
from .sockopt import OptionHolder, _BytesOption, _IntOption

def set_frame_class(cls: type) -> None: ...

@disjoint_base
class Socket(OptionHolder):
    """A libzmq socket, without the conveniences of zmq.Socket."""

    context: Any
    copy_threshold: int

    def __init__(
        self,
        context: object = None,
        socket_type: int = -1,
        shadow: int = 0,
        copy_threshold: int | None = None,
    ) -> None: ...
    @property
    def underlying(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def _forked(self) -> bool: ...
    @property
    def _handle(self) -> SocketHandle: ...
    @property
    def _closed(self) -> bool: ...
    def close(self, linger: int | None = None) -> None: ...
    @overload
    def get(self, option: _BytesOption) -> bytes: ...
    @overload
    def get(self, option: _IntOption) -> int: ...
    @overload
    def get(self, option: int) -> int | bytes: ...
    def set(self, option: int, optval: int | bytes) -> None: ...
    @overload
    def getsockopt(self, option: _BytesOption) -> bytes: ...
    @overload
    def getsockopt(self, option: _IntOption) -> int: ...
    @overload
    def getsockopt(self, option: int) -> int | bytes: ...
    def setsockopt(self, option: int, optval: int | bytes) -> None: ...
    # zmq.Socket returns a context manager from these two
    def bind(self, addr: str | bytes) -> object: ...
    def connect(self, addr: str | bytes) -> object: ...
    def connect_peer(self, addr: str | bytes) -> int: ...
    def unbind(self, addr: str | bytes) -> None: ...
    def disconnect(self, addr: str | bytes) -> None: ...
    def monitor(self, addr: str | bytes | None, events: int = 0xFFFF) -> None: ...
    def join(self, group: str | bytes) -> None: ...
    def leave(self, group: str | bytes) -> None: ...
    @overload
    def send(
        self,
        data: _Data,
        flags: int = 0,
        *,
        copy: Literal[False],
        track: Literal[True],
        routing_id: int | None = None,
        group: str | bytes | None = None,
    ) -> MessageTracker: ...
    @overload
    def send(
        self,
        data: _Data,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | bytes | None = None,
    ) -> MessageTracker | None: ...
    # Any: mypy infers no more than Collection for a list of bytes and an array
    @overload
    def send_multipart(
        self,
        msg_parts: Sequence[Any],
        flags: int = 0,
        *,
        copy: Literal[False],
        track: Literal[True],
        routing_id: int | None = None,
        group: str | bytes | None = None,
        **kwargs: object,
    ) -> MessageTracker: ...
    @overload
    def send_multipart(
        self,
        msg_parts: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | bytes | None = None,
        **kwargs: object,
    ) -> MessageTracker | None: ...
    @overload
    def recv(self, flags: int = 0, copy: Literal[True] = True, track: bool = False) -> bytes: ...
    @overload
    def recv(self, flags: int = 0, *, copy: Literal[False], track: bool = False) -> Frame: ...
    @overload
    def recv(self, flags: int, copy: Literal[False], track: bool = False) -> Frame: ...
    @overload
    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> bytes | Frame: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, copy: Literal[True] = True, track: bool = False
    ) -> list[bytes]: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, *, copy: Literal[False], track: bool = False
    ) -> list[Frame]: ...
    @overload
    def recv_multipart(
        self, flags: int, copy: Literal[False], track: bool = False
    ) -> list[Frame]: ...
    @overload
    def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False
    ) -> list[bytes] | list[Frame]: ...
    def recv_into(self, buffer: _Data, /, *, nbytes: int = 0, flags: int = 0) -> int: ...
    def poll(self, timeout: float | None = None, flags: int = 1) -> int: ...
    def __reduce__(self) -> NoReturn: ...
