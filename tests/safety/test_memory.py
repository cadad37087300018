"""Memory lent to libzmq: pinned in flight for every exporter, tracked to the end of its last use, released without a crash."""

from __future__ import annotations

import copy
import itertools
import sys

import pytest
import zmq

from helpers import MakePair, RunChild

PRELUDE = """
import array, ctypes, gc, mmap, sys, tempfile, zmq
from zmq._core.release import live_buffers
context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
for one in (a, b):
    one.linger = 0
    one.rcvtimeo = one.sndtimeo = 30_000
a.bind("inproc://x"); b.connect("inproc://x")
PATTERN = bytes(i % 251 for i in range(200_000))
"""

# how the source is made, and the change that would move or free its memory
EXPORTERS = {
    "bytearray-clear": ("data = bytearray(PATTERN)", "data.clear()"),
    "bytearray-append": ("data = bytearray(PATTERN)", "data.append(1)"),
    "bytearray-slice": ("data = bytearray(PATTERN)", "data[:10] = b''"),
    "array-append": ("data = array.array('B', PATTERN)", "data.append(1)"),
    "array-pop": ("data = array.array('B', PATTERN)", "data.pop()"),
    "mmap-close": ("data = mmap.mmap(-1, len(PATTERN)); data[:] = PATTERN", "data.close()"),
    "mmap-resize": (
        "file = tempfile.TemporaryFile(); file.write(PATTERN); file.flush(); data = mmap.mmap(file.fileno(), len(PATTERN))",
        "data.resize(400_000)",
    ),
    "numpy-resize": ("import numpy; data = numpy.frombuffer(PATTERN, 'u1').copy()", "data.resize(400_000)"),
    "numpy-over-bytearray": ("import numpy; base = bytearray(PATTERN); data = numpy.frombuffer(base, 'u1')", "base.append(1)"),
    "numpy-reshaped": (
        "import numpy; base = bytearray(PATTERN); data = numpy.frombuffer(base, 'u1').reshape(8, -1)",
        "base.clear()",
    ),
    "ctypes-over-bytearray": (
        "base = bytearray(PATTERN); data = (ctypes.c_char * len(base)).from_buffer(base)",
        "base.append(1)",
    ),
    "memoryview-of-bytearray": ("base = bytearray(PATTERN); data = memoryview(base)", "base.clear()"),
    "memoryview-release": ("base = bytearray(PATTERN); data = memoryview(base)", "data.release()"),
    "memoryview-of-mmap": ("base = mmap.mmap(-1, len(PATTERN)); base[:] = PATTERN; data = memoryview(base)", "base.close()"),
    "memoryview-of-array": ("base = array.array('B', PATTERN); data = memoryview(base)", "base.append(1)"),
    "memoryview-slice-of-cast": (
        "base = bytearray(b'abcd' + PATTERN + b'ef'); data = memoryview(base)[4:-2].cast('B', (400, 500))",
        "base.clear()",
    ),
    "frame-over-bytearray": ("base = bytearray(PATTERN); data = zmq.Frame(base, copy=False, track=True)", "base.clear()"),
}  # fmt: skip


