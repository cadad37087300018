"""Old import paths: everything here is re-exported from where it lives now."""

from .._core.proxy import proxy
from ..constants import *
from ..constants import __all__ as _constants
from ..error import *
from ..error import __all__ as _errors
from ..sync import device
from . import attrsettr, context, frame, poll, socket, stopwatch, tracker, version
from .context import Context, SyncContext
from .frame import Frame, Message
from .poll import Poller, select, zmq_poll
from .socket import Socket, SyncSocket
from .stopwatch import Stopwatch
from .tracker import _FINISHED_TRACKER, MessageTracker
from .version import __revision__, __version__, pyzmq_version, pyzmq_version_info, zmq_version, zmq_version_info

__all__ = [
    *_constants,
    *_errors,
    "Context",
    "Frame",
    "Message",
    "MessageTracker",
    "Poller",
    "Socket",
    "Stopwatch",
    "SyncContext",
    "SyncSocket",
    "_FINISHED_TRACKER",
    "__revision__",
    "__version__",
    "device",
    "proxy",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "zmq_poll",
    "zmq_version",
    "zmq_version_info",
]
