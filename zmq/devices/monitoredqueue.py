"""monitored_queue: a proxy that copies every message, with a prefix, to a third socket."""

from .._core.proxy import monitored_queue

__all__ = ["monitored_queue"]
