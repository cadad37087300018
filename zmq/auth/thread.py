"""An authenticator in a thread of its own: for programs without an event loop, and for those whose loop may be busy."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from threading import Event, Lock, Thread, current_thread

from .._core.handle import exiting
from ..asyncio import Socket as _AsyncSocket
from ..constants import SocketType
from ..error import ZMQError
from ..sync import Socket
from ._serve import serve
from .base import Authenticator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ThreadAuthenticator"]

#: Seconds that a new thread may take to begin.
_LIMIT = 10.0


class AuthenticationThread(Thread):
    """The thread of a ThreadAuthenticator: an event loop that answers requests until the pipe has a message.

    Args:
        authenticator: started already. pipe: a PAIR socket.
    """

    loop: asyncio.AbstractEventLoop
    poller: Any = None  # programs of old may look for it; here the loop itself watches the sockets

    def __init__(self, authenticator: Authenticator, pipe: Any) -> None:
        super().__init__(daemon=True, name="zmq.auth")
        self.authenticator = authenticator
        self.pipe = pipe
        self.started: Event = Event()

    def run(self) -> None:
        self.loop = asyncio.new_event_loop()
        try:
            self.loop.run_until_complete(self._main())
        finally:
            self.started.set()
            self.loop.close()

    async def _main(self) -> None:
        reader = _AsyncSocket.from_socket(self.authenticator.zap_socket)
        pipe = _AsyncSocket.from_socket(self.pipe)
        serving = asyncio.create_task(serve(self.authenticator, reader))
        ended = pipe.recv_multipart()
        self.started.set()
        try:
            await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
            serving.cancel()
            ended.cancel()
            (failed,) = await asyncio.gather(serving, return_exceptions=True)
            if isinstance(failed, Exception):
                self.authenticator.log.error("the authenticator ends", exc_info=failed)
        finally:
            self.authenticator._give_name_back()
            reader.close()
            pipe.close(0)
            # the other end as well, where nobody calls stop(): a context that is terminated waits for it
            other = getattr(self.authenticator, "pipe", None)
            if other is not None:
                other.close(0)
            Authenticator.stop(self.authenticator)
        await self.loop.shutdown_asyncgens()
        # what callbacks have started
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class ThreadAuthenticator(Authenticator):
    """An Authenticator that runs in a daemon thread, from start() to stop() or the end of its context.

    Args:
        context, encoding, log: as for Authenticator. The context may be one of any flavour.

    Callbacks are called in that thread; those that return an awaitable are awaited in its event loop.
    """

    pipe: Any = None
    pipe_endpoint: str = ""
    thread: Any = None

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        self._lock = Lock()
        super().__init__(context, encoding, log)

    def start(self) -> None:
        """Start the thread; when this returns, new connections are checked.

        Raises:
            ZMQError: EADDRINUSE, the context has an authenticator already (RFC 27). RuntimeError: the thread did not begin.
        """
        with self._lock:
            super().start()
            inner = None
            try:
                self.pipe_endpoint = f"inproc://zmq.auth.{os.urandom(8).hex()}"
                self.pipe = self.context.socket(SocketType.PAIR, socket_class=Socket)
                self.pipe.linger = 0
                self.pipe.bind(self.pipe_endpoint)
                inner = self.context.socket(SocketType.PAIR, socket_class=Socket)
                inner.linger = 0
                inner.connect(self.pipe_endpoint)
                thread = AuthenticationThread(self, inner)
                thread.start()
            except BaseException:
                for socket in (inner, self.pipe):
                    if socket is not None:
                        socket.close(0)
                self.pipe = None
                super().stop()
                raise
            self.thread = thread
        if not thread.started.wait(_LIMIT):
            self.stop()
            raise RuntimeError(f"the authenticator's thread did not begin within {_LIMIT:g} s")

    def stop(self) -> None:
        """End the thread and close its sockets; from now on NULL and CURVE clients are let in unasked, PLAIN ones refused.

        Stopping twice is nothing. A callback that blocks is waited for; one that awaits is cancelled.
        """
        with self._lock:
            thread, self.thread = self.thread, None
            pipe, self.pipe = self.pipe, None
            if thread is None:
                return
            with suppress(ZMQError):  # the context has gone, and the thread with it; or this is a forked child, which has none
                pipe.send(b"TERMINATE")
            if thread is not current_thread():
                thread.join()
            pipe.close(0)

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self.thread is not None and bool(self.thread.is_alive())

    def __del__(self, exiting: Callable[[], bool] = exiting) -> None:  # the module's own name may be gone by then
        if not exiting():
            self.stop()
