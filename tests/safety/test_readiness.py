"""A socket's descriptor tells of news only once: no call may eat it for another, so that no message waits unseen."""

from __future__ import annotations

import pytest

from helpers import RunChild

PRELUDE = """
import itertools, random, select, sys, threading, time, zmq
from child_support import Running, blocked
context = zmq.Context()
names = itertools.count()

def connected(transport):
    a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    a.bind("inproc://%d" % next(names) if transport == "inproc" else "tcp://127.0.0.1:*")
    b.connect(a.last_endpoint)
    for one in (a, b):
        one.linger = 0
        one.rcvtimeo = one.sndtimeo = 30_000
    return a, b
"""


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.parametrize("seed", range(3))
def test_no_message_waits_unseen(run_child: RunChild, transport: str, seed: int) -> None:
    """Number 7 of the twenty, blocking: sends, polls, options and shadows on sockets that bursts arrive at, in random order."""
    script = f"""{PRELUDE}
rng = random.Random({seed})
sides = [connected({transport!r}) for _ in range(3)]
mine, theirs = [a for a, _ in sides], [b for _, b in sides]
COUNT = 1500
gate = threading.Semaphore(0)
def bursts():
    noise = random.Random({seed + 100})
    sent = [0, 0, 0]
    while sum(sent) < 3 * COUNT:
        gate.acquire(timeout=0.001)  # a pause at most, so that queues run empty
        which = noise.randrange(3)
        for _ in range(min(noise.choice([1, 1, 2, 30]), COUNT - sent[which])):
            theirs[which].send(b"%d" % sent[which]); sent[which] += 1
        while theirs[which].poll(0):
            theirs[which].recv()
sender = Running(bursts)
got = [0, 0, 0]
poller = zmq.Poller()
for one in mine:
    poller.register(one, zmq.POLLIN)
def take(number, waiting):
    assert int(mine[number].recv(0 if waiting else zmq.DONTWAIT)) == got[number]
    got[number] += 1
last = time.monotonic()
while sum(got) < 3 * COUNT:
    assert time.monotonic() - last < 20, ("stalled", got)
    what = rng.randrange(9)
    number = rng.randrange(3)
    before = sum(got)
    try:
        if what == 0:
            mine[number].send(b"back", zmq.DONTWAIT)
        elif what == 1:
            mine[number].get(zmq.EVENTS)
        elif what == 2:
            zmq.Socket.shadow(mine[number]).poll(0)
        elif what == 3:
            mine[number].poll(0, zmq.POLLOUT)
        elif what == 4:
            gate.release()
            for one, _ in poller.poll(30_000):
                take(mine.index(one), True)
        elif what == 5:
            for one in select.select(mine, [], [], 0)[0]:
                while one.get(zmq.EVENTS) & zmq.POLLIN:
                    take(mine.index(one), False)
        elif what == 6:
            if mine[number].poll(1):
                take(number, True)
        elif what == 7:
            for one in zmq.select(mine, [], [], 0.001)[0]:
                take(mine.index(one), True)
        else:
            take(number, False)
    except zmq.Again:
        pass
    if sum(got) > before:
        last = time.monotonic()
assert time.monotonic() - last < 20
sender.ended()
context.destroy(linger=0)
"""
    run_child(script).ok()


EATERS = [
    "a.send(b'x', zmq.DONTWAIT)",
    "a.get(zmq.EVENTS)",
    "a.poll(0)",
    "zmq.select([a], [], [], 0)",
    "zmq.Socket.shadow(a).get(zmq.EVENTS)",
    "a.get_monitor_socket()",
    "a.linger; a.linger = 0",
]


@pytest.mark.parametrize("eats", EATERS)
@pytest.mark.parametrize("wait", ["a.recv()", "a.poll(30_000)", "p.poll(30_000)", "zmq.select([a], [], [], 30)"])
def test_news_eaten_by_one_call_is_seen_by_the_next(run_child: RunChild, eats: str, wait: str) -> None:
    script = f"""{PRELUDE}
for transport in ("inproc", "tcp"):
    for _ in range(5):
        a, b = connected(transport)
        p = zmq.Poller(); p.register(a, zmq.POLLIN)
        p.poll(0)
        b.send(b"1")
        assert a.poll(30_000)
        assert a.recv() == b"1"
        b.send_multipart([b"2", b"3"])
        end = time.monotonic() + 30
        while not a.get(zmq.EVENTS) & zmq.POLLIN:
            assert time.monotonic() < end
        {eats}
        start = time.monotonic()
        assert {wait} not in (0, [], ([], [], []))
        assert time.monotonic() - start < 20
        while a.poll(0):
            a.recv_multipart()
        a.close(); b.close()
context.destroy(linger=0)
"""
    run_child(script).ok()
