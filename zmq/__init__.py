"""ZeroMQ for Python: an independent implementation of the PyZMQ API over libzmq."""

from ._core._lib import (
    IPC_PATH_MAX_LEN,
    PYZMQ_DRAFT_API,
    has,
    strerror,
    zmq_errno,
    zmq_version_info,
)
from ._core.curve import curve_keypair, curve_public
from ._core.poll import zmq_poll
from ._core.proxy import proxy, proxy_steerable
from ._core.release import _FINISHED_TRACKER, MessageTracker
from ._info import (
    __revision__,
    get_includes,
    get_library_dirs,
    pyzmq_version,
    pyzmq_version_info,
    zmq_version,
)
from ._lazy import submodules
from ._poller import Poller, select
from ._version import __version__
from .constants import *
from .constants import __all__ as _constants
from .error import (
    Again,
    ContextTerminated,
    DraftFDWarning,
    ForkedError,
    InterruptedSystemCall,
    NotDone,
    PickleWarning,
    ThreadError,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
)
from .sync import Context, Frame, Message, Socket, Stopwatch, SyncContext, SyncSocket, device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import backend, sugar, utils
else:
    # programs use these old import paths after a bare `import zmq`
    __getattr__ = submodules(__name__, "backend", "sugar", "utils")

COPY_THRESHOLD = 65536
DRAFT_API = bool(PYZMQ_DRAFT_API and has("draft"))

__all__ = [
    *_constants,
    "COPY_THRESHOLD",
    "DRAFT_API",
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "Again",
    "Context",
    "ContextTerminated",
    "DraftFDWarning",
    "ForkedError",
    "Frame",
    "InterruptedSystemCall",
    "Message",
    "MessageTracker",
    "NotDone",
    "PickleWarning",
    "Poller",
    "Socket",
    "Stopwatch",
    "SyncContext",
    "SyncSocket",
    "ThreadError",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
    "_FINISHED_TRACKER",
    "__revision__",
    "__version__",
    "curve_keypair",
    "curve_public",
    "device",
    "get_includes",
    "get_library_dirs",
    "has",
    "proxy",
    "proxy_steerable",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version",
    "zmq_version_info",
]
