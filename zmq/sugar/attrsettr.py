"""Old import path of AttributeSetter."""

from .._attributes import AttributeSetter

__all__ = ["AttributeSetter"]
