"""Several interpreters in a process: each has sockets of its own, in a context that they may share (CPython 3.12 and later)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from helpers import RunChild

pytest.importorskip("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")

since_312 = pytest.mark.skipif(sys.version_info < (3, 12), reason="the import is refused before CPython 3.12")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
# CPython 3.12 itself corrupts its memory when a second isolated interpreter imports asyncio
with_asyncio = pytest.mark.parametrize("kind", ["isolated", "legacy"] if sys.version_info >= (3, 13) else ["legacy"])
both_kinds = pytest.mark.parametrize("kind", ["isolated", "legacy"])

PRELUDE = """
import gc, os, sys
import zmq
from subinterpreters import InThread, create, end, run, run_and_end, wait_until
from zmq._core.handle import live_sockets
from zmq._core.release import live_buffers

kind = sys.argv[1]

def unharmed():
    with zmq.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
        a.bind("inproc://x")
        b.connect("inproc://x")
        a.rcvtimeo = b.rcvtimeo = 30_000
        data = bytearray(100_000)
        tracker = a.send(data, copy=False, track=True)
        assert b.recv() == data
        tracker.wait(30)
        shared = bytes(data)
        a.send(shared)
        received = b.recv()
        assert received == shared
        # without the GIL it is a copy
        assert received is shared or not getattr(sys, "_is_gil_enabled", lambda: True)()
    assert live_sockets() == live_buffers() == 0
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the import works")
@both_kinds
def test_import_is_refused_with_what_to_do(run_child: RunChild, tmp_path: Path, kind: str) -> None:
    script = """
code = f'''
try:
    import zmq
except ImportError as error:
    message = str(error)
else:
    message = "imported"
with open({sys.argv[2]!r}, "a") as said:
    print(message, file=said)
'''
unharmed()
for _ in range(8):
    run_and_end(code, kind)
    unharmed()
said = open(sys.argv[2]).read().splitlines()
assert len(said) == 8, said
assert all("ProcessPoolExecutor" in line for line in said), said
"""
    run_child(PRELUDE + script, kind, str(tmp_path / "said")).ok()


@since_312
@both_kinds
def test_each_interpreter_has_a_package_of_its_own(run_child: RunChild, kind: str) -> None:
    script = """
code = '''
import zmq
assert not hasattr(zmq.Frame, "mark") and zmq.COPY_THRESHOLD == 65536
zmq.COPY_THRESHOLD = 10
with zmq.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
    a.rcvtimeo = b.rcvtimeo = 30_000
    a.bind("inproc://x")
    b.connect("inproc://x")
    data = bytearray(100_000)
    tracker = a.send(data, copy=False, track=True)
    frame = b.recv(copy=False)
    assert type(frame) is zmq.Frame and frame.bytes == data
    assert not tracker.done
    try:
        data.append(1)
    except BufferError:
        pass
    else:
        raise AssertionError("the buffer was not held")
    del frame
    tracker.wait(30)
    data.append(1)
    assert a.type is zmq.PAIR and a.linger == -1
'''
zmq.Frame.mark = "main's"
for _ in range(4):
    unharmed()
    run_and_end(code, kind)
assert zmq.COPY_THRESHOLD == 65536
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()


@since_312
@both_kinds
def test_first_in_a_process_is_not_the_main_one(run_child: RunChild, kind: str) -> None:
    script = """
import sys
from subinterpreters import InThread
for thread in [InThread("import zmq\\nwith zmq.Context() as c, c.socket(zmq.PAIR): pass", sys.argv[1]) for _ in range(8)]:
    thread.finish()
assert "zmq" not in sys.modules
import zmq
with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
    socket.bind("inproc://x")
"""
    run_child(script, kind).ok()


@since_312
@with_asyncio
def test_awaited_verbs(run_child: RunChild, kind: str) -> None:
    script = """
code = '''
import asyncio
import zmq.asyncio
async def main():
    with zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
        a.bind("inproc://x")
        b.connect("inproc://x")
        for number in range(300):
            answer = b.recv_multipart()
            await a.send_multipart([b"%d" % number, b"x" * 50_000])
            assert await answer == [b"%d" % number, b"x" * 50_000]
        tracker = await a.send(bytearray(100_000), copy=False, track=True)
        assert len(await b.recv()) == 100_000
        await asyncio.wait_for(tracker, 30)
asyncio.run(asyncio.wait_for(main(), 30))
'''
for thread in [InThread(code, kind) for _ in range(3)]:
    thread.finish()
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()


