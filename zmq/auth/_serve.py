"""Reading the requests of libzmq in an event loop, for whatever runs the loop."""

from __future__ import annotations

from contextlib import suppress

from ..constants import Errno
from ..error import ContextTerminated, ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..asyncio import Socket
    from .base import Authenticator


async def serve(authenticator: Authenticator, reader: Socket) -> None:
    """Answer requests until the socket or its context goes.

    Args:
        reader: an asyncio socket over the authenticator's own.
    """
    while True:
        try:
            request = await reader.recv_multipart()
        except ContextTerminated:
            return
        except ZMQError as error:
            if error.errno == Errno.ENOTSOCK:
                return
            raise
        try:
            await authenticator.handle_zap_message(request)
        except Exception:  # whatever a subclass does, the next request is served
            if reader.closed or reader.context.closed:
                return
            authenticator.log.exception("ZAP request not answered, client refused")
            _refuse(authenticator, request)


def _refuse(authenticator: Authenticator, request: list[Any]) -> None:
    request_id = request[1] if len(request) > 1 else b""
    with suppress(ZMQError):  # it was answered before something failed, or the socket has gone
        authenticator._send_zap_reply(request_id, b"500", b"Internal error")
