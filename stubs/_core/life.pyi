"""How sockets and contexts begin and end; for the other compiled modules only."""
