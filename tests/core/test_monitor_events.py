"""Typed monitor events: iterated over, in threads and loops, until their socket is gone."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import itertools
import socket as _socket
import threading
from contextlib import suppress
from typing import Any

import pytest
import zmq
import zmq.asyncio
from hypothesis import given
from hypothesis import strategies as st
from zmq.monitor import Monitor, MonitorEvent

from helpers import Background, MakeSocket, RunChild, bind_any, counts_peers, wait_until, wait_until_blocked


def until(monitor: Monitor, last: zmq.Event) -> list[MonitorEvent]:
    """The events up to ``last``, which must come."""
    seen: list[MonitorEvent] = []
    while not seen or seen[-1].event != last:
        event = monitor.get(30_000)
        assert event is not None, seen
        seen.append(event)
    return seen


def test_a_connection_from_both_sides(socket: MakeSocket) -> None:
    server, client = socket(zmq.REP), socket(zmq.REQ)
    heard_by_server, heard_by_client = server.monitor_events(), client.monitor_events()
    endpoint = bind_any(server, "tcp")
    client.connect(endpoint)
    at_server = until(heard_by_server, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    at_client = until(heard_by_client, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert [event.event for event in at_server] == [zmq.EVENT_LISTENING, zmq.EVENT_ACCEPTED, zmq.EVENT_HANDSHAKE_SUCCEEDED]
    assert [event.event for event in at_client] == [
        zmq.EVENT_CONNECT_DELAYED,
        zmq.EVENT_CONNECTED,
        zmq.EVENT_HANDSHAKE_SUCCEEDED,
    ]
    assert {event.endpoint for event in (*at_server, *at_client)} == {endpoint}
    accepted, connected = at_server[1], at_client[1]
    assert connected.peer == endpoint
    assert accepted.peer is not None
    assert accepted.peer.startswith("tcp://127.0.0.1:")
    assert accepted.peer != endpoint
    client.close()
    assert until(heard_by_server, zmq.EVENT_DISCONNECTED)[-1].peer == accepted.peer
    assert [event.event for event in heard_by_client] == [zmq.EVENT_MONITOR_STOPPED]


def test_retries_and_failures(socket: MakeSocket) -> None:
    with _socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        server = socket(zmq.REP)
        monitor = server.monitor_events(zmq.EVENT_BIND_FAILED)
        with pytest.raises(zmq.ZMQError):
            server.bind(address)
        failed = monitor.get(30_000)
    assert failed is not None
    assert (failed.event, failed.errno) == (zmq.EVENT_BIND_FAILED, zmq.EADDRINUSE)
    assert address.endswith(failed.endpoint)
    assert failed.error == zmq.strerror(zmq.EADDRINUSE)
    client = socket(zmq.REQ)
    client.reconnect_ivl = 30
    retries = client.monitor_events(zmq.EVENT_CONNECT_RETRIED)
    client.connect(address)
    event = retries.get(30_000)
    assert event is not None
    assert event.interval is not None
    assert event.interval >= 15
    assert str(event) == f"CONNECT_RETRIED {address} again in {event.interval} ms"


def test_refused_by_zap_and_by_protocol(ctx: zmq.SyncContext, socket: MakeSocket) -> None:
    server, client = socket(zmq.PULL), socket(zmq.PUSH)
    server.plain_server = 1
    client.plain_username, client.plain_password = b"me", b"wrong"
    failures = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    monitor = server.monitor_events(failures)
    with ctx.auth(passwords={"me": "secret"}):
        endpoint = bind_any(server, "tcp")
        client.connect(endpoint)
        refused = monitor.get(30_000)
    assert refused is not None
    assert (refused.event, refused.error, refused.value) == (
        zmq.EVENT_HANDSHAKE_FAILED_AUTH,
        "refused with ZAP status 400",
        400,
    )
    client.close()
    other = socket(zmq.PUSH)
    other.connect(endpoint)
    event = until(monitor, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)[-1]
    assert event.error == "PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH"


def test_mask_and_several_at_once(socket: MakeSocket) -> None:
    server, client = socket(zmq.REP), socket(zmq.REQ)
    everything, accepted, listening = (
        server.monitor_events(mask) for mask in (zmq.EVENT_ALL, zmq.EVENT_ACCEPTED, zmq.EVENT_LISTENING)
    )
    client.connect(bind_any(server, "tcp"))
    seen = until(everything, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert [event.event for event in seen[:2]] == [zmq.EVENT_LISTENING, zmq.EVENT_ACCEPTED]
    assert accepted.get(0) == seen[1]
    assert listening.get(0) == seen[0]
    later = server.monitor_events()
    with pytest.raises(zmq.Again):
        later.get(0)
    with pytest.raises(zmq.Again):
        accepted.get(20)
    accepted.close()
    assert accepted.get(0) is None
    client.close()
    assert until(everything, zmq.EVENT_DISCONNECTED) == until(later, zmq.EVENT_DISCONNECTED)
    server.close()
    assert [event.event for event in listening] == []
    assert [event.event for event in everything] == [zmq.EVENT_MONITOR_STOPPED]


def test_several_threads_hear_the_same(socket: MakeSocket) -> None:
    server = socket(zmq.PULL)
    listeners = [Background(list, server.monitor_events()) for _ in range(4)]
    for listener in listeners:
        wait_until_blocked(listener)
    endpoint = bind_any(server, "tcp")
    for _ in range(20):
        with socket(zmq.PUSH) as push:
            push.connect(endpoint)
            push.send(b"x")
            server.recv()
    server.close()
    heard = [listener.result() for listener in listeners]
    assert heard[0] == heard[1] == heard[2] == heard[3]
    names = [event.event for event in heard[0]]
    assert names.count(zmq.EVENT_ACCEPTED) == 20
    assert names[-1] == zmq.EVENT_MONITOR_STOPPED


def test_what_came_before_the_close_is_still_told(ctx: zmq.SyncContext, socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    monitor = server.monitor_events()
    bind_any(server, "tcp")
    server.close()
    ctx.term(timeout=30)
    seen = [event.event for event in monitor]
    assert seen[0] == zmq.EVENT_LISTENING
    assert seen[-1] == zmq.EVENT_MONITOR_STOPPED
    assert list(monitor) == []


def test_one_monitor_for_each_socket(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    reader = server.get_monitor_socket()
    with pytest.raises(zmq.ZMQError, match="get_monitor_socket") as caught:
        server.monitor_events()
    assert caught.value.errno == zmq.EADDRINUSE
    server.disable_monitor()
    reader.close()
    monitor = server.monitor_events()
    taken_over = server.get_monitor_socket()
    assert [event.event for event in monitor] == [zmq.EVENT_MONITOR_STOPPED]
    bind_any(server, "tcp")
    assert taken_over.poll(30_000)
    server.disable_monitor()
    taken_over.close()


def test_again_after_the_last_one_was_closed(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    for _ in range(5):
        with server.monitor_events() as monitor:
            endpoint = bind_any(server, "tcp")
            assert until(monitor, zmq.EVENT_LISTENING)
        server.unbind(endpoint)


def test_a_forgotten_monitor_ends(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    for _ in range(20):
        server.monitor_events()
    gc.collect()
    assert bind_any(server, "tcp")
    assert server._handle.hub.ended


@pytest.mark.skipif(counts_peers(), reason="the bundled libzmq counts peers")
@pytest.mark.parametrize("wait", ["wait_connected", "wait_subscribers"])
def test_waiting_for_peers_of_an_installed_libzmq(socket: MakeSocket, wait: str) -> None:
    with pytest.raises(zmq.ZMQError, match=r"ZMQ_PREFIX=bundled.*monitor_events") as caught:
        getattr(socket(zmq.PUB), wait)()
    assert caught.value.errno == zmq.ENOTSUP


def test_closed_socket(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    server.close()
    with pytest.raises(zmq.ZMQError) as caught:
        server.monitor_events()
    assert caught.value.errno == zmq.ENOTSOCK


def test_collecting_the_socket_ends_the_iteration(run_child: RunChild) -> None:
    script = """
