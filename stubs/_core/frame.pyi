"""Frame: one zmq_msg_t as a Python object, whose memory is exported without a copy."""

import builtins
from typing import Literal, NoReturn, overload

from typing_extensions import Self, disjoint_base

from .buffer import _Data
from .release import MessageTracker, _Event

@disjoint_base
class Frame:
    """A message frame; its memory is shared with libzmq, not copied."""

    more: bool
    tracker: MessageTracker | None
    tracker_event: _Event | None

    def __init__(
        self,
        data: _Data | None = None,
        track: bool = False,
        copy: bool | None = None,
        copy_threshold: int | None = None,
        **ignored: object,
    ) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object) -> NoReturn: ...
    def __reduce__(self) -> NoReturn: ...
    def __len__(self) -> int: ...
    @property
    def buffer(self) -> memoryview: ...
    @property
    def bytes(self) -> builtins.bytes: ...
    @overload
    def get(self, option: int) -> int: ...
    @overload
    def get(  # type: ignore[overload-overlap]  # other names are properties, which are text
        self, option: Literal["routing_id"]
    ) -> int | None: ...
    @overload
    def get(self, option: str | builtins.bytes) -> str: ...
    @overload
    def set(self, option: int | Literal["routing_id"], value: int) -> None: ...
    @overload
    def set(self, option: Literal["group"], value: str | builtins.bytes) -> None: ...
