"""typing.Generic for classes of this package, without the time that importing typing takes."""

from __future__ import annotations

import types

__all__ = ["Generic"]


class Generic:
    """Makes ``Socket[bytes]`` an expression; only type checkers give it a meaning."""

    __slots__ = ()

    def __class_getitem__(cls, item: object) -> object:
        return cls if cls is Generic else types.GenericAlias(cls, item)
