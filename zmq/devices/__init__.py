"""Devices: sockets that forward to each other."""

from .monitoredqueue import monitored_queue

__all__ = ["monitored_queue"]
