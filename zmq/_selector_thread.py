"""A thread that watches descriptors for event loops that cannot: Windows' Proactor loop has no add_reader."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class SelectorThread:
    """add_reader, add_writer and their opposites for a loop without them.

    Args:
        loop: the event loop that callbacks are called in.

    A descriptor that became ready is left alone until its callback has run, so that the thread does not spin.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._stopped = False
        self._callbacks: dict[tuple[int, int], Callable[[], None]] = {}
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        threading.Thread(target=self._run, name="zmq-selector", daemon=True).start()

    def add(self, fd: int, event: int, callback: Callable[[], None]) -> None:
        """Call `callback` in the loop while the descriptor is ready.

        Args:
            fd: descriptor. event: selectors.EVENT_READ or EVENT_WRITE.
        """
        with self._lock:
            self._callbacks[fd, event] = callback
        self._wake()

    def remove(self, fd: int, event: int) -> bool:
        """Stop watching; whether anything is left to watch."""
        with self._lock:
            self._callbacks.pop((fd, event), None)
            left = bool(self._callbacks)
        self._wake()
        return left

    def stop(self) -> None:
        """End the thread, which need not wait for the end of its loop."""
        self._stopped = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already; closed: it has ended
            self._waker.send(b"w")

    def _run(self) -> None:
        handled = threading.Event()
        while not self._stopped and not self._loop.is_closed():
            with selectors.DefaultSelector() as selector:
                selector.register(self._wakened, selectors.EVENT_READ)
                with self._lock:
                    watched: dict[int, int] = {}
                    for fd, event in self._callbacks:
                        watched[fd] = watched.get(fd, 0) | event
                for fd, mask in watched.items():
                    try:
                        selector.register(fd, mask)
                    except (OSError, ValueError):  # closed meanwhile
                        self.remove(fd, selectors.EVENT_READ)
                        self.remove(fd, selectors.EVENT_WRITE)
                # now and then it looks whether the loop is still there
                ready = selector.select(1.0)
            keys = []
            for key, mask in ready:
                if key.fileobj is self._wakened:
                    with contextlib.suppress(BlockingIOError):
                        self._wakened.recv(4096)
                else:
                    keys += [(key.fd, event) for event in (selectors.EVENT_READ, selectors.EVENT_WRITE) if mask & event]
            if keys:
                handled.clear()
                try:
                    self._loop.call_soon_threadsafe(self._call, keys, handled)
                except RuntimeError:  # the loop was closed
                    break
                while not handled.wait(1.0) and not self._loop.is_closed():
                    pass
        self._waker.close()
        self._wakened.close()

    def _call(self, keys: list[tuple[int, int]], handled: threading.Event) -> None:
        try:
            for key in keys:
                with self._lock:
                    callback = self._callbacks.get(key)
                if callback is not None:
                    callback()
        finally:
            handled.set()
