"""What type checkers must say about programs that use the public names; see check.py.

This file is checked, never run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zmq
import zmq.asyncio
import zmq.auth
from typing_extensions import assert_type
from zmq.auth.thread import ThreadAuthenticator
from zmq.monitor import Monitor, MonitorEvent
from zmq.utils import jsonapi


def constants() -> None:
    kind: zmq.SocketType = zmq.PUSH
    option: zmq.SocketOption = zmq.LINGER
    flags: zmq.Flag = zmq.DONTWAIT | zmq.SNDMORE
    number: int = zmq.EAGAIN
    print(kind, option, flags, number)
    assert_type(zmq.POLLIN | zmq.POLLOUT, zmq.PollEvent)
    assert_type(zmq.SocketType(1), zmq.SocketType)
    assert_type(zmq.zmq_version_info(), tuple[int, int, int])
    assert_type(zmq.has("curve"), bool)
    assert_type(zmq.curve_keypair(), tuple[bytes, bytes])
    assert_type(zmq.__version__, str)


def contexts(address: int) -> None:
    context = zmq.Context()
    assert_type(context, zmq.Context[zmq.Socket[bytes]])
    assert_type(zmq.Context.instance(), zmq.Context[zmq.Socket[bytes]])
    assert_type(zmq.Context.shadow(address), zmq.Context[zmq.Socket[bytes]])
    assert_type(context.socket(zmq.PUSH), zmq.Socket[bytes])
    assert_type(context.get(zmq.IO_THREADS), int)
    assert_type(context.closed, bool)
    context.linger = 0
    context.max_sockets = 4096
    with zmq.Context(io_threads=2) as inner, inner.socket(zmq.REQ) as socket:
        assert_type(inner, zmq.Context[zmq.Socket[bytes]])
        assert_type(socket, zmq.Socket[bytes])
    with context.socket(zmq.REP) as socket, socket.bind("tcp://127.0.0.1:*") as bound:
        assert_type(bound, zmq.Socket[bytes])


class MySocket(zmq.Socket[bytes]):
    """A program's own socket class."""


class MyContext(zmq.Context[MySocket]):
    """A program's own context class."""

    _socket_class = MySocket


def own_classes() -> None:
    assert_type(MyContext().socket(zmq.PUB), MySocket)
    assert_type(zmq.Context().socket(zmq.PUB, MySocket), MySocket)
    assert_type(MyContext.instance(), MyContext)
    assert_type(zmq.asyncio.Context().socket(zmq.PUSH, socket_class=zmq.Socket), zmq.Socket[bytes])


def annotated(context: zmq.SyncContext, socket: zmq.SyncSocket) -> None:
    assert_type(context.socket(zmq.SUB), zmq.SyncSocket)
    assert_type(socket.recv(), bytes)


def sending(
    socket: zmq.SyncSocket, data: memoryview, array: np.ndarray[Any, Any], frame: zmq.Frame
) -> None:
    assert_type(socket.send(b"x", copy=False, track=True), zmq.MessageTracker)
    socket.send(b"x", zmq.SNDMORE)
    socket.send(data, copy=False)
    socket.send(frame)
    socket.send_multipart([b"a", bytearray(), data, frame], zmq.DONTWAIT)
    parts = [b"a", data, array]
    socket.send_multipart(parts)
    socket.send(array, copy=False)
    socket.send("x")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert_type(socket.send_multipart([b""], copy=False, track=True), zmq.MessageTracker)
    socket.send_string("x")
    socket.send_json({"a": [1, None]})
    socket.send_pyobj(object())


def receiving(socket: zmq.SyncSocket, copy: bool) -> None:
    assert_type(socket.recv(), bytes)
    assert_type(socket.recv(zmq.DONTWAIT), bytes)
    assert_type(socket.recv(copy=True), bytes)
    assert_type(socket.recv(copy=False), zmq.Frame)
    assert_type(socket.recv(0, False), zmq.Frame)
    assert_type(socket.recv(copy=copy), bytes | zmq.Frame)
    assert_type(socket.recv_multipart(), list[bytes])
    assert_type(socket.recv_multipart(copy=False), list[zmq.Frame])
    assert_type(socket.recv_multipart(copy=copy), list[bytes] | list[zmq.Frame])
    assert_type(socket.recv_many(5), list[bytes])
    assert_type(socket.recv_many(5, copy=False), list[zmq.Frame])
    assert_type(socket.recv_many(5, multipart=True), list[list[bytes]])
    assert_type(socket.recv_many(5, copy=False, multipart=True), list[list[zmq.Frame]])
    assert_type(socket.send_many([b"", bytearray()]), int)
    assert_type(socket.send_many([[b"", b""], [zmq.Frame()]], multipart=True), int)
    assert_type(socket.recv_into(bytearray(8)), int)
    assert_type(socket.recv_string(), str)
    assert_type(socket.poll(100), int)
    value: dict[str, int] = socket.recv_json()
    thing: list[int] = socket.recv_pyobj()
    print(value, thing)


