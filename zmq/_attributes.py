"""Attributes that are options: what sockets, contexts and frames share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class AttributeSetter:
    """Refuses to set unknown attributes, and finds options by name whatever its case.

    An option defined on the class (see zmq._core.sockopt) is set by its descriptor. There is no ``__getattr__``: it would make
    every look-up of a method, ``socket.send``, twice as slow.
    """

    __slots__ = ()

    def _option_named(self, key: str) -> int:
        """Return the option of this name; AttributeError when there is none."""
        raise AttributeError(f"{type(self).__name__} has no such option: {key.upper()}")

    def _get_attr_opt(self, name: str, opt: int) -> Any:
        return self.get(opt)

    def _set_attr_opt(self, name: str, opt: int, value: Any) -> None:
        self.set(opt, value)

    def get(self, option: int) -> Any:
        """Return an option; subclasses say which."""
        raise NotImplementedError(f"{type(self).__name__} has no options to get")

    def set(self, option: int, value: Any) -> None:
        """Set an option; subclasses say which."""
        raise NotImplementedError(f"{type(self).__name__} has no options to set")

    if not TYPE_CHECKING:  # a checker that sees this believes every misspelt name

        def __setattr__(self, key, value):
            cls = type(self)
            if hasattr(cls, key) or key in getattr(self, "__dict__", ()) or _annotated(cls, key):
                object.__setattr__(self, key, value)
            else:
                self._set_attr_opt(key.upper(), self._option_named(key), value)


def _annotated(cls: type, key: str) -> bool:
    return any(key in getattr(base, "__annotations__", ()) for base in cls.__mro__)
