"""One thread at a time in a socket: the second one gets ThreadError, the first goes on."""

from __future__ import annotations

import threading

import pytest
import zmq

from helpers import Background, MakePair, RunChild

# a binding without the rule crashes here, so these run in children

PRELUDE = """
import errno, random, sys, threading, time, zmq
from child_support import Running, blocked
context = zmq.Context()
"""

USES = {
    "recv": "s.recv()",
    "recv-dontwait": "s.recv(zmq.DONTWAIT)",
    "recv_multipart": "s.recv_multipart()",
    "recv_into": "s.recv_into(bytearray(5))",
    "send": "s.send(b'x')",
    "send-shared": "s.send(bytes(100_000), copy=False)",
    "send_multipart": "s.send_multipart([b'x', b'y'])",
    "poll": "s.poll(10)",
    "poller": "p = zmq.Poller(); p.register(s); p.poll(10)",
    "get": "s.get(zmq.LINGER)",
    "set": "s.set(zmq.LINGER, 0)",
    "attribute": "s.linger",
    "bind": "s.bind('inproc://other')",
    "connect": "s.connect('tcp://127.0.0.1:9')",
    "shadow": "zmq.Socket.shadow(s).send(b'x')",
}


def test_its_type_is_known_while_another_thread_waits_in_it(run_child: RunChild) -> None:
    """It never changes: asking for it is no use of the socket, nor is making a shadow."""
    script = PRELUDE + """
s = context.socket(zmq.PULL)
s.bind("inproc://x")
receiving = Running(s.recv)
blocked(receiving)
for one in (s, zmq.Socket.shadow(s), zmq.Socket.shadow(s.underlying)):
    assert one.get(zmq.TYPE) == one.TYPE == one.type == zmq.PULL
    try:
        one.linger
    except zmq.ThreadError:
        pass
    else:
        raise SystemExit("used by two threads")
with context.socket(zmq.PUSH) as t:
    t.connect("inproc://x")
    t.send(b"on")
assert receiving.ended().value == b"on"
assert s.get(zmq.TYPE) == zmq.PULL
s.close()
try:
    s.get(zmq.TYPE)
except zmq.ZMQError as error:
    assert error.errno == zmq.ENOTSOCK
else:
    raise SystemExit("a closed socket has a type")
context.term()
"""
    run_child(script).ok()


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_second_thread_gets_threaderror_and_the_first_goes_on(run_child: RunChild, use: str) -> None:
    script = (
        PRELUDE
        + f"""
s, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
s.bind("inproc://x"); peer.connect("inproc://x")
holder = Running(s.recv, name="the-holder")
blocked(holder)
try:
    {use}
except zmq.ThreadError as error:
    assert isinstance(error, zmq.ZMQError)
    assert error.errno == errno.EBUSY
    text = str(error)
    assert "the-holder" in text or str(holder.ident) in text, text
    assert "thread" in text.lower(), text
else:
    raise SystemExit("let two threads in")
assert holder.is_alive()
peer.send(b"for the holder")
assert holder.ended().value == b"for the holder"
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_the_second_thread_may_try_again_later(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
s, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
s.bind("inproc://x"); peer.connect("inproc://x")
holder = Running(s.recv)
blocked(holder)
try:
    s.send(b"early")
except zmq.ThreadError:
    pass
peer.send(b"x")
holder.ended()
s.send(b"later")
assert peer.recv() == b"later"
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_socket_handed_from_thread_to_thread(pair: MakePair) -> None:
    a, b = pair()

    def bounce(number: int) -> bytes:
        a.send(b"%d" % number)
        return b.recv()

    for number in range(50):
        assert Background(bounce, number).result() == b"%d" % number


def test_socket_made_in_one_thread_and_used_in_another(ctx: zmq.SyncContext) -> None:
    made = Background(ctx.socket, zmq.PAIR).result()
    made.bind("inproc://made-elsewhere")
    made.close()


def test_sockets_shared_under_a_lock(pair: MakePair) -> None:
    a, b = pair()
    lock = threading.Lock()
    rounds, threads = 200, 4

    def send(number: int) -> None:
        for count in range(rounds):
            with lock:
                a.send_multipart([b"%d" % number, b"%d" % count])

    senders = [Background(send, number) for number in range(threads)]
    got = [b.recv_multipart() for _ in range(rounds * threads)]
    for sender in senders:
        sender.result()
    for number in range(threads):
        mine = [int(count) for name, count in got if int(name) == number]
        assert mine == list(range(rounds))


def test_each_thread_its_own_socket(ctx: zmq.SyncContext) -> None:
    def work(number: int) -> int:
        with ctx.socket(zmq.PUSH) as push, ctx.socket(zmq.PULL) as pull:
            pull.bind(f"inproc://own-{number}")
            push.connect(f"inproc://own-{number}")
            for count in range(500):
                push.send(b"%d" % count, copy=count % 2 == 0)
                assert int(pull.recv()) == count
        return number

    assert [one.result() for one in [Background(work, n) for n in range(8)]] == list(range(8))


def test_many_threads_at_random_keep_the_framing(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
sockets = []
for number in range(3):
    a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    a.bind(f"inproc://{number}"); b.connect(f"inproc://{number}")
    for one in (a, b):
        one.set(zmq.RCVTIMEO, 20); one.set(zmq.SNDTIMEO, 20)
        sockets.append(one)
end = time.monotonic() + float(sys.argv[1])
bad = []
def chaos(seed):
    rng = random.Random(seed)
    while time.monotonic() < end:
        s = rng.choice(sockets)
        try:
            what = rng.randrange(7)
            if what == 0:
                size = rng.choice([1, 50, 70_000])
                s.send_multipart([b"%d" % size, bytes(size), b"end"], copy=rng.random() < 0.5)
            elif what == 1:
                parts = s.recv_multipart(copy=rng.random() < 0.5)
                if len(parts) != 3 or len(parts[1]) != int(bytes(parts[0])) or bytes(parts[2]) != b"end":
                    bad.append([len(p) for p in parts])
            elif what == 2:
                s.poll(5)
            elif what == 3:
                s.get(zmq.EVENTS)
            elif what == 4:
                s.set(zmq.LINGER, 0)
            elif what == 5:
                try:
                    context.socket(zmq.PAIR).close()
                except zmq.ZMQError as error:
                    # libzmq's reaper may be behind with what was closed before
                    if error.errno != errno.EMFILE:
                        raise
            else:
                p = zmq.Poller(); p.register(s); p.register(rng.choice(sockets)); p.poll(2)
        except (zmq.Again, zmq.ThreadError):
            pass
threads = [Running(lambda seed=seed: chaos(seed)) for seed in range(8)]
for thread in threads:
    thread.join(30)
    assert not thread.is_alive(), "stuck"
    if thread.error: raise thread.error
assert not bad, bad
context.destroy(linger=0)
"""
    )
    run_child(script, "3").ok()


