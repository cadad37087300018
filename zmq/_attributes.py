"""Attributes that are options: what sockets, contexts and frames share."""

from __future__ import annotations

from errno import EFAULT, EINVAL

from .error import ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class AttributeSetter:
    """Refuses unknown attributes, and finds options by name whatever its case.

    An option defined on the class (see zmq._core.sockopt) never gets here: these are the fallbacks of attribute look-up.
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

    if not TYPE_CHECKING:  # a checker that sees these believes every misspelt name

        def __getattr__(self, key):
            if key.startswith("__"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {key!r}")
            option = self._option_named(key)
            try:
                return self._get_attr_opt(key.upper(), option)
            except ZMQError as error:
                # EFAULT is what unittest.mock meets on a context that is gone
                if error.errno in (EINVAL, EFAULT):
                    raise AttributeError(f"{key} attribute is write-only, or unknown to this libzmq") from None
                raise

        def __setattr__(self, key, value):
            cls = type(self)
            if hasattr(cls, key) or key in getattr(self, "__dict__", ()) or _annotated(cls, key):
                object.__setattr__(self, key, value)
            else:
                self._set_attr_opt(key.upper(), self._option_named(key), value)


def _annotated(cls: type, key: str) -> bool:
    return any(key in getattr(base, "__annotations__", ()) for base in cls.__mro__)
