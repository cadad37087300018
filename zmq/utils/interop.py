"""Old import path of the address helper."""

from .._context import cast_int_addr

__all__ = ["cast_int_addr"]
