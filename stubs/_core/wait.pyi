"""Deadlines, and wakers: descriptors by which one thread ends the wait of another; for the other compiled modules only."""
