"""Subclasses of Socket and Context as programs write them: which methods of theirs the package's own methods go through."""

from __future__ import annotations

from typing import Any

import pytest
import zmq

from helpers import MakeSocket, RunChild


class Noted(zmq.Socket[bytes]):
    """Notes what goes through its send and recv, and turns the bytes around."""

    seen: list[tuple[Any, ...]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen = []

    def send(self, data: Any, flags: int = 0, **kwargs: Any) -> Any:
        self.seen.append(("send", int(flags)))
        return super().send(bytes(data)[::-1], flags, **kwargs)

    def recv(self, flags: int = 0, **kwargs: Any) -> Any:
        self.seen.append(("recv", int(flags)))
        frame = super().recv(flags, **kwargs)
        return frame[::-1] if isinstance(frame, bytes) else frame


class Careful(Noted):
    """Has multipart verbs too, which call those of zmq.Socket (as eventlet's socket does)."""

    def send_multipart(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(("send_multipart",))
        return super().send_multipart(*args, **kwargs)

    def recv_multipart(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(("recv_multipart",))
        return super().recv_multipart(*args, **kwargs)


class Sparse(zmq.Socket[bytes]):
    """Takes of recv's arguments the one it needs, by a name of its own."""

    def recv(self, mode: int = 0) -> bytes:  # type: ignore[override]
        return super().recv(mode)


class Ending(zmq.Socket[bytes]):
    """Its close takes no argument (as zerorpc's)."""

    ended: int | None = None

    def close(self) -> None:  # type: ignore[override]
        type(self).ended = self.linger
        super().close()


class Choosing(zmq.Socket[bytes]):
    """Has a subscribe of its own that sets the attribute."""

    def subscribe(self, *topics: str) -> None:  # type: ignore[override]
        for topic in topics:
            self.SUBSCRIBE = topic


class Brief(zmq.Context[zmq.Socket[bytes]]):
    """Its term takes no argument."""

    terms = 0

    def term(self) -> None:  # type: ignore[override]
        self.terms += 1
        super().term()


@pytest.fixture
def plain(socket: MakeSocket) -> zmq.Socket[bytes]:
    end = socket(zmq.PAIR)
    end.bind(f"inproc://subclass-{id(end)}")
    return end


def beside(plain: zmq.Socket[bytes], kind: type[zmq.Socket[bytes]]) -> Any:
    """A socket of a class, connected to a plain one."""
    assert plain.context is not None
    made = plain.context.socket(zmq.PAIR, socket_class=kind)
    made.linger, made.rcvtimeo = 0, 30_000
    made.connect(plain.last_endpoint)
    return made


@pytest.mark.parametrize("kind", [Noted, Careful])
def test_multipart_goes_through_an_overridden_send_and_recv(plain: zmq.Socket[bytes], kind: type[Noted]) -> None:
    with beside(plain, kind) as noted:
        own = [] if kind is Noted else [("send_multipart",)]
        assert noted.send_multipart([b"ab", b"cd", b"ef"]) is None
        assert noted.seen == [*own, ("send", zmq.SNDMORE), ("send", zmq.SNDMORE), ("send", 0)]
        assert plain.recv_multipart() == [b"ba", b"dc", b"fe"]
        noted.seen.clear()
        own = [] if kind is Noted else [("recv_multipart",)]
        plain.send_multipart([b"ab", b"cd"])
        assert noted.recv_multipart() == [b"ba", b"dc"]
        assert noted.seen == [*own, ("recv", 0), ("recv", 0)]
        plain.send_multipart([b"ab", b"cd"])
        assert [type(frame) for frame in noted.recv_multipart(copy=False)] == [zmq.Frame, zmq.Frame]
        with pytest.raises(zmq.Again):
            noted.recv_multipart(zmq.DONTWAIT)


def test_multipart_through_an_overridden_send_checks_and_tracks(plain: zmq.Socket[bytes]) -> None:
    with beside(plain, Noted) as noted:
        for wrong, error in (([b"x", "y"], TypeError), ([], IndexError), ([b"x", 5, b"y"], TypeError)):
            with pytest.raises(error):
                noted.send_multipart(wrong)
        assert noted.seen == []
        tracker = noted.send_multipart([b"x" * 100_000, b"y" * 100_000], copy=False, track=True)
        assert len(plain.recv_multipart()) == 2
        tracker.wait(30)
        assert noted.send_multipart((b"x",), zmq.DONTWAIT, copy=False, track=True).done


def test_plain_sockets_stay_as_they_are(plain: zmq.Socket[bytes]) -> None:
    with beside(plain, zmq.Socket) as other:
        other.send_multipart([b"a", b"b"])
        assert plain.recv_multipart() == [b"a", b"b"]


#: Taken before any class of the program's exists, as eventlet does.
SEND_WHOLE, RECV_WHOLE = zmq.Socket.send_multipart, zmq.Socket.recv_multipart


def test_multipart_verbs_taken_from_the_class_go_through_them_too(plain: zmq.Socket[bytes]) -> None:
    with beside(plain, Noted) as noted:
        SEND_WHOLE(noted, [b"ab", b"cd"])
        assert plain.recv_multipart() == [b"ba", b"dc"]
        plain.send_multipart([b"ab", b"cd"])
        assert RECV_WHOLE(noted) == [b"ba", b"dc"]
        assert [name for name, _ in noted.seen] == ["send", "send", "recv", "recv"]


def test_subclasses_of_sockets_that_wait_in_an_event_loop(run_child: RunChild) -> None:
    """Their own verbs return futures: the multipart ones do not go through them."""
    run_child(
        """
        import asyncio, zmq, zmq.asyncio
        class Noted(zmq.asyncio.Socket):
            def send(self, *args, **kwargs): raise AssertionError
            recv = send
        class Blocking(zmq.Socket):
            def send(self, *args, **kwargs): raise AssertionError
            recv = send
        async def main():
            with zmq.asyncio.Context() as context:
                with context.socket(zmq.PAIR, socket_class=Noted) as a, context.socket(zmq.PAIR, socket_class=Noted) as b:
                    a.bind("inproc://x")
                    b.connect("inproc://x")
                    waiting = b.recv_multipart()
                    for _ in range(3): await a.send_multipart([b"x", b"y"])
                    assert await waiting == await b.recv_multipart() == [b"x", b"y"]
        asyncio.run(main())
        """
    ).ok()


def test_flags_reach_an_overridden_recv_by_position(plain: zmq.Socket[bytes]) -> None:
    with beside(plain, Sparse) as sparse:
        plain.send_json([1])
        assert sparse.recv_json() == [1]
        plain.send_pyobj([2])
        assert sparse.recv_pyobj() == [2]
        with pytest.raises(zmq.Again):
            sparse.recv_json(zmq.DONTWAIT)


@pytest.mark.parametrize("linger", [None, 7])
def test_destroy_closes_sockets_whose_close_takes_nothing(linger: int | None) -> None:
    context = zmq.Context()
    ending = context.socket(zmq.PUSH, socket_class=Ending)
    context.destroy(linger=linger)
    assert ending.closed
    assert Ending.ended == (-1 if linger is None else linger)


def test_destroy_and_with_terminate_by_a_term_that_takes_nothing() -> None:
    with Brief() as context:
        context.socket(zmq.PUSH).close()
    assert (context.terms, context.closed) == (1, True)
    context = Brief()
    socket = context.socket(zmq.PUSH)
    context.destroy(0)
    assert (context.terms, context.closed, socket.closed) == (1, True, True)


def test_subscribe_of_a_subclass_may_set_the_attribute(socket: MakeSocket) -> None:
    pub = socket(zmq.XPUB)
    pub.bind(f"inproc://subclass-{id(pub)}")
    assert pub.context is not None
    with pub.context.socket(zmq.SUB, socket_class=Choosing) as sub:
        sub.connect(pub.last_endpoint)
        sub.subscribe("a", "é")
        sub.unsubscribe = "a"  # type: ignore[assignment,method-assign]
        assert [pub.recv() for _ in range(3)] == [b"\1a", "\1é".encode(), b"\0a"]