def options(socket: zmq.SyncSocket) -> None:
    assert_type(socket.linger, int)
    assert_type(socket.LINGER, int)
    assert_type(socket.RCVMORE, int)
    assert_type(socket.IDENTITY, bytes)
    assert_type(socket.last_endpoint, bytes)
    assert_type(socket.hwm, int)
    assert_type(socket.get(zmq.LINGER), int)
    assert_type(socket.get(zmq.ROUTING_ID), bytes)
    assert_type(socket.getsockopt(zmq.IDENTITY), bytes)
    assert_type(socket.get_string(zmq.LAST_ENDPOINT), str)
    assert_type(socket.fileno(), int)
    socket.linger = 0
    socket.identity = b"me"
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.set_string(zmq.SUBSCRIBE, "topic")
    socket.subscribe("topic")
    socket.events = 1  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    socket.linger = b""  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    socket.lingre = 0  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def frames(frame: zmq.Frame) -> None:
    assert_type(frame.bytes, bytes)
    assert_type(frame.buffer, memoryview)
    assert_type(frame.more, bool)
    assert_type(len(frame), int)
    assert_type(frame.get("User-Id"), str)
    assert_type(frame.get(zmq.MORE), int)
    assert_type(memoryview(frame)[0], int)
    assert_type(zmq.Message(b"x"), zmq.Frame)
    assert_type(frame.tracker, zmq.MessageTracker | None)


def polling(socket: zmq.SyncSocket) -> None:
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    assert_type(poller.poll(0), list[tuple[Any, int]])
    readable, writable, failed = zmq.select([socket], [], [], 0.1)
    assert_type(readable, list[Any])
    print(writable, failed)


async def awaiting(address: int, blocking: zmq.SyncSocket) -> None:
    context = zmq.asyncio.Context()
    assert_type(context.socket(zmq.PULL), zmq.asyncio.Socket)
    assert_type(zmq.asyncio.Context.instance(), zmq.asyncio.Context)
    assert_type(zmq.asyncio.Context.shadow(address), zmq.asyncio.Context)
    assert_type(zmq.asyncio.Socket.from_socket(blocking), zmq.asyncio.Socket)
    assert_type(zmq.asyncio.Socket.shadow(address), zmq.asyncio.Socket)
    async with zmq.asyncio.Context() as inner, inner.socket(zmq.SUB) as socket:
        assert_type(inner, zmq.asyncio.Context)
        assert_type(socket, zmq.asyncio.Socket)
        frame: bytes = await socket.recv()
        frames: list[zmq.Frame] = await socket.recv_multipart(copy=False)
        text: str = await socket.recv_string()
        size: int = await socket.recv_into(bytearray(8))
        mask: int = await socket.poll(100)
        await socket.send(frame)
        await socket.send_multipart([frame, frames[0]], zmq.DONTWAIT)
        socket.linger = 0
        print(text, size, mask)
        async for frame in socket:
            print(frame)
        async for message in socket.iter_multipart():
            print(message)
        with socket.bind("tcp://127.0.0.1:*") as bound:
            assert_type(bound, zmq.asyncio.Socket)
    poller = zmq.asyncio.Poller()
    poller.register(socket, zmq.POLLIN)
    ready: list[tuple[Any, int]] = await poller.poll(100)
    print(ready)


async def peers(context: zmq.Context[zmq.Socket[bytes]], inner: zmq.asyncio.Context) -> None:
    pub = context.socket(zmq.PUB)
    count: int = pub.wait_connected(2, timeout=100) + pub.wait_subscribers(b"x", 1, 0.5)
    for event in pub.monitor_events(zmq.EVENT_ACCEPTED | zmq.EVENT_CONNECTED):
        assert_type(event, MonitorEvent)
        assert_type(event.event, zmq.Event)
        assert_type(event.peer, str | None)
    assert_type(pub.monitor_events().get(10), MonitorEvent | None)
    waiting = inner.socket(zmq.XPUB)
    count += await waiting.wait_subscribers("x")
    async with waiting.monitor_events() as events:
        assert_type(events, Monitor)
        async for event in events:
            assert_type(event.interval, int | None)
    print(count)


async def check(key: str) -> bool:
    return key == ""


def authentication(context: zmq.Context[zmq.Socket[bytes]], certificates: Path) -> None:
    with context.auth(allow=[b"key"]) as guard:
        assert_type(guard.is_alive(), bool)
    context.auth(check, addresses=["10.0.0.0/8"]).stop()
    context.auth(passwords={"user": "password"}).stop()
    assert_type(zmq.auth.load_certificate(certificates), tuple[bytes, bytes | None])
    assert_type(zmq.auth.create_certificates(certificates, "name"), tuple[str, str])
    auth = ThreadAuthenticator(context)
    auth.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
    auth.allow("127.0.0.1")
    auth.start()


def errors() -> None:
    try:
        zmq.proxy(zmq.Context().socket(zmq.PULL), zmq.Context().socket(zmq.PUSH))
    except zmq.Again as error:
        assert_type(error.errno, int | None)
    except zmq.ZMQError as error:
        assert_type(error.strerror, str)
    except zmq.ZMQVersionError as error:
        assert_type(error.version, str)


def utils() -> None:
    assert_type(jsonapi.dumps({}), bytes)
