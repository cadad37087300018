"""Devices in the foreground, in threads and in processes: what they forward, and that they end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from zmq import devices

from helpers import QUIET_PORTS, Background, MakeSocket, RunChild, fresh_inproc, wait_until, wait_until_blocked


@pytest.fixture
def start(ctx: zmq.SyncContext) -> Iterator[Any]:
    """Start devices in the test's context; they are stopped at the end."""
    started: list[Any] = []

    def run(device: Any) -> Any:
        device.context_factory = lambda: ctx
        device.start()
        started.append(device)
        return device

    yield run
    for device in started:
        device.stop(5)
        assert not device.launcher.is_alive()


def echo(request: zmq.SyncSocket, reply: zmq.SyncSocket) -> None:
    for number in range(5):
        request.send_multipart([b"%d" % number, b"tail"])
        assert reply.recv_multipart() == [b"%d" % number, b"tail"]
        reply.send(b"ok")
        assert request.recv() == b"ok"


# ---------------------------------------------------------------- what they forward


def test_thread_device_forwards_both_ways(start: Any, socket: MakeSocket) -> None:
    front, back = fresh_inproc(), fresh_inproc()
    device = devices.ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.bind_in(front)
    device.bind_out(back)
    start(device)
    request, reply = socket(zmq.REQ), socket(zmq.REP)
    request.connect(front)
    reply.connect(back)
    echo(request, reply)
    assert not device.done


def test_options_are_set_before_the_device_connects(start: Any, socket: MakeSocket) -> None:
    router = socket(zmq.ROUTER)
    address = fresh_inproc()
    router.bind(address)
    device = devices.ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.DEALER)
    device.setsockopt_out(zmq.IDENTITY, b"the device")
    device.setsockopt_out(zmq.PROBE_ROUTER, 1)
    device.connect_out(address)
    device.bind_in(fresh_inproc())
    start(device)
    assert router.recv_multipart() == [b"the device", b""]


def test_a_negative_out_type_makes_one_socket_serve_both_sides(start: Any, socket: MakeSocket) -> None:
    one, other = fresh_inproc(), fresh_inproc()
    device = devices.ThreadDevice(zmq.QUEUE, zmq.REP, -1)
    device.bind_in(one)
    device.bind_out(other)
    start(device)
    for address in (one, other):
        with socket(zmq.REQ) as request:
            request.connect(address)
            request.send(b"who says so?")
            assert request.recv() == b"who says so?"


@pytest.mark.parametrize("kind", [devices.ThreadProxy, devices.ThreadMonitoredQueue, devices.ThreadProxySteerable])
def test_the_third_socket_gets_a_copy(start: Any, socket: MakeSocket, kind: Any) -> None:
    front, back, mon = fresh_inproc(), fresh_inproc(), fresh_inproc()
    extra = {"ctrl_type": zmq.PAIR} if kind is devices.ThreadProxySteerable else {}
    device = kind(zmq.PULL, zmq.PUSH, zmq.PUSH, **extra)
    device.setsockopt_mon(zmq.SNDHWM, 7)
    device.bind_in(front)
    device.bind_out(back)
    device.bind_mon(mon)
    start(device)
    push, pull, watcher = socket(zmq.PUSH), socket(zmq.PULL), socket(zmq.PULL)
    push.connect(front)
    pull.connect(back)
    watcher.connect(mon)
    push.send_multipart([b"a", b"b"])
    assert pull.recv_multipart() == [b"a", b"b"]
    prefix = [b"in"] if kind is devices.ThreadMonitoredQueue else []
    assert watcher.recv_multipart() == [*prefix, b"a", b"b"]


def test_prefixes_may_be_empty(start: Any, socket: MakeSocket) -> None:
    """As ipyparallel's hub has them."""
    front, back, mon = fresh_inproc(), fresh_inproc(), fresh_inproc()
    device = devices.ThreadMonitoredQueue(zmq.PULL, zmq.PUSH, zmq.PUSH, b"", b"")
    device.bind_in(front)
    device.bind_out(back)
    device.bind_mon(mon)
    start(device)
    push, pull, watcher = socket(zmq.PUSH), socket(zmq.PULL), socket(zmq.PULL)
    push.connect(front)
    pull.connect(back)
    watcher.connect(mon)
    push.send(b"message")
    assert pull.recv() == b"message"
    assert watcher.recv_multipart() == [b"", b"message"]


