"""Messages over 2 GiB, both ways; each in a child, because they need several times their size."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped]
import pytest

from helpers import RunChild

NEEDED = 9 * 2**30

pytestmark = [
    pytest.mark.large,
    pytest.mark.timeout(300),
    pytest.mark.skipif(psutil.virtual_memory().available < NEEDED, reason="less than 9 GiB of memory available"),
]

PREPARE = """
import sys, zmq
SIZE = 2**31 + 1
context = zmq.Context()
push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
pull.setsockopt(zmq.RCVTIMEO, 120_000)
if sys.argv[1] == "tcp":
    pull.bind("tcp://127.0.0.1:*")
else:
    pull.bind("inproc://large")
push.connect(pull.getsockopt(zmq.LAST_ENDPOINT))
data = bytearray(SIZE)
data[0], data[2**31 - 1], data[2**31] = 1, 2, 3
def check(view):
    view = memoryview(view)
    assert len(view) == view.nbytes == SIZE, len(view)
    assert (view[0], view[2**31 - 1], view[2**31]) == (1, 2, 3)
"""

FORMS = {
    "frame": "push.send(data, copy=False); check(pull.recv(copy=False))",
    "bytes": "push.send(data, copy=False); check(pull.recv())",
    "copied": "push.send(data); check(pull.recv(copy=False))",
    "multipart": "push.send_multipart([b'head', data, b'tail'], copy=False);"
    " parts = pull.recv_multipart(copy=False); check(parts[1]); del parts",
    "into": "target = bytearray(SIZE); push.send(data, copy=False); assert pull.recv_into(target) == SIZE; check(target)",
    "own-frame": "frame = zmq.Frame(data, copy=False); assert len(frame) == SIZE;"
    " push.send(frame); check(pull.recv(copy=False)); assert '2GB' in repr(frame)",
}


@pytest.mark.parametrize(
    ("form", "where"),
    [*[(form, "inproc") for form in FORMS], ("frame", "tcp"), ("into", "tcp")],
)
def test_over_two_gibibytes(run_child: RunChild, form: str, where: str) -> None:
    script = PREPARE + FORMS[form] + "\ncontext.destroy(linger=0)\n"
    run_child(script, where, timeout=240).ok()
