"""Waiting for peers and subscribers, written once for all flavours.

libzmq tells nobody when a peer has come, but the bundled one counts (bundled/patches/04-count-peers.patch), so this looks again and
again: after one millisecond, then two, up to ten. The steps are a generator that yields what `poll` returns; a flavour whose `poll`
returns an awaitable gets a coroutine.
"""

from __future__ import annotations

from time import monotonic

from .constants import Errno, SocketOption
from .error import Again, ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from ._methods import SocketMethods

_LONGEST_PAUSE = 10  # milliseconds


def wait_connected(socket: SocketMethods, n: int, timeout: float | None) -> Any:
    """See SocketMethods.wait_connected."""

    def count() -> int:
        found = _supported(socket._count_peers())
        if found < n and socket.get(SocketOption.LAST_ENDPOINT).startswith(b"inproc:"):
            raise ZMQError(
                Errno.EPROTONOSUPPORT,
                "peers over inproc are not counted: they are connected as soon as one has called bind() and the other connect()",
            )
        return found

    return _drive(_until(socket, count, n, timeout, "connected peers"))


def wait_subscribers(socket: SocketMethods, topic: str | bytes, n: int, timeout: float | None) -> Any:
    """See SocketMethods.wait_subscribers."""
    beginning = topic.encode("utf-8") if isinstance(topic, str) else bytes(topic)

    def count() -> int:
        try:
            return _supported(socket._count_subscribers(beginning))
        except ZMQError as error:
            if error.errno == Errno.ENOTSUP and error.strerror != _UNSUPPORTED:
                raise ZMQError(error.errno, f"{socket!r} has no subscribers: PUB and XPUB sockets have") from None
            raise

    return _drive(_until(socket, count, n, timeout, f"subscribers to {beginning!r}"))


_UNSUPPORTED = (
    "this libzmq does not count peers, the one that this package bundles does: build with ZMQ_PREFIX=bundled, or listen to a "
    "monitor that began before bind() and connect() (monitor_events())"
)


def _supported(number: int) -> int:
    if number < 0:
        raise ZMQError(Errno.ENOTSUP, _UNSUPPORTED)
    return number


def _until(
    socket: SocketMethods, count: Callable[[], int], n: int, timeout: float | None, what: str
) -> Generator[Any, Any, int]:
    """Wait until there are n of them, and return how many there are."""
    deadline = None if timeout is None or timeout < 0 else monotonic() + timeout / 1000
    found = count()
    yield socket.poll(0, 0)  # once at least, by which a flavour shows how it waits
    pause = 1.0
    while found < n:
        left = _LONGEST_PAUSE if deadline is None else (deadline - monotonic()) * 1000
        if left <= 0:
            missing = Again()
            missing.strerror = f"{found} of {n} {what} after {timeout:g} ms: {socket!r}"
            raise missing
        yield socket.poll(min(pause, left), 0)
        pause = min(2 * pause, _LONGEST_PAUSE)
        found = count()
    return found


def _drive(steps: Generator[Any, Any, int]) -> Any:
    """Run the steps: at once, or in the coroutine that this returns when they yield awaitables."""
    waited = next(steps)
    if hasattr(waited, "__await__"):
        return _drive_awaiting(steps, waited)
    while True:
        try:
            waited = steps.send(waited)
        except StopIteration as done:
            return done.value


async def _drive_awaiting(steps: Generator[Any, Any, int], awaitable: Any) -> int:
    while True:
        waited = await awaitable
        try:
            awaitable = steps.send(waited)
        except StopIteration as done:
            return int(done.value)