def test_steerable_proxy_pauses_and_terminates(start: Any, socket: MakeSocket) -> None:
    front, back, control = fresh_inproc(), fresh_inproc(), fresh_inproc()
    device = devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.REP)
    device.bind_in(front)
    device.bind_out(back)
    device.bind_mon(fresh_inproc())
    device.bind_ctrl(control)
    start(device)
    push, pull, steer = socket(zmq.PUSH), socket(zmq.PULL), socket(zmq.REQ)
    for one, address in ((push, front), (pull, back), (steer, control)):
        one.connect(address)
    push.send(b"first")
    assert pull.recv() == b"first"
    steer.send(b"PAUSE")
    assert steer.recv() == b""
    push.send(b"second")
    assert not pull.poll(100)
    steer.send(b"RESUME")
    assert steer.recv() == b""
    assert pull.recv() == b"second"
    steer.send(b"TERMINATE")
    assert steer.recv() == b""
    device.join(30)
    assert device.done


# ---------------------------------------------------------------- ports


def test_no_port_is_given_twice() -> None:
    device = devices.ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    free: dict[str, int] = {}
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        free["min_port"] = socket.bind_to_random_port("tcp://127.0.0.1")
    free["max_port"] = free["min_port"] + 10
    ports = []
    with pytest.raises(zmq.ZMQBindError):
        for _ in range(11):
            ports.append(device.bind_in_to_random_port("tcp://127.0.0.1", **free))
    assert len(set(ports)) == len(ports) > 0


def test_random_ports_of_all_sides_work(start: Any, socket: MakeSocket) -> None:
    device = devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUSH, zmq.REP)
    address = "tcp://127.0.0.1"
    ports = [
        device.bind_in_to_random_port(address, *QUIET_PORTS),
        device.bind_out_to_random_port(address, *QUIET_PORTS),
        device.bind_mon_to_random_port(address, *QUIET_PORTS),
        device.bind_ctrl_to_random_port(address, *QUIET_PORTS),
    ]
    assert len(set(ports)) == 4
    start(device)
    push, pull, mon, control = (socket(kind) for kind in (zmq.PUSH, zmq.PULL, zmq.PULL, zmq.REQ))
    for one, port in zip((push, pull, mon, control), ports, strict=True):
        one.connect(f"{address}:{port}")
    push.send(b"message")
    assert pull.recv() == mon.recv() == b"message"
    control.send(b"TERMINATE")
    assert control.recv() == b""


# ---------------------------------------------------------------- misuse


def test_a_device_needs_its_types() -> None:
    with pytest.raises(TypeError, match="in_type and out_type"):
        devices.Device(zmq.QUEUE, zmq.PULL)


def test_a_steerable_proxy_needs_its_fourth_type() -> None:
    with pytest.raises(TypeError, match="ctrl_type"):
        devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH).start()


@pytest.mark.parametrize("verb", ["join", "stop"])
@pytest.mark.parametrize("kind", [devices.ThreadDevice, devices.ProcessDevice])
def test_what_was_not_started_cannot_be_joined(kind: Any, verb: str) -> None:
    with pytest.raises(AttributeError, match="start"):
        getattr(kind(zmq.QUEUE, zmq.PULL, zmq.PUSH), verb)()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_sockets_are_closed_when_one_cannot_be_bound(ctx: zmq.SyncContext) -> None:
    device = devices.ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: ctx
    device.bind_in("nonsense://")
    device.start()
    device.join(30)
    assert device.done
    ctx.term()


# ---------------------------------------------------------------- endings


def test_a_thread_device_ends_with_its_context() -> None:
    context: zmq.SyncContext = zmq.Context()
    device = devices.ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: context
    device.bind_in(fresh_inproc())
    device.start()
    wait_until(lambda: hasattr(device, "_context") and len(device._sockets) == 2)
    wait_until_blocked(device.launcher)
    Background(context.term).result()
    device.join(30)
    assert device.done
    assert not device.launcher.is_alive()


