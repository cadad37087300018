"""Old import path of the compiled core, which freezers list by this name."""

from ..._core._lib import IPC_PATH_MAX_LEN, PYZMQ_DRAFT_API, has, strerror, zmq_errno, zmq_version_info
from ..._core.context import Context
from ..._core.curve import curve_keypair, curve_public
from ..._core.frame import Frame
from ..._core.poll import zmq_poll
from ..._core.proxy import monitored_queue, proxy, proxy_steerable
from ..._core.socket import Socket

Message = Frame

__all__ = [
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "Context",
    "Frame",
    "Message",
    "Socket",
    "curve_keypair",
    "curve_public",
    "has",
    "monitored_queue",
    "proxy",
    "proxy_steerable",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version_info",
]