import gc, warnings, zmq
warnings.simplefilter("ignore", ResourceWarning)
context = zmq.Context()
s = context.socket(zmq.REP)
m = s.monitor_events()
s.bind("tcp://127.0.0.1:*")
del s
gc.collect()
assert [event.event.name for event in m] == ["LISTENING", "MONITOR_STOPPED"], list(m)
context.term(timeout=30)
"""
    run_child(script).ok()


@pytest.mark.parametrize("end", ["context.destroy(0)", "s.close(); context.term()", "", "m.close(); s.close(); context.term()"])
@pytest.mark.parametrize("reader", ["", "blocked(Running(lambda: list(m)))"])
def test_endings(run_child: RunChild, end: str, reader: str) -> None:
    script = f"""
import warnings, zmq
from child_support import Running, blocked
warnings.simplefilter("ignore", ResourceWarning)
context = zmq.Context()
s = context.socket(zmq.REP)
m = s.monitor_events()
s.bind("tcp://127.0.0.1:*")
{reader}
{end}
"""
    run_child(script).ok()


def test_events_are_values() -> None:
    event = MonitorEvent(zmq.EVENT_CONNECTED, "tcp://x:1")
    assert event == MonitorEvent(zmq.EVENT_CONNECTED, "tcp://x:1")
    assert len({event, dataclasses.replace(event)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.value = 3  # type: ignore[misc]


@given(st.integers(0, 0xFFFF), st.integers(-(2**31), 2**31 - 1), st.binary(max_size=30))
def test_every_message_of_libzmq_has_a_text(number: int, value: int, endpoint: bytes) -> None:
    from zmq.monitor import _Hub, parse_monitor_message

    hub = _Hub.__new__(_Hub)
    hub._peers = {}
    message = parse_monitor_message([number.to_bytes(2, "little") + value.to_bytes(4, "little", signed=True), endpoint])
    assert str(hub._typed(message)) is not None


# ---------------------------------------------------------------- awaited


def test_async_for(run_child: RunChild) -> None:
    """Two listeners, one of whom came late; both end with the socket."""

    async def main() -> None:
        async with zmq.asyncio.Context() as context:
            server: Any = context.socket(zmq.REP)
            heard: list[list[zmq.Event]] = [[], []]

            async def listen(number: int) -> None:
                async for event in server.monitor_events():
                    heard[number].append(event.event)

            tasks = [asyncio.create_task(listen(0))]
            await asyncio.sleep(0)
            server.bind("tcp://127.0.0.1:*")
            while not heard[0]:
                await asyncio.sleep(0.001)
            tasks.append(asyncio.create_task(listen(1)))
            await asyncio.sleep(0)
            client: Any = context.socket(zmq.REQ)
            client.connect(server.last_endpoint)
            while zmq.EVENT_HANDSHAKE_SUCCEEDED not in heard[1]:
                await asyncio.sleep(0.001)
            client.close()
            while zmq.EVENT_DISCONNECTED not in heard[1]:
                await asyncio.sleep(0.001)
            server.close()
            await asyncio.wait_for(asyncio.gather(*tasks), 30)
            assert heard[0] == [zmq.EVENT_LISTENING, *heard[1]]
            assert heard[1][-1] == zmq.EVENT_MONITOR_STOPPED

    asyncio.run(main())


def test_cancelled_wait_loses_no_event() -> None:
    async def main() -> None:
        async with zmq.asyncio.Context() as context:
            server: Any = context.socket(zmq.REP)
            async with server.monitor_events() as monitor:
                for _ in range(5):
                    with pytest.raises(asyncio.TimeoutError):
                        await asyncio.wait_for(anext(monitor), 0.005)
                server.bind("tcp://127.0.0.1:*")
                assert (await asyncio.wait_for(anext(monitor), 30)).event == zmq.EVENT_LISTENING
            server.close()

    asyncio.run(main())


def test_each_flavour_has_its_own_iteration(socket: MakeSocket) -> None:
    with pytest.raises(TypeError, match="`for`"):
        asyncio.run(_anext(socket(zmq.REP).monitor_events()))

    async def main() -> None:
        async with zmq.asyncio.Context() as context:
            with context.socket(zmq.REP) as server:
                with server.monitor_events() as monitor, pytest.raises(TypeError, match="async for"):
                    next(monitor)

    asyncio.run(main())


async def _anext(monitor: Monitor) -> MonitorEvent:
    return await monitor.__anext__()


def test_left_in_a_loop(run_child: RunChild) -> None:
    """asyncio.run cancels the task; neither it nor the context complains."""
    script = """