def test_destroying_the_context_ends_it_too() -> None:
    context: zmq.SyncContext = zmq.Context()
    device = devices.ThreadProxy(zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: context
    device.bind_in(fresh_inproc())
    device.start()
    wait_until(lambda: len(device._sockets) == 3)
    Background(context.destroy).result()
    device.join(30)
    assert device.done


def test_stopping_at_once_leaves_no_socket(ctx: zmq.SyncContext) -> None:
    for _ in range(50):
        device = devices.ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
        device.context_factory = lambda: ctx
        device.bind_in(fresh_inproc())
        device.start()
        device.stop(5)
        assert device.done
        device.stop(5)
    assert "socket" not in repr(ctx)


def test_a_foreground_device_runs_until_the_context_ends() -> None:
    context: zmq.SyncContext = zmq.Context()

    class MyDevice(devices.Device):
        def context_factory(self) -> zmq.SyncContext:  # type: ignore[override]
            return context

    device = MyDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.bind_in(fresh_inproc())
    running = Background(device.start)
    wait_until(lambda: len(device._sockets) == 2)
    device.join(0.01)
    assert not device.done
    Background(context.term).result()
    running.result()
    device.join()
    assert device.done


def test_the_process_wide_context_is_the_default(run_child: RunChild) -> None:
    run_child(
        """
        import zmq, zmq.devices
        device = zmq.devices.ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
        device.bind_in("inproc://in")
        device.bind_out("inproc://out")
        device.start()
        context = zmq.Context.instance()
        with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
            push.connect("inproc://in")
            pull.connect("inproc://out")
            push.send(b"x")
            assert pull.recv() == b"x"
            assert device._context is context
        context.term()
        device.join(30)
        assert device.done
        """,
        options=["-W", "error"],
    ).ok()


def test_the_program_may_end_while_a_device_runs(run_child: RunChild) -> None:
    run_child(
        """
        import zmq, zmq.devices
        device = zmq.devices.ThreadProxy(zmq.PULL, zmq.PUSH)
        device.bind_in_to_random_port("tcp://127.0.0.1", 20_000, 32_000)
        device.start()
        """
    ).ok()


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_a_foreground_device(run_child: RunChild) -> None:
    child = run_child(
        """
        import os, signal, threading, zmq, zmq.devices
        device = zmq.devices.ProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.PAIR)
        device.bind_in("inproc://in")
        def interrupt():
            from child_support import Running
            with zmq.Context.instance().socket(zmq.PUSH) as push:
                push.connect("inproc://in")
                push.send(b"")  # the device runs, or will
            while len(device._sockets) < 4:
                pass
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        try:
            device.start()
        except KeyboardInterrupt:
            print("interrupted", device.done, device._sockets)
        zmq.Context.instance().destroy(linger=0)
        """
    ).ok()
    assert child.out == "interrupted True []\n"


# ---------------------------------------------------------------- processes

METHODS = ["spawn"] if sys.platform == "win32" else ["fork", "spawn", "forkserver"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", ["stop", "TERMINATE"])
def test_process_device(run_child: RunChild, method: str, how: str) -> None:
    run_child(
        """
        import multiprocessing, sys, zmq, zmq.devices

        def main(method, how):
            multiprocessing.set_start_method(method)
            device = zmq.devices.ProcessProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.REP)
            front = device.bind_in_to_random_port("tcp://127.0.0.1", 20_000, 32_000)
            back = device.bind_out_to_random_port("tcp://127.0.0.1", 20_000, 32_000)
            control = device.bind_ctrl_to_random_port("tcp://127.0.0.1", 20_000, 32_000)
            device.start()
            with zmq.Context() as context:
                context.linger = 0
                context.rcvtimeo = 30_000
                with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull, context.socket(zmq.REQ) as req:
                    push.connect(f"tcp://127.0.0.1:{front}")
                    pull.connect(f"tcp://127.0.0.1:{back}")
                    req.connect(f"tcp://127.0.0.1:{control}")
                    push.send(b"through another process")
                    assert pull.recv() == b"through another process"
                    if how == "TERMINATE":
                        req.send(b"TERMINATE")
                        assert req.recv() == b""
                        device.join(30)
                        assert device.launcher.exitcode == 0, device.launcher.exitcode
                    else:
                        device.stop(10)
                assert not device.launcher.is_alive()

        if __name__ == "__main__":
            main(*sys.argv[1:])
        """,
        method,
        how,
    ).ok()


def test_a_process_device_ends_with_its_parent(run_child: RunChild) -> None:
    run_child(
        """
        import zmq, zmq.devices

        def main():
            device = zmq.devices.ProcessMonitoredQueue(zmq.PULL, zmq.PUSH)
            device.bind_in_to_random_port("tcp://127.0.0.1", 20_000, 32_000)
            device.start()

        if __name__ == "__main__":
            main()
        """
    ).ok()


def test_no_thread_is_left_by_the_choice_of_a_port() -> None:
    before = threading.active_count()
    device = devices.ProcessDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.bind_in_to_random_port("tcp://127.0.0.1", 20_000, 32_000)
    assert threading.active_count() == before