def test_closing_races_with_use(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for number in range(200):
    s, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    s.bind(f"inproc://{number}"); peer.connect(f"inproc://{number}")
    barrier = threading.Barrier(3)
    def use():
        barrier.wait()
        try:
            for _ in range(50):
                s.send(b"x", zmq.DONTWAIT)
                s.poll(0)
        except zmq.ZMQError as error:
            assert isinstance(error, (zmq.ThreadError, zmq.Again)) or error.errno in (
                zmq.ENOTSOCK, zmq.ENOTSUP), error
    def close():
        barrier.wait()
        try:
            s.close(0)
        except zmq.ThreadError:
            pass
    threads = [Running(use), Running(use), Running(close)]
    for thread in threads:
        thread.ended()
        if thread.error: raise thread.error
    s.close(0); peer.close(0)
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_proxy_over_one_socket_on_both_sides_is_no_misuse(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
router, req = context.socket(zmq.ROUTER), context.socket(zmq.REQ)
router.bind("inproc://x"); req.connect("inproc://x")
echo = Running(lambda: zmq.proxy(router, router))
req.send(b"echo")
assert req.recv() == b"echo"
try:
    blocked(echo)
    router.send(b"x")
except zmq.ThreadError:
    pass
else:
    raise SystemExit("used a socket that a proxy holds")
req.close()
ending = Running(context.term)
echo.ended()
assert isinstance(echo.error, zmq.ContextTerminated), echo.error
router.close()
ending.ended()
"""
    )
    run_child(script).ok()
