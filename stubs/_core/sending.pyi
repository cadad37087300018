"""Python objects on their way into a socket; for the other compiled modules only."""
