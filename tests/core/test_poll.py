"""Poller, select, zmq_poll and Socket.poll: readiness, timeouts, descriptors, bad objects."""

from __future__ import annotations

import copy
import os
import pickle
import select as system_select
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import zmq

from helpers import Background, MakePair, MakeSocket, RunChild, bind_any, wait_until_blocked

POSIX = pytest.mark.skipif(os.name != "posix", reason="descriptors of pipes need POSIX")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


# Socket.poll


def test_socket_poll_returns_the_mask(pair: MakePair) -> None:
    a, b = pair()
    assert b.poll(0) == 0
    assert b.poll(1) == 0
    assert a.poll(0, zmq.POLLOUT) == zmq.POLLOUT
    a.send(b"x")
    assert b.poll(30_000) == zmq.POLLIN
    assert b.poll(0, zmq.POLLIN | zmq.POLLOUT) == zmq.POLLIN | zmq.POLLOUT
    assert type(b.poll(0)) is int


@pytest.mark.parametrize("timeout", [None, -1, 10_000, 10_000.0])
def test_socket_poll_wakes_on_a_message(pair: MakePair, timeout: float | None) -> None:
    a, b = pair()
    waiting = Background(b.poll, timeout)
    wait_until_blocked(waiting)
    a.send(b"x")
    assert waiting.result() == zmq.POLLIN


def test_socket_poll_waits_its_time(pair: MakePair) -> None:
    _, b = pair()
    start = time.monotonic()
    assert b.poll(100) == 0
    assert 0.09 < time.monotonic() - start < 20


# Poller: registration


def test_registered_sockets_are_members(pair: MakePair) -> None:
    a, b = pair()
    poller = zmq.Poller()
    assert a not in poller
    poller.register(a)
    assert a in poller
    assert b not in poller
    poller.unregister(a)
    assert a not in poller


def test_sockets_lists_objects_with_flags(pair: MakePair) -> None:
    a, b = pair()
    poller = zmq.Poller()
    poller.register(a)
    poller.register(b, zmq.POLLIN)
    assert poller.sockets == [(a, zmq.POLLIN | zmq.POLLOUT), (b, zmq.POLLIN)]


def test_registering_again_replaces_the_flags(pair: MakePair) -> None:
    a, _ = pair()
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    poller.register(a, zmq.POLLOUT)
    assert dict(poller.poll(0)) == {a: zmq.POLLOUT}
    assert len(poller.sockets) == 1


def test_modify_replaces_and_adds(pair: MakePair) -> None:
    a, _ = pair()
    poller = zmq.Poller()
    poller.modify(a, zmq.POLLIN)
    assert a in poller
    assert poller.poll(0) == []
    poller.modify(a, zmq.POLLOUT)
    assert poller.poll(0) == [(a, zmq.POLLOUT)]


def test_flags_of_zero_unregister(pair: MakePair) -> None:
    a, b = pair()
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    poller.register(a, 0)
    poller.register(b, 0)
    assert a not in poller
    assert b not in poller


def test_unregistering_a_stranger_is_a_keyerror(pair: MakePair) -> None:
    a, _ = pair()
    with pytest.raises(KeyError):
        zmq.Poller().unregister(a)


def test_order_survives_removal(socket: MakeSocket) -> None:
    made = [socket(zmq.PUB) for _ in range(5)]
    poller = zmq.Poller()
    for one in made:
        poller.register(one, zmq.POLLOUT)
    poller.unregister(made[1])
    poller.unregister(made[3])
    assert [one for one, _ in poller.poll(0)] == [made[0], made[2], made[4]]


# Poller: polling


def test_ready_sockets_with_their_masks(pair: MakePair) -> None:
    a, b = pair()
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN | zmq.POLLOUT)
    poller.register(b, zmq.POLLIN | zmq.POLLOUT)
    assert dict(poller.poll(0)) == {a: zmq.POLLOUT, b: zmq.POLLOUT}
    a.send(b"x")
    assert b.poll(30_000)
    assert dict(poller.poll(0)) == {a: zmq.POLLOUT, b: zmq.POLLOUT | zmq.POLLIN}
    b.recv()
    assert dict(poller.poll(0)) == {a: zmq.POLLOUT, b: zmq.POLLOUT}


@pytest.mark.parametrize("timeout", [None, -1, 10_000, 10_000.5])
def test_poller_wakes_on_a_message(pair: MakePair, timeout: float | None) -> None:
    a, b = pair()
    poller = zmq.Poller()
    poller.register(b, zmq.POLLIN)
    waiting = Background(poller.poll, timeout)
    wait_until_blocked(waiting)
    a.send(b"x")
    assert waiting.result() == [(b, zmq.POLLIN)]


