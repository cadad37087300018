"""Proxies: zmq.proxy, proxy_steerable and monitored_queue are one loop of ours over the sockets."""

from .socket import Socket

def proxy(frontend: Socket, backend: Socket, capture: Socket | None = None) -> None: ...
def proxy_steerable(
    frontend: Socket,
    backend: Socket,
    capture: Socket | None = None,
    control: Socket | None = None,
) -> int: ...
def monitored_queue(
    in_socket: Socket,
    out_socket: Socket,
    mon_socket: Socket,
    in_prefix: bytes = b"in",
    out_prefix: bytes = b"out",
) -> int: ...
