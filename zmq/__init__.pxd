# `cimport zmq`: see docs/cython.md.

from zmq.backend.cython cimport Context, Frame, Socket, libzmq