@pytest.mark.parametrize("how", ["send", "multipart"])
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_exporter_is_pinned_in_flight(run_child: RunChild, exporter: str, how: str) -> None:
    """Number 2 of the twenty. (ctypes.resize() ignores exports, a memoryview's as well: docs/safety.md.)"""
    make, change = EXPORTERS[exporter]
    script = (
        PRELUDE
        + f"""
{make}
if {how == "send"}:
    tracker = a.send(data, copy=False, track=True)
else:
    tracker = a.send_multipart([b"head", data, data], copy=False, track=True)
assert not tracker.done
refused = False
try:
    {change}
except (BufferError, ValueError) as error:
    refused = True
released = {exporter!r} == "memoryview-release"  # which leaves the memory where it is
assert refused or released, "changed in flight"
got = b.recv_multipart()
assert got[-1] == PATTERN and ({how == "send"} or got[1] == PATTERN)
if {exporter!r} == "frame-over-bytearray":
    del data
tracker.wait(30)
if "base" not in globals():
    {change}
assert live_buffers() == 0
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


# exporters written in Python (3.12): their release runs when libzmq lets go, wherever that is

PYTHON_BUFFER = pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ in Python classes")

RELEASES = {
    "nothing": "pass",
    "send": "a.send(b'from the release', zmq.DONTWAIT)",
    "send-shared": "a.send(bytearray(100_000), copy=False)",
    "receive": "b.poll(0) and b.recv(zmq.DONTWAIT)",
    "raise": "raise LookupError('in a release')",
    "collect": "gc.collect()",
    "close": "a.close(); b.close()",
    "terminate": "context.destroy(linger=0)",
    "context": "zmq.Context().socket(zmq.PAIR).close()",
    "again": "a.closed or a.send(Exporter(False), copy=False)",
}


@PYTHON_BUFFER
@pytest.mark.parametrize("where", ["recv", "drop-frame", "close", "publish-to-nobody", "failed-send"])
@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_release_that_runs_code(run_child: RunChild, release: str, where: str) -> None:
    script = (
        PRELUDE
        + f"""
import warnings
warnings.simplefilter("ignore", ResourceWarning)
said = []
sys.unraisablehook = lambda what: said.append(what.exc_value)
released = []
class Exporter:
    def __init__(self, active):
        self.active = active
        self.data = bytearray(PATTERN)
    def __buffer__(self, flags):
        return memoryview(self.data)
    def __release_buffer__(self, view):
        view.release()
        released.append(self.active)
        if self.active:
            {release}
where = {where!r}
pub = context.socket(zmq.PUB); pub.bind("inproc://pub")
full = context.socket(zmq.PUSH); full.bind("inproc://full"); full.linger = 0
pub.linger = 0
if where == "failed-send":
    try:
        full.send_multipart([Exporter(True), b"x", Exporter(False)], zmq.DONTWAIT, copy=False)
    except zmq.Again:
        pass
    tracker = None
elif where == "publish-to-nobody":
    tracker = pub.send_multipart([Exporter(True), b"x", Exporter(False)], copy=False, track=True)
else:
    tracker = a.send_multipart([Exporter(True), b"x", Exporter(False)], copy=False, track=True)
if where == "recv":
    assert b.recv_multipart()[0] == PATTERN
elif where == "drop-frame":
    frames = b.recv_multipart(copy=False)
    assert bytes(frames[2]) == PATTERN
    del frames
elif where == "close":
    a.close(); b.close(); pub.close(); full.close(); context.term()
if tracker is not None:
    tracker.wait(30)
gc.collect()
while len(released) < 2:
    live_buffers()
assert True in released
assert [type(one) for one in said] in ([], [LookupError], [zmq.ZMQError], [zmq.Again], [zmq.ContextTerminated]), said
pub.close(); full.close()
context.destroy(linger=0)
while live_buffers():
    pass
"""
    )
    run_child(script).ok()


GETS = {
    "close": "a.close()",
    "terminate": "context.destroy(linger=0)",
    "send": "a.send(b'inner')",
    "raise": "raise LookupError",
    "clear-the-list": "parts.clear()",
    "grow-the-list": "parts.append(Exporter(10))",
}


@PYTHON_BUFFER
@pytest.mark.parametrize("size", [10, 40_000, 100_000])
@pytest.mark.parametrize("get", GETS.values(), ids=GETS)
def test_getting_a_buffer_that_runs_code(run_child: RunChild, get: str, size: int) -> None:
    script = (
        PRELUDE
        + f"""
calls = 0
class Exporter:
    def __init__(self, size):
        self.data = bytearray(size)
    def __buffer__(self, flags):
        global calls
        calls += 1
        if calls < 3:
            {get}
        return memoryview(self.data)
    def __release_buffer__(self, view):
        view.release()
for copy in (True, False):
    for call in ("a.send(Exporter({size}), copy=copy)", "a.send_multipart(parts, copy=copy)", "a.recv_into(Exporter({size}))",
                 "zmq.Frame(Exporter({size}), copy=copy)"):
        calls = 0
        parts = [b"x", Exporter({size}), bytes(100_000), Exporter({size})]
        if not a.closed:
            a.rcvtimeo = 10
        try:
            eval(call)
        except (zmq.ZMQError, LookupError, RuntimeError):
            pass
while not b.closed and b.poll(0):
    b.recv_multipart()
context.destroy(linger=0)
gc.collect()
assert live_buffers() == 0
"""
    )
    run_child(script).ok()


# trackers

PARTS = {"big": "bytearray(FILL)", "small": "b'small'", "frame": "zmq.Frame(bytearray(FILL), copy=False, track=True)",
         "bytes": "bytes(FILL)", "shared": "common", "array": "array.array('B', FILL)"}  # fmt: skip
MIXES = [
    *itertools.combinations_with_replacement(PARTS, 2),
    ("big", "small", "frame", "shared", "shared", "bytes"),
    ("small", "frame", "small", "array", "big"),
]
FATES = ("0-subscribers", "1-subscriber", "3-subscribers", "high-water-mark", "close", "term", "tcp", "dropped-peer")


@pytest.mark.parametrize("fate", FATES)
def test_tracker_is_done_when_all_is_free_and_not_before(run_child: RunChild, fate: str) -> None:
    """Number 3 of the twenty: every mix of parts; what is resizable is free when the tracker says so, and pinned before."""
    script = (
        PRELUDE
        + f"""
FATE = {fate!r}
MIXES = {MIXES!r}
PARTS = {PARTS!r}
FILL = PATTERN[:100_000]
def free(one):
    if isinstance(one, zmq.Frame) or isinstance(one, bytes):
        return True
    try:
        one.append(1); one.pop()
    except BufferError:
        return False
    return True
for mix in MIXES:
    common = bytearray(FILL)
    own = zmq.Context()
    parts = [eval(PARTS[kind]) for kind in mix]
    sources = [one for one in parts if isinstance(one, (bytearray, array.array))]
    lent = any(kind != "small" for kind in mix)
    receivers = []
    if FATE[1:2] == "-":
        sender = own.socket(zmq.XPUB); sender.bind("inproc://p")
        for _ in range(int(FATE[0])):
            sub = own.socket(zmq.SUB); sub.connect("inproc://p"); sub.subscribe(b""); receivers.append(sub)
            if _ == 0: sender.recv()
        while receivers and not all(sub.poll(1) for sub in receivers):
            sender.send(b"probe")
        for sub in receivers:
            while sub.poll(5): sub.recv()
    elif FATE == "high-water-mark":
        sender = own.socket(zmq.XPUB); sender.sndhwm = 1; sender.bind("inproc://p")
        sub = own.socket(zmq.SUB); sub.rcvhwm = 1; sub.connect("inproc://p"); sub.subscribe(b""); sender.recv()
        for _ in range(10): sender.send(b"fill")
    elif FATE in ("close", "term"):
        sender = own.socket(zmq.PUSH); sender.linger = 0; sender.connect("tcp://127.0.0.1:9")
    elif FATE == "tcp":
        sender = own.socket(zmq.PUSH); sender.bind("tcp://127.0.0.1:*")
        pull = own.socket(zmq.PULL); pull.connect(sender.last_endpoint); receivers.append(pull)
    else:
        sender, peer = own.socket(zmq.PAIR), own.socket(zmq.PAIR); sender.bind("inproc://p"); peer.connect("inproc://p")
        sender.linger = peer.linger = 0
    tracker = sender.send_multipart(parts, copy=False, track=True)
    del parts
    if FATE in ("close", "term", "dropped-peer") and lent:
        assert not tracker.done, mix
        assert not any(map(free, sources)) or not sources, mix
    held = []
    for number, receiver in enumerate(receivers):
        frames = receiver.recv_multipart(copy=False)
        assert [bytes(one) for one in frames] == [b"small" if kind == "small" else FILL for kind in mix], mix
        if FATE != "tcp" and lent:
            assert not tracker.done, (mix, number)
        held.append(frames)
        del frames
    while held:
        if FATE != "tcp" and lent:
            assert not tracker.done, mix
        held.pop()
    if FATE == "close":
        sender.close()
    elif FATE == "term":
        own.destroy(linger=0)
    elif FATE == "dropped-peer":
        peer.close(); sender.close()
    tracker.wait(30)
    assert tracker.done and all(map(free, sources)), mix
    own.destroy(linger=0)
assert live_buffers() == 0
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize("transport", ["inproc://x", "tcp://127.0.0.1:*", "ipc://*"])
def test_what_is_changed_after_done_never_shows(run_child: RunChild, transport: str) -> None:
    """The receiver checks a checksum; a buffer is filled anew as soon as its tracker says done."""
    if transport.startswith("ipc") and not zmq.has("ipc"):
        pytest.skip("no ipc")
    script = f"""
import collections, threading, time, zlib, zmq
from child_support import Running
context = zmq.Context()
push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
pull.rcvtimeo = 30_000
push.bind({transport!r}); pull.connect(push.last_endpoint)
COUNT = 3000
def receive():
    for number in range(COUNT):
        head, first, small, second = pull.recv_multipart(copy=number % 2 == 0)
        expected = [int(one) for one in bytes(head).split()]
        assert [zlib.crc32(first), zlib.crc32(second)] == expected, number
receiving = Running(receive)
free = collections.deque((bytearray(70_000), bytearray(90_000)) for _ in range(4))
busy = collections.deque()
for number in range(COUNT):
    if not free:
        buffers, tracker = busy.popleft()
        tracker.wait(30)
        free.append(buffers)
    first, second = free.popleft()
    first[:] = bytes([number % 256]) * len(first)
    second[:] = bytes([number % 255]) * len(second)
    head = b"%d %d" % (zlib.crc32(first), zlib.crc32(second))
    tracker = push.send_multipart([head, first, b"small", second], copy=False, track=True)
    busy.append(((first, second), tracker))
receiving.ended()
if receiving.error: raise receiving.error
context.destroy(linger=0)
"""
    run_child(script).ok()


# frames


def test_frame_is_initialised_once(pair: MakePair) -> None:
    a, b = pair()
    a.send(bytes(100_000), copy=False)
    received = b.recv(copy=False)
    twin = copy.copy(zmq.Frame(b"mine"))
    for frame in (received, copy.copy(received), twin, zmq.Frame(b"mine")):
        before = bytes(frame)
        with pytest.raises(RuntimeError):
            frame.__init__(b"other")  # type: ignore[misc]
        assert bytes(frame) == before


def test_received_frame_is_writable_only_if_nobody_else_sees_it(run_child: RunChild) -> None:
    """Number 4 of the twenty, for each way by which two objects may come to see one memory."""
    script = (
        PRELUDE
        + """
import copy
source = bytes(PATTERN)
before = hash(source), bytes(bytearray(source))
for lent in (source, bytearray(source), zmq.Frame(source, copy=False)):
    a.send(lent, copy=False)
    frame = b.recv(copy=False)
    assert memoryview(frame).readonly
    a.send(frame)  # and on
    assert memoryview(b.recv(copy=False)).readonly
tcp, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
tcp.bind("tcp://127.0.0.1:*"); peer.connect(tcp.last_endpoint)
peer.send(source)
frame = tcp.recv(copy=False)
assert not memoryview(frame).readonly
twin = copy.copy(frame)
assert memoryview(frame).readonly and memoryview(twin).readonly
del twin
a.send(frame, copy=False)
other = b.recv(copy=False)
assert memoryview(frame).readonly and memoryview(other).readonly
assert bytes(bytearray(source)) == before[1]
context.destroy(linger=0)
"""
    )
    run_child(script).ok()
