"""recv_many and send_many: many messages in one call, each whole, none lost."""

from __future__ import annotations

import errno
import threading
import time
from typing import Any

import pytest
import zmq

from helpers import PYPY, Background, MakePair, MakeSocket, RunChild, bind_any, fresh_inproc, let_go, wait_until, wait_until_blocked

BIG = 200_000


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


def gather(socket: zmq.SyncSocket, count: int, n: int = 1000, **kwargs: Any) -> list[Any]:
    """Exactly so many messages, by as many calls as it takes."""
    got: list[Any] = []
    while len(got) < count:
        some = socket.recv_many(min(n, count - len(got)), **kwargs)
        assert 1 <= len(some) <= n
        got += some
    return got


# ---------------------------------------------------------------- receiving


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1000])
def test_up_to_n(pair: MakePair, transport: str, n: int) -> None:
    a, b = pair(transport=transport)
    for one in numbered(200):
        a.send(one)
    assert gather(b, 200, n) == numbered(200)


def test_takes_no_more_than_n(pair: MakePair) -> None:
    a, b = pair()
    a.send_many(numbered(10))
    assert b.recv_many(3) == numbered(3)
    assert b.recv() == b"3"
    assert b.recv_many(100) == numbered(6, 4)


@pytest.mark.parametrize("n", [0, -1])
def test_at_least_one_message(pair: MakePair, n: int) -> None:
    a, b = pair()
    a.send(b"x")
    with pytest.raises(ValueError, match="at least one"):
        b.recv_many(n)
    assert b.recv() == b"x"


