"""libzmq's functions for other people's Cython programs; nothing that Python can call."""