def test_poller_waits_its_time(pair: MakePair) -> None:
    _, b = pair()
    poller = zmq.Poller()
    poller.register(b, zmq.POLLIN)
    start = time.monotonic()
    assert poller.poll(100) == []
    assert 0.09 < time.monotonic() - start < 20


def test_part_of_a_millisecond_is_none() -> None:
    assert zmq.Poller().poll(0.5) == []


@pytest.mark.parametrize("timeout", [None, -1, 0, 60_000])
def test_empty_poller_returns_at_once(timeout: int | None) -> None:
    assert zmq.Poller().poll(timeout) == []


def test_many_sockets(socket: MakeSocket) -> None:
    pulls, pushes = [], []
    for _ in range(100):
        pull, push = socket(zmq.PULL), socket(zmq.PUSH)
        push.connect(bind_any(pull, "inproc"))
        pulls.append(pull)
        pushes.append(push)
    poller = zmq.Poller()
    for pull in pulls:
        poller.register(pull, zmq.POLLIN)
    for number in (3, 50, 99):
        pushes[number].send(b"x")
    assert [one for one, _ in poller.poll(30_000)] == [pulls[3], pulls[50], pulls[99]]


@POSIX
def test_descriptors_come_back_as_ints(pipe: tuple[int, int], pair: MakePair) -> None:
    reading, writing = pipe
    a, b = pair()
    poller = zmq.Poller()
    poller.register(reading, zmq.POLLIN)
    poller.register(b, zmq.POLLIN)
    assert poller.poll(0) == []
    os.write(writing, b"x")
    assert poller.poll(30_000) == [(reading, zmq.POLLIN)]
    a.send(b"x")
    assert b.poll(30_000)
    assert dict(poller.poll(0)) == {reading: zmq.POLLIN, b: zmq.POLLIN}