def test_frames_without_a_copy(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    a.send_multipart([b"1", bytes(BIG)])
    a.send(b"3")
    frames = gather(b, 3, copy=False)
    assert [type(frame) for frame in frames] == [zmq.Frame] * 3
    assert [frame.bytes for frame in frames] == [b"1", bytes(BIG), b"3"]
    assert [frame.more for frame in frames] == [True, False, False]


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("n", [1, 3, 100])
def test_whole_messages(pair: MakePair, transport: str, copy: bool, n: int) -> None:
    a, b = pair(transport=transport)
    messages = [numbered(1 + number % 5, number) for number in range(100)]
    messages[50] = numbered(300)  # longer than what is received in one go
    for message in messages:
        a.send_multipart(message)
    got = gather(b, 100, n, multipart=True, copy=copy)
    assert [[bytes(frame) for frame in message] for message in got] == messages


def test_rcvmore_is_that_of_the_last_frame(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2", b"3"])
    assert b.recv_many(2) == [b"1", b"2"]
    assert b.rcvmore == 1
    assert b.recv_many(2) == [b"3"]
    assert b.rcvmore == 0


def test_the_rest_of_a_message_is_the_first_one(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2", b"3"])
    a.send(b"4")
    assert b.recv() == b"1"
    assert b.recv_many(5, multipart=True) == [[b"2", b"3"], [b"4"]]


def test_waits_for_the_first_only(pair: MakePair) -> None:
    a, b = pair()
    receiving = Background(b.recv_many, 10)
    wait_until_blocked(receiving)
    a.send(b"x")
    got = receiving.result()
    assert got == [b"x"]


def test_rcvtimeo_and_dontwait(pair: MakePair) -> None:
    _, b = pair()
    with pytest.raises(zmq.Again):
        b.recv_many(5, zmq.DONTWAIT)
    b.rcvtimeo = 50
    start = time.monotonic()
    with pytest.raises(zmq.Again):
        b.recv_many(5)
    assert 0.04 < time.monotonic() - start < 20


def test_given_back_frames_come_first(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2"])
    a.send(b"3")
    first = b.recv()
    b._give_back([(first, True)], b._number())
    assert b.recv_many(1, multipart=True) == [[b"1", b"2"]]
    b._give_back([(b"1", True), (b"2", False)], b._number())
    assert b.recv_many(10) == [b"1", b"2", b"3"]


def test_errors_of_the_socket(socket: MakeSocket, ctx: zmq.SyncContext) -> None:
    rep = socket(zmq.REP)
    bind_any(rep, "inproc")
    push = socket(zmq.PUSH)
    with pytest.raises(zmq.ZMQError) as caught:
        push.recv_many(1)
    assert caught.value.errno == zmq.ENOTSUP
    push.close()
    with pytest.raises(zmq.ZMQError) as caught:
        push.recv_many(1)
    assert caught.value.errno == zmq.ENOTSOCK
    with pytest.raises(zmq.ZMQError) as caught:
        push.send_many([b"x"])
    assert caught.value.errno == zmq.ENOTSOCK


def test_an_error_shows_itself_after_what_was_received(pair: MakePair, socket: MakeSocket) -> None:
    req, rep = socket(zmq.REQ), socket(zmq.REP)
    req.connect(bind_any(rep, "inproc"))
    req.send(b"question")
    # a second receive is against REP's order: it ends the batch, and is no error as long as something came
    assert rep.recv_many(5) == [b"question"]
    with pytest.raises(zmq.ZMQError) as caught:
        rep.recv_many(5)
    assert caught.value.errno == zmq.EFSM
    rep.send(b"answer")
    assert req.recv_many(5) == [b"answer"]


def test_closing_ends_the_wait(pair: MakePair) -> None:
    _, b = pair()
    b.rcvtimeo = -1
    receiving = Background(b.recv_many, 10)
    wait_until_blocked(receiving)
    b.close()
    with pytest.raises(zmq.ZMQError) as caught:
        receiving.result()
    assert caught.value.errno == zmq.ENOTSOCK


def test_a_second_thread_is_refused(pair: MakePair) -> None:
    a, b = pair()
    receiving = Background(b.recv_many, 10)
    wait_until_blocked(receiving)
    with pytest.raises(zmq.ThreadError):
        b.recv_many(1)
    a.send(b"x")
    assert receiving.result() == [b"x"]


def test_terminating_ends_the_wait(run_child: RunChild) -> None:
    run_child(
        """
        import zmq
        from child_support import Running, blocked
        for work in (lambda s: s.recv_many(5), lambda s: s.send_many([b"x"])):
            context = zmq.Context()
            socket = context.socket(zmq.DEALER)
            def run():
                try:
                    work(socket)
                except zmq.ContextTerminated:
                    socket.close(0)
            thread = Running(run)
            blocked(thread)
            context.term()
            thread.join()
        """
    ).ok()


def test_forked_child_is_refused(run_child: RunChild) -> None:
    run_child(
        """
        import os, warnings, zmq
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # fork with threads: meant here
        context = zmq.Context()
        socket = context.socket(zmq.PAIR)
        socket.bind("inproc://x")
        pid = os.fork()
        if not pid:
            good = 0
            for call in (lambda: socket.recv_many(1), lambda: socket.send_many([b"x"])):
                try:
                    call()
                except zmq.ForkedError:
                    good += 1
            os._exit(good)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
        context.destroy(0)
        """
    ).ok()


@pytest.mark.parametrize("call", ["b.recv_many(10)", "a.send_many([b'x'] * 5000)"])
def test_handler_that_raises_leaves_nothing_behind(run_child: RunChild, call: str) -> None:
    run_child(
        f"""
        import signal, zmq
        context = zmq.Context()
        a, b = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        b.bind("inproc://x")
        a.connect("inproc://x")
        class Stop(Exception): pass
        def stop(*_): raise Stop
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            {call}
        except Stop as stopped:
            sent = getattr(stopped, "sent", 0)
        got = 0
        while b.poll(0):
            got += len(b.recv_many(7))
        assert got == sent, (got, sent)
        a.send(b"alive")
        assert b.recv_many(5) == [b"alive"]
        context.destroy(0)
        """
    ).ok()


@pytest.mark.skipif(PYPY, reason="PyPy itself does not go on when its memory cannot grow")
def test_memory_running_out_loses_nothing(run_child: RunChild) -> None:
    """Bytes for the second, large message cannot be had: both messages are still there, the large one as a Frame."""
    run_child(
        """
        import mmap, resource, zmq
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        b.bind("tcp://127.0.0.1:*")
        a.connect(b.last_endpoint)
        size = 300 << 20
        a.send(b"small")
        a.send(mmap.mmap(-1, size), copy=False)  # no allocator keeps that
        a.send(b"last")
        small = b.recv()
        frame = b.recv(copy=False)
        b._give_back([(small, False), (frame, False)], b._number())
        del frame
        resource.setrlimit(resource.RLIMIT_DATA, (size + (200 << 20),) * 2)
        for receive in (lambda: b.recv_many(5), lambda: b.recv_many(5, multipart=True)):
            try:
                print(len(receive()))
            except MemoryError:
                pass
            else:
                raise SystemExit("enough memory")
        frames = b.recv_many(2, copy=False)
        assert [len(frame) for frame in frames] == [5, size]
        assert b.recv() == b"last"
        context.destroy(0)
        """
    ).ok()


# ---------------------------------------------------------------- sending


@pytest.mark.parametrize("container", [list, tuple, iter])
@pytest.mark.parametrize("copy", [True, False])
def test_sends_all(pair: MakePair, transport: str, container: Any, copy: bool) -> None:
    a, b = pair(transport=transport)
    messages = [b"", b"one", bytes(BIG), bytearray(b"two"), memoryview(bytes(BIG)), zmq.Frame(b"frame")]
    assert a.send_many(container(messages), copy=copy) == 6
    assert gather(b, 6) == [bytes(message) for message in messages]


@pytest.mark.parametrize("copy", [True, False])
def test_sends_messages_of_several_frames(pair: MakePair, transport: str, copy: bool) -> None:
    a, b = pair(transport=transport)
    messages: list[Any] = [[b"1", b"2"], (b"3",), [bytearray(BIG), zmq.Frame(b"f")], numbered(100)]
    assert a.send_many(messages, copy=copy, multipart=True) == 4
    assert gather(b, 4, multipart=True) == [[bytes(frame) for frame in message] for message in messages]


def test_nothing_to_send(pair: MakePair) -> None:
    a, b = pair()
    assert a.send_many([]) == 0
    assert b.poll(0) == 0


@pytest.mark.parametrize(
    ("messages", "multipart", "error"),
    [
        ([b"good", "text"], False, TypeError),
        ([b"good", 5], False, TypeError),
        ([b"good", memoryview(b"abcd")[::2]], False, BufferError),
        (b"bytes", False, TypeError),
        ([[b"good"], []], True, IndexError),
        ([[b"good"], [b"x", "text"]], True, TypeError),
        ([[b"good"], b"bytes"], True, TypeError),
        ([[b"good"], [memoryview(b"abcd")[::2]]], True, BufferError),
    ],
)
def test_all_are_checked_before_the_first_goes(pair: MakePair, messages: Any, multipart: bool, error: type[Exception]) -> None:
    a, b = pair()
    with pytest.raises(error, match=r"message \d"):
        a.send_many(messages, multipart=multipart)
    assert b.poll(20) == 0


def test_sndmore_makes_no_sense(pair: MakePair) -> None:
    a, b = pair()
    with pytest.raises(ValueError, match="multipart=True"):
        a.send_many([b"x"], zmq.SNDMORE)
    assert b.poll(20) == 0


def full_pair(socket: MakeSocket) -> tuple[zmq.SyncSocket, zmq.SyncSocket]:
    a, b = socket(zmq.PUSH), socket(zmq.PULL)
    a.sndhwm = b.rcvhwm = 5
    a.connect(bind_any(b, "inproc"))
    return a, b


@pytest.mark.parametrize("multipart", [False, True])
def test_waits_where_it_must(socket: MakeSocket, multipart: bool) -> None:
    a, b = full_pair(socket)
    a.sndtimeo = -1
    messages: list[Any] = [[one, b"end"] for one in numbered(100)] if multipart else numbered(100)
    sending = Background(lambda: a.send_many(messages, multipart=multipart))
    assert gather(b, 100, multipart=multipart) == messages
    assert sending.result() == 100


@pytest.mark.parametrize("multipart", [False, True])
def test_dontwait_sends_what_fits(socket: MakeSocket, multipart: bool) -> None:
    a, b = full_pair(socket)
    messages: list[Any] = [[one, b"end"] for one in numbered(100)] if multipart else numbered(100)
    sent = a.send_many(messages, zmq.DONTWAIT, multipart=multipart)
    assert 0 < sent < 100
    with pytest.raises(zmq.Again):
        a.send_many(messages[sent:], zmq.DONTWAIT, multipart=multipart)
    assert gather(b, sent, multipart=multipart) == messages[:sent]
    assert b.poll(20) == 0


def test_sndtimeo_is_for_the_whole_call(socket: MakeSocket) -> None:
    a, b = full_pair(socket)
    a.sndtimeo = 200
    start = time.monotonic()
    sent = a.send_many(numbered(100))
    assert 0.15 < time.monotonic() - start < 20
    assert 0 < sent < 100
    with pytest.raises(zmq.Again):
        a.send_many([b"more"])
    assert gather(b, sent) == numbered(sent)

    # a reader that takes one message now and then does not prolong it
    stop = threading.Event()

    def read_slowly() -> None:
        while not stop.wait(0.05):
            b.poll(0) and b.recv()

    reading = Background(read_slowly)
    start = time.monotonic()
    assert 0 < a.send_many(numbered(100_000)) < 100_000
    assert time.monotonic() - start < 20
    stop.set()
    reading.result()


def test_error_in_the_middle_tells_how_many_went(socket: MakeSocket) -> None:
    router, dealer = socket(zmq.ROUTER), socket(zmq.DEALER)
    router.router_mandatory = 1
    dealer.routing_id = b"known"
    dealer.connect(bind_any(router, "inproc"))
    dealer.send(b"here")
    router.recv_multipart()
    messages = [[b"known", b"1"], [b"known", b"2"], [b"unknown", b"3"], [b"known", b"4"]]
    with pytest.raises(zmq.ZMQError) as caught:
        router.send_many(messages, multipart=True)
    assert caught.value.errno == errno.EHOSTUNREACH
    assert caught.value.sent == 2
    assert gather(dealer, 2, multipart=True) == [[b"1"], [b"2"]]
    assert dealer.poll(20) == 0


def test_lent_memory_comes_back(pair: MakePair) -> None:
    a, b = pair()
    buffers = [bytearray(BIG) for _ in range(10)]
    a.send_many(buffers, copy=False)
    with pytest.raises(BufferError):
        buffers[0].append(1)
    assert b.recv_many(10) == buffers

    def resizable() -> bool:
        let_go()
        try:
            for buffer in buffers:
                buffer.append(1)
        except BufferError:
            return False
        return True

    wait_until(resizable)


def test_the_list_may_change_meanwhile(socket: MakeSocket) -> None:
    a, b = full_pair(socket)
    messages = numbered(100)
    sending = Background(a.send_many, messages)
    wait_until(lambda: b.poll(0))
    messages.clear()
    assert gather(b, 100) == numbered(100)
    assert sending.result() == 100


def test_two_threads_with_sockets_of_their_own(ctx: zmq.SyncContext) -> None:
    address = fresh_inproc()
    count = 20_000
    with ctx.socket(zmq.PUSH) as push, ctx.socket(zmq.PULL) as pull:
        pull.bind(address)
        push.connect(address)
        sending = Background(lambda: [push.send_many(numbered(100, start)) for start in range(0, count, 100)])
        assert gather(pull, count, 333) == numbered(count)
        assert sum(sending.result()) == count