import asyncio, zmq, zmq.asyncio
async def main():
    global context
    context = zmq.asyncio.Context()
    server = context.socket(zmq.REP)
    async def listen():
        async for event in server.monitor_events():
            print(event.event.name)
            heard.set()
    heard = asyncio.Event()
    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    server.bind("tcp://127.0.0.1:*")
    await heard.wait()
    server.close()
    if "late" in __import__("sys").argv:
        await task
asyncio.run(main())
context.term(timeout=30)
"""
    assert run_child(script, options=["-W", "error", "-X", "dev"]).ok().out.startswith("LISTENING\n")
    assert run_child(script, "late", options=["-W", "error", "-X", "dev"]).ok().out == "LISTENING\nMONITOR_STOPPED\n"


def test_started_and_ended_by_many_threads(socket: MakeSocket) -> None:
    """While connections come and go: nobody hangs, and everybody hears of the end."""
    server = socket(zmq.PULL)
    endpoint = bind_any(server, "tcp")
    stop = threading.Event()
    heard: list[MonitorEvent | None] = []

    def listen() -> None:
        while not stop.is_set():
            with _patiently(server.monitor_events) as monitor:
                for _ in range(3):
                    with suppress(zmq.Again):
                        heard.append(monitor.get(20))

    listeners = [Background(listen) for _ in range(3)]
    for number in itertools.count():
        if number >= 30 and any(heard):
            break
        with socket(zmq.PUSH) as push:
            push.connect(endpoint)
            wait_until(lambda push=push: push.poll(0, zmq.POLLOUT))
            push.send(b"x")
            _patiently(server.recv)
    stop.set()
    for listener in listeners:
        listener.result()


def test_monitors_that_cannot_begin_leave_nothing(run_child: RunChild) -> None:
    """libzmq would make a socket in term() for each of their readers, and abort when there are too many."""
    script = """
import threading, zmq
context = zmq.Context()
s = context.socket(zmq.REP)
entered = threading.Event()

def occupy():
    entered.set()
    try:
        s.recv()
    except zmq.ZMQError:
        print("ended")

thread = threading.Thread(target=occupy)
thread.start()
entered.wait()
refused = 0
while refused < 5000:
    for begin in s.monitor_events, s.get_monitor_socket:
        try:
            begin().close()
        except zmq.ThreadError:
            refused += 1
context.destroy(0)
thread.join()
"""
    assert run_child(script).ok().out == "ended\n"


def _patiently(function: Any) -> Any:
    """Call it until no other thread is in the socket: beginning a monitor is a call on it."""
    while True:
        try:
            return function()
        except zmq.ThreadError:
            continue