@POSIX
def test_objects_with_fileno_come_back_as_ints(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with os.fdopen(os.dup(reading), "rb") as file:
        poller = zmq.Poller()
        poller.register(file, zmq.POLLIN)
        assert file in poller
        os.write(writing, b"x")
        assert poller.poll(30_000) == [(file.fileno(), zmq.POLLIN)]


@POSIX
def test_writable_descriptor(pipe: tuple[int, int]) -> None:
    poller = zmq.Poller()
    poller.register(pipe[1], zmq.POLLOUT)
    assert poller.poll(30_000) == [(pipe[1], zmq.POLLOUT)]


@POSIX
def test_hung_up_descriptor_is_reported() -> None:
    reading, writing = os.pipe()
    try:
        os.close(writing)
        poller = zmq.Poller()
        poller.register(reading, zmq.POLLIN)
        ((descriptor, mask),) = poller.poll(30_000)
        assert descriptor == reading
        assert mask & (zmq.POLLIN | zmq.POLLERR)
    finally:
        os.close(reading)


@pytest.mark.parametrize("wrong", ["text", 1.5, object()], ids=repr)
def test_object_without_fileno_is_a_typeerror(wrong: Any) -> None:
    poller = zmq.Poller()
    with pytest.raises(TypeError):
        poller.register(wrong, zmq.POLLIN)
        poller.poll(0)


class Odd:
    """Something whose fileno() gives what it was made with."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def fileno(self) -> Any:
        return self.answer


@pytest.mark.parametrize("answer", ["text", None])
def test_bad_fileno_is_a_valueerror(answer: Any) -> None:
    poller = zmq.Poller()
    with pytest.raises((ValueError, TypeError)):
        poller.register(Odd(answer), zmq.POLLIN)
        poller.poll(0)


def test_terminated_context_ends_a_poll(run_child: RunChild) -> None:
    run_child(
        """
        import threading, zmq
        context = zmq.Context()
        made = context.socket(zmq.PULL)
        poller = zmq.Poller()
        poller.register(made, zmq.POLLIN)
        ending = threading.Thread(target=context.term)
        ending.start()
        try:
            while True:
                poller.poll(10)
        except zmq.ContextTerminated:
            made.close()
        ending.join()
        """,
    ).ok()


CLOSED: dict[str, str] = {
    "poller": "p = zmq.Poller(); p.register(s, zmq.POLLIN); s.close(); p.poll(100)",
    "poller-after": "s.close(); p = zmq.Poller(); p.register(s, zmq.POLLIN); p.poll(100)",
    "poller-mixed": "p = zmq.Poller(); p.register(t, 1); p.register(s, 1); s.close(); p.poll(100)",
    "select": "s.close(); zmq.select([s], [], [], 0.1)",
    "zmq_poll": "s.close(); zmq.zmq_poll([(s, zmq.POLLIN)], 100)",
}


@pytest.mark.parametrize("action", CLOSED.values(), ids=CLOSED)
def test_closed_socket_is_enotsock_and_never_stdin(run_child: RunChild, action: str) -> None:
    run_child(
        f"""
        import zmq
        context = zmq.Context()
        s, t = context.socket(zmq.PULL), context.socket(zmq.PULL)
        try:
            {action}
        except zmq.ZMQError as error:
            assert error.errno == zmq.ENOTSOCK, error
        else:
            raise SystemExit("polled something else")
        context.destroy(linger=0)
        """,
        stdin="readable\n",
    ).ok()


# select and zmq_poll


def test_select_three_lists(pair: MakePair) -> None:
    a, b = pair()
    readable, writable, failed = zmq.select([a, b], [a, b], [a, b], 0)
    assert (readable, set(writable), failed) == ([], {a, b}, [])
    a.send(b"x")
    assert zmq.select([b], [], [], 5) == ([b], [], [])
    assert zmq.select((b,), (), (), 5.0) == ([b], [], [])


def test_select_timeout_is_in_seconds(pair: MakePair) -> None:
    _, b = pair()
    start = time.monotonic()
    assert zmq.select([b], [], [], 0.1) == ([], [], [])
    assert 0.09 < time.monotonic() - start < 20


def test_select_does_not_wait_for_ever_when_the_time_has_just_run_out(run_child: RunChild) -> None:
    run_child(
        """
        import zmq
        with zmq.Context() as context, context.socket(zmq.PULL) as s:
            assert zmq.select([s], [], [], -0.0004) == ([], [], [])
        """
    ).ok()


@pytest.mark.parametrize("number", [Fraction(1), Decimal(1), Fraction(0)])
def test_timeouts_of_other_number_types(pair: MakePair, number: Any) -> None:
    a, b = pair()
    poller = zmq.Poller()
    poller.register(b, zmq.POLLIN)
    assert poller.poll(number) == []
    assert b.poll(number) == 0
    assert zmq.zmq_poll([(b, zmq.POLLIN)], number) == []
    assert zmq.select([b], [], [], number / 100) == ([], [], [])
    a.send(b"x")
    assert poller.poll(number + 30_000) == [(b, zmq.POLLIN)]


def test_pollers_can_be_copied_and_pickled(pair: MakePair) -> None:
    """As part of an object that goes to another process, which fills it."""
    a, b = pair()
    poller = zmq.Poller()
    for made in (pickle.loads(pickle.dumps(poller)), copy.copy(poller), copy.deepcopy(poller)):
        made.register(b, zmq.POLLIN)
        assert made.poll(0) == []
    poller = zmq.Poller()
    poller.register(b, zmq.POLLIN)
    a.send(b"x")
    assert copy.copy(poller).poll(30_000) == [(b, zmq.POLLIN)]


@pytest.mark.parametrize("wrong", ["1", b"1", [], object()])
def test_a_timeout_that_is_no_number_is_a_typeerror(wrong: Any) -> None:
    with pytest.raises(TypeError):
        zmq.Poller().poll(wrong)


def test_select_without_a_timeout_waits(pair: MakePair) -> None:
    a, b = pair()
    waiting = Background(zmq.select, [b], [], [])
    wait_until_blocked(waiting)
    a.send(b"x")
    assert waiting.result() == ([b], [], [])


@POSIX
def test_select_takes_descriptors(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, b"x")
    assert zmq.select([reading], [writing], [], 5) == ([reading], [writing], [])


def test_zmq_poll(pair: MakePair) -> None:
    a, b = pair()
    assert zmq.zmq_poll([(b, zmq.POLLIN)], 0) == []
    a.send(b"x")
    assert zmq.zmq_poll([(b, zmq.POLLIN)], 30_000) == [(b, zmq.POLLIN)]
    assert zmq.zmq_poll([(a, zmq.POLLOUT), (b, zmq.POLLIN)]) == [
        (a, zmq.POLLOUT),
        (b, zmq.POLLIN),
    ]


@POSIX
def test_sockets_work_in_a_system_poll(pair: MakePair) -> None:
    a, b = pair(zmq.PUSH, zmq.PULL)
    assert b.events == 0
    a.send(b"x")
    readable, _, _ = system_select.select([b], [], [], 5)
    assert readable == [b]
    assert b.events & zmq.POLLIN


def drain_one(poller: zmq.Poller, pull: zmq.SyncSocket) -> bytes | None:
    return pull.recv() if dict(poller.poll(30_000)).get(pull) else None


def test_poll_and_receive_in_turn(pair: MakePair, transport: str) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL, transport)
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    for number in range(200):
        push.send(b"%d" % number)
    assert [drain_one(poller, pull) for _ in range(200)] == [b"%d" % n for n in range(200)]


def test_unrelated_callable_objects_are_refused(pair: MakePair) -> None:
    wrong: Callable[[], None] = lambda: None  # noqa: E731  any object without fileno
    with pytest.raises(TypeError):
        zmq.zmq_poll([(wrong, zmq.POLLIN)], 0)