RING = """
import gc, time
import zmq
from zmq._core.handle import live_sockets
from zmq._core.release import live_buffers
me, rounds = {me}, {rounds}
before, after = (me - 1) % 8, (me + 1) % 8
context = zmq.Context.shadow({address})
mine, following = context.socket(zmq.PULL), context.socket(zmq.PUSH)
for socket in mine, following:
    socket.sndtimeo = socket.rcvtimeo = 30_000
    socket.sndhwm = socket.rcvhwm = 20
mine.bind(f"inproc://ring-{{me}}")
following.connect(f"inproc://ring-{{after}}")
trackers = []
for i in range(rounds):
    data = bytearray([me]) * (50_000 + i)
    kind = (me + i) % 4
    if kind == 0:
        trackers.append(following.send(data, copy=False, track=True))
    elif kind == 1:
        following.send(bytes(data))  # lent as well, and copied by the receiver, whose object it is not
    elif kind == 2:
        frame = zmq.Frame(data, track=True, copy=False)
        trackers.append(following.send_multipart([frame, b"second"], copy=False, track=True))
        del frame
    else:
        following.send(memoryview(data), copy=False)
    del data
    message = mine.recv_multipart(copy=bool(i % 2))
    content = message[0] if i % 2 else message[0].buffer
    assert len(content) == 50_000 + i and content[0] == content[-1] == before, (len(content), content[0])
    assert len(message) == (2 if (before + i) % 4 == 2 else 1)
    if i % 16 == 0:
        context.socket(zmq.PAIR).close()
    del message, content
for tracker in trackers:
    tracker.wait(30)
"""

CLOSE = """
mine.close()
following.close()
del mine, following, socket, tracker, trackers
gc.collect()
deadline = time.monotonic() + 30
while live_buffers():
    assert time.monotonic() < deadline, live_buffers()
    time.sleep(0.005)
assert live_sockets() == 0
"""


@since_312
@both_kinds
@pytest.mark.parametrize("closes", [True, False], ids=["closes", "leaves-open"])
def test_eight_exchange_zero_copy_frames_over_inproc(run_child: RunChild, kind: str, closes: bool) -> None:
    script = f"""
ring, close = {RING!r}, {CLOSE if closes else ""!r}
with zmq.Context() as context:
    for _ in range(3):
        threads = [InThread(ring.format(me=me, rounds=60, address=context.underlying) + close, kind) for me in range(8)]
        for thread in threads:
            thread.finish()
        assert live_sockets() == 0
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()


@since_312
@both_kinds
def test_frames_outlive_the_interpreter_that_sent_them(run_child: RunChild, kind: str) -> None:
    script = """
code = '''
import zmq
context = zmq.Context.shadow({address})
push = context.socket(zmq.PUSH)
assert context.get(zmq.MAX_SOCKETS) == {limit}
push.connect("inproc://here")
for i in range(50):
    push.send(bytearray(b"%d " % i) * 50_000, copy=False)
    push.send(b"%d " % i * 50_000)
    push.send(zmq.Frame(memoryview(b"%d " % i * 20), copy=False), copy=False)
'''
for _ in range(3):
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        pull.rcvtimeo = 30_000
        pull.bind("inproc://here")
        run_and_end(code.format(address=context.underlying, limit=context.get(zmq.MAX_SOCKETS)), kind)
        for i in range(50):
            assert pull.recv(copy=False).bytes == b"%d " % i * 50_000
            assert pull.recv() == b"%d " % i * 50_000
            assert pull.recv() == b"%d " % i * 20
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()


@since_312
@linux
@both_kinds
def test_what_is_left_open_is_closed_with_its_interpreter(run_child: RunChild, kind: str) -> None:
    script = """
code = '''
import zmq
context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
a.linger = b.linger = 0
a.poll(1)  # who waits takes a waker, which the process keeps
port = a.bind_to_random_port("tcp://127.0.0.1")
monitor = b.get_monitor_socket()
b.connect(f"tcp://127.0.0.1:{port}")
a.sndtimeo = b.rcvtimeo = 30_000
a.send(bytearray(1_000_000), copy=False)
frame = b.recv(copy=False)
view = frame.buffer
tracker = a.send(bytearray(1_000_000), copy=False, track=True)
poller = zmq.Poller()
poller.register(a)
cycle = [a, b, frame, monitor]
cycle.append(cycle)
class Closer:
    def __init__(self):
        self.socket = context.socket(zmq.PULL)
        self.me = self
    def __del__(self):
        self.socket.close()
Closer()
other = zmq.Context().socket(zmq.REP)
other.bind("tcp://127.0.0.1:*")
'''
def held():
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

unharmed()
run_and_end(code, kind)
run_and_end("import zmq", kind)
wait_until(lambda: held()[1] == 1, "libzmq's threads ended")
before = held()
for _ in range(4):
    run_and_end(code, kind)
try:
    wait_until(lambda: held() == before, f"back to {before}")
except RuntimeError as error:
    names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")]
    raise AssertionError(held(), names) from error
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()


@since_312
@both_kinds
def test_context_ends_while_another_interpreter_uses_it(run_child: RunChild, tmp_path: Path, kind: str) -> None:
    script = """
