"""zmq.green in processes of its own: patched by gevent, forked, ended, and without gevent."""

from __future__ import annotations

import pytest

from helpers import RunChild

PATCHED = """
from gevent import monkey; monkey.patch_all()
import gevent, gc, sys, threading, time
import zmq.green as zmq

"""


def test_zero_copy_beside_patched_threads(run_child: RunChild) -> None:
    run_child(
        PATCHED
        + """
ctx = zmq.Context()
pull = ctx.socket(zmq.PULL)
port = pull.bind_to_random_port("tcp://127.0.0.1")
trackers = []

def produce(number):
    with ctx.socket(zmq.PUSH) as push:
        push.connect(f"tcp://127.0.0.1:{port}")
        for i in range(50):
            block = bytearray(b"%d" % number) * 200_000
            trackers.append(push.send_multipart([b"%d" % number, block], copy=False, track=True))

threads = [threading.Thread(target=produce, args=(n,)) for n in range(8)]
for thread in threads:
    thread.start()
for _ in range(400):
    name, block = pull.recv_multipart(copy=False)
    assert bytes(block.buffer[:1]) == name.bytes and len(block) == 200_000
for thread in threads:
    thread.join()
del name, block
for tracker in trackers:
    tracker.wait(30)
assert all(tracker.done for tracker in trackers)
pull.close()
ctx.term()
"""
    ).ok()


def test_plain_sockets_in_real_threads_of_a_patched_process(run_child: RunChild) -> None:
    run_child(
        PATCHED
        + """
import zmq as plain
ctx = zmq.Context()
green, other = ctx.socket(zmq.PAIR), plain.Context.shadow(ctx).socket(zmq.PAIR)
green.bind("inproc://between")
other.connect("inproc://between")

def echo():
    for _ in range(100):
        other.send(other.recv())
    other.close()

done = gevent.get_hub().threadpool.spawn(echo)
for i in range(100):
    green.send(b"%d" % i)
    assert green.recv() == b"%d" % i
done.get()
green.close()
ctx.term()
"""
    ).ok()


@pytest.mark.parametrize("how", ["close", "leave open", "leave waiting"])
def test_the_end_is_quiet(run_child: RunChild, how: str) -> None:
    ending = {
        "close": "pair.close(); ctx.term()",
        "leave open": "",
        "leave waiting": "gevent.spawn(pair.recv); gevent.spawn(pair.poll); gevent.sleep(0)",
    }[how]
    run_child(f"import gevent\nimport zmq.green as zmq\nctx = zmq.Context()\npair = ctx.socket(zmq.PAIR)\n{ending}\n").ok()


def test_sockets_that_nobody_waits_in_do_not_keep_the_hub_running(run_child: RunChild) -> None:
    run_child(
        """
        import gevent
        import zmq.green as zmq

        ctx = zmq.Context()
        left, right = ctx.socket(zmq.PAIR), ctx.socket(zmq.PAIR)
        port = left.bind_to_random_port("tcp://127.0.0.1")
        right.connect(f"tcp://127.0.0.1:{port}")
        reader = gevent.spawn(left.recv)
        gevent.sleep(0)
        right.send(b"x")
        assert reader.get(timeout=30) == b"x"
        with gevent.Timeout(0.01, False):
            left.recv()
        left.poll(1)
        assert gevent.wait(timeout=30) is True
        left.close(), right.close()
        ctx.term()
        """
    ).ok()


def test_interrupts_reach_the_main_greenlet(run_child: RunChild) -> None:
    child = run_child(
        """
        import gevent, os, signal, threading
        import zmq.green as zmq

        ctx = zmq.Context()
        pair = ctx.socket(zmq.PAIR)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            pair.recv()
        except KeyboardInterrupt:
            print("interrupted")
        pair.close()
        ctx.term()
        """
    )
    # gevent writes to standard error what interrupted its hub
    assert (child.status, child.out) == (0, "interrupted\n"), child.describe()


def test_a_fork_makes_its_own(run_child: RunChild) -> None:
    run_child(
        """
        import gevent, os
        import zmq, zmq.green as green

        ctx = green.Context.instance()
        pair = ctx.socket(zmq.PAIR)
        waiting = gevent.spawn(pair.recv)
        gevent.sleep(0)
        pid = gevent.os.fork()
        if pid == 0:
            status = 1
            try:
                pair.recv(zmq.DONTWAIT)
            except zmq.ForkedError:
                mine = green.Context.instance()
                assert mine is not ctx
                a, b = mine.socket(zmq.PAIR), mine.socket(zmq.PAIR)
                a.bind("inproc://a")
                b.connect("inproc://a")
                reader = gevent.spawn(b.recv)
                gevent.sleep(0)
                a.send(b"x")
                status = 0 if reader.get(timeout=30) == b"x" else 2
            os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        waiting.kill()
        pair.close()
        ctx.term()
        """
    ).ok()


@pytest.mark.parametrize("loop", ["libev-cffi", "libuv-cffi"])
def test_other_loops_of_gevents(run_child: RunChild, loop: str) -> None:
    child = run_child(
        """
        import gevent
        import zmq.green as zmq

        ctx = zmq.Context()
        left, right = ctx.socket(zmq.DEALER), ctx.socket(zmq.ROUTER)
        port = right.bind_to_random_port("tcp://127.0.0.1")
        left.connect(f"tcp://127.0.0.1:{port}")

        def serve():
            for _ in range(300):
                right.send_multipart(right.recv_multipart())

        server = gevent.spawn(serve)
        for i in range(300):
            left.send(b"%d" % i)
            assert left.recv() == b"%d" % i
        server.get()
        with gevent.Timeout(0.01, False):
            left.recv()
        assert left.poll(10) == 0
        left.close(), right.close()
        ctx.term()
        print(type(gevent.get_hub().loop).__module__)
        """,
        env={"GEVENT_LOOP": loop},
    )
    assert loop.partition("-")[0] in child.ok().out


def test_without_gevent_the_error_names_the_extra(run_child: RunChild) -> None:
    child = run_child(
        """
        import sys
        sys.modules["gevent"] = None
        try:
            import zmq.green
        except ImportError as error:
            print(error)
        """
    )
    assert "pyzmq[gevent]" in child.ok().out
