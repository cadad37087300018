"""What Windows needs to have a wait ended by Ctrl-C."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from typing_extensions import Self

__all__ = ["allow_interrupt"]

_CTRL_C_EVENT = 0


class allow_interrupt:  # noqa: N801  # the name that programs know
    """A context manager that calls a function when Ctrl-C comes, from a thread of Windows' own.

    Args:
        action: called without arguments; None: nothing. Everywhere but on Windows it is never called: signals end the wait.

    The interrupt goes on to Python, which raises KeyboardInterrupt as usual (SetConsoleCtrlHandler). Waits of this package end
    by themselves; this is for other code that blocks.
    """

    def __init__(self, action: Callable[[], Any] | None = None) -> None:
        self.action = action
        if os.name == "nt":
            import ctypes

            windows: Any = ctypes
            self._kernel: Any = windows.WinDLL("kernel32", use_last_error=True)
            # the object, not only the function, has to live as long as Windows may call it
            self._handler = windows.WINFUNCTYPE(windows.c_int, windows.c_uint)(self._handle)

    def _handle(self, event: int) -> int:
        if event == _CTRL_C_EVENT and self.action is not None:
            self.action()
        return 0  # not handled: the next handler is Python's

    def _set(self, add: bool) -> None:
        if os.name == "nt" and not self._kernel.SetConsoleCtrlHandler(self._handler, add):
            import ctypes

            windows: Any = ctypes
            raise windows.WinError(windows.get_last_error())

    def __enter__(self) -> Self:
        self._set(True)
        return self

    def __exit__(self, *args: object) -> None:
        self._set(False)
