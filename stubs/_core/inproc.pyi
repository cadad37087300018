"""Inproc connections that nobody has bound yet; for the other compiled modules only."""
