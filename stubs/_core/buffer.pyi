"""Python objects as one contiguous block of memory; for the other compiled modules only."""

from typing import Any, Protocol, TypeAlias

from typing_extensions import Buffer

class _Array(Protocol):
    """numpy declares its arrays as buffers from Python 3.12 on only."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...

_Data: TypeAlias = Buffer | _Array  # noqa: PYI047  (for frame.pyi and socket.pyi)
