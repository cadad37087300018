"""A local port whose connections come out of an SSH server, over a paramiko transport."""

from __future__ import annotations

import logging
import select
import socketserver
from typing import Any

__all__ = ["forward_tunnel"]

logger: logging.Logger = logging.getLogger("zmq.ssh")

_CHUNK = 64 * 1024


class Handler(socketserver.BaseRequestHandler):
    """One connection, passed on through the transport.

    Args:
        As socketserver gives them.
    """

    chain_host: str
    chain_port: int
    ssh_transport: Any

    def handle(self) -> None:
        """Move bytes both ways until each side has ended."""
        target = (self.chain_host, self.chain_port)
        try:
            channel = self.ssh_transport.open_channel("direct-tcpip", target, self.request.getpeername())
        except Exception as error:  # noqa: BLE001  # paramiko's, or the network's: this connection fails, the tunnel stays
            logger.warning("the SSH server does not connect to %s:%s: %s", *target, error)
            return
        logger.debug("tunnel to %s:%s open", *target)
        with channel:
            others = {self.request: channel, channel: self.request}
            while others:
                for source in select.select(list(others), [], [])[0]:
                    data = source.recv(_CHUNK)
                    if data:
                        others[source].sendall(data)
                        continue
                    # one half is over; the other one may go on
                    target_half = others.pop(source)
                    if target_half is channel:
                        channel.shutdown_write()
                    else:
                        others.clear()


class ForwardServer(socketserver.ThreadingTCPServer):
    """Listens on the local port, with a thread for each connection."""

    daemon_threads = True
    allow_reuse_address = True


def forward_tunnel(local_port: int, remote_host: str, remote_port: int, transport: Any) -> None:
    """Forward connections to a local port until the process ends.

    Args:
        local_port: to listen on, at 127.0.0.1 only.
        remote_host, remote_port: what the SSH server connects to for each of them.
        transport: paramiko.Transport of the connection to that server.
    Raises:
        OSError: the port is taken.
    """
    with _server(local_port, remote_host, remote_port, transport) as server:
        server.serve_forever()


def _server(local_port: int, remote_host: str, remote_port: int, transport: Any) -> ForwardServer:
    facts = {"chain_host": remote_host, "chain_port": remote_port, "ssh_transport": transport}
    return ForwardServer(("127.0.0.1", local_port), type("_Handler", (Handler,), facts))
