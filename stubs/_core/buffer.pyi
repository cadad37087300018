"""Python objects as one contiguous block of memory; for the other compiled modules only."""
