"""zmq.asyncio: sockets whose sends, receives and polls are awaited.

Every operation starts when it is called and returns a future, done already if libzmq could do it at once. A received message
belongs to the awaiter only once the await has returned it: if the awaiter is cancelled after the message arrived, the next receive
gets it.
"""

from __future__ import annotations

from ._legacy import ProactorSelectorThreadWarning, ZMQEventLoop, install
from ._loops import LoopReadiness as LoopReadiness
from ._poller import Poller
from ._socket import Context, Socket
from ._trackers import released as released

__all__ = ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]
