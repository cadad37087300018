"""Polling many sockets and descriptors at once."""

from collections.abc import Iterable
from typing import Any

def zmq_poll(
    sockets: Iterable[tuple[Any, int]], timeout: float | None = -1
) -> list[tuple[Any, int]]: ...
