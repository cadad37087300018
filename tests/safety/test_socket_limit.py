"""A context at its limit of sockets."""

from __future__ import annotations

from helpers import RunChild


def test_context_at_its_limit_with_an_inproc_connection_that_nobody_bound(run_child: RunChild) -> None:
    """libzmq, when it terminates, needs a socket of its own for that, and aborts when there is no place."""
    script = """
import errno, zmq
from child_support import Running, blocked
context = zmq.Context()
context.max_sockets = 5
made = []
try:
    while True:
        made.append(context.socket(zmq.PAIR))
        made[0].connect("inproc://nobody")
except zmq.ZMQError as error:
    assert error.errno == errno.EMFILE, error
    assert "5" in str(error), error
assert len(made) == 5
assert context.max_sockets == 5
made.pop().close(0)
made.append(context.socket(zmq.PAIR))
ending = Running(context.term)
blocked(ending)
for one in made:
    one.close(0)
ending.ended()
"""
    run_child(script).ok()
