"""Helpers under their old import paths."""

from .._lazy import submodules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import interop, jsonapi
else:
    __getattr__ = submodules(__name__, "interop", "jsonapi")