path = sys.argv[2]
user = '''
import zmq
context = zmq.Context.shadow({address})
pull = context.socket(zmq.PULL)
with open({path!r}, "w") as file:
    file.write("in")
for _ in range(2):
    try:
        pull.recv()
    except zmq.ContextTerminated:
        pass
    else:
        raise AssertionError("received")
try:
    context.socket(zmq.PULL)
except zmq.ContextTerminated:
    pass
else:
    raise AssertionError("made a socket")
assert not context.closed
{ending}
'''
endings = "pull.close(); context.term(); assert context.closed", "pull.close(); context.destroy()", "pull.close(); del context", ""
for ending in endings:
    # its owner terminates it, then its owner ends
    for owner in None, create(kind):
        os.path.exists(path) and os.unlink(path)
        if owner is None:
            context = zmq.Context()
            address = context.underlying
        else:
            run(owner, f'''
import zmq
context = zmq.Context()
socket = context.socket(zmq.PUSH)
with open({path + "-address"!r}, "w") as file:
    file.write(str(context.underlying))
''')
            address = int(open(path + "-address").read())
        thread = InThread(user.format(address=address, path=path, ending=ending), kind)
        wait_until(lambda: os.path.exists(path), "the other one waits")
        if owner is None:
            context.term()
        else:
            end(owner)
        thread.finish()
unharmed()
"""
    run_child(PRELUDE + script, kind, str(tmp_path / "in")).ok()


@since_312
@both_kinds
def test_socket_of_another_interpreter_is_refused(run_child: RunChild, kind: str) -> None:
    script = """
code = '''
import zmq
try:
    zmq.Socket.shadow({address})
except zmq.error.ThreadError as error:
    assert "another interpreter" in str(error), error
else:
    raise AssertionError("two interpreters in one socket")
'''
with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
    run_and_end(code.format(address=socket.underlying), kind)
    assert zmq.Socket.shadow(socket.underlying).type == zmq.PAIR
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()


@since_312
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork")
@both_kinds
def test_fork_after_the_others_have_ended(run_child: RunChild, kind: str) -> None:
    """While one lives, os.fork() ends CPython's child before any code of ours runs: 3.12 hangs, 3.13 aborts."""
    script = """
code = '''
import zmq
context = zmq.Context.shadow({address})
socket = context.socket(zmq.PUSH)
socket.connect("inproc://here")
socket.send(bytearray(100_000), copy=False)
'''
import warnings
with zmq.Context() as context, context.socket(zmq.PULL) as pull:
    pull.bind("inproc://here")
    for _ in range(3):
        run_and_end(code.format(address=context.underlying), kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # libzmq's threads do not count, but Python cannot know
        child = os.fork()
    if child == 0:
        status = 1
        try:
            try:
                pull.recv()
            except zmq.error.ForkedError:
                with zmq.Context() as own, own.socket(zmq.PAIR) as a, own.socket(zmq.PAIR) as b:
                    a.bind("inproc://x")
                    b.connect("inproc://x")
                    tracker = a.send(bytearray(100_000), copy=False, track=True)
                    assert len(b.recv()) == 100_000
                    tracker.wait(30)
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    pull.rcvtimeo = 30_000
    for _ in range(3):
        assert len(pull.recv(copy=False)) == 100_000
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()


@since_312
@both_kinds
@pytest.mark.parametrize("frame", ["kept", "gone"])
def test_process_ends_while_an_interpreter_lives(run_child: RunChild, kind: str, frame: str) -> None:
    script = """
code = '''
import zmq
context = zmq.Context.shadow({address})
push = context.socket(zmq.PUSH)
push.connect("inproc://here")
push.send(bytearray(1_000_000), copy=False)
own = zmq.Context()
other = own.socket(zmq.PUSH)
other.linger = 0
other.bind("tcp://127.0.0.1:*")
'''
context = zmq.Context()
pull = context.socket(zmq.PULL)
pull.rcvtimeo = 30_000
pull.bind("inproc://here")
interpreter = create(kind)
run(interpreter, code.format(address=context.underlying))
frame = pull.recv(copy=False)
assert len(frame) == 1_000_000
if sys.argv[2] == "gone":
    del frame
"""
    run_child(PRELUDE + script, kind, frame, options=["-W", "ignore::ResourceWarning"]).ok()


@since_312
@both_kinds
def test_foreign_socket_is_free_once_its_interpreter_has_ended(run_child: RunChild, kind: str) -> None:
    script = """
import ctypes
from zmq._core.capi import __pyx_capi__
capsule = __pyx_capi__["zmq_socket"]
api = ctypes.pythonapi
api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
api.PyCapsule_GetPointer.restype, api.PyCapsule_GetPointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
function = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
zmq_socket = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(function)
with zmq.Context() as context:
    address = zmq_socket(context.underlying, zmq.PAIR)
    for _ in range(3):
        interpreter = create(kind)
        run(interpreter, f"import sys, zmq; socket = sys.kept = zmq.Socket.shadow({address}); assert socket.type == zmq.PAIR")
        try:
            zmq.Socket.shadow(address)
        except zmq.error.ThreadError:
            pass
        else:
            raise AssertionError("two interpreters in one socket")
        end(interpreter)
    socket = zmq.Socket.shadow(address)
    assert socket.type == zmq.PAIR
    socket.close()
unharmed()
"""
    run_child(PRELUDE + script, kind).ok()
