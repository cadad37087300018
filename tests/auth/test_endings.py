"""Authenticators that are started, stopped and left, in every order: no hang, no noise."""

from __future__ import annotations

import pytest

from helpers import RunChild

PRELUDE = """
import asyncio, gc, os, sys, threading, time, zmq, zmq.asyncio
from zmq.auth import Authenticator
from zmq.auth.thread import ThreadAuthenticator
from zmq.auth.asyncio import AsyncioAuthenticator
from child_support import Running, blocked
context = zmq.Context()
"""

KINDS = {
    "thread": "auth = ThreadAuthenticator(context); auth.start()",
    "thread-async-context": "shadow = zmq.asyncio.Context(context); auth = ThreadAuthenticator(shadow); auth.start()",
    "guard": "auth = context.auth(allow='*')",
}

ENDS = {
    "term": "context.term()",
    "term-timeout": "context.term(timeout=30)",
    "destroy": "context.destroy()",
    "destroy-elsewhere": "Running(context.destroy).ended()",
    "stop": "auth.stop(); auth.stop(); context.term()",
    "stop-after-term": "context.term(); auth.stop()",
    "stop-elsewhere": "Running(auth.stop).ended(); context.term()",
    "stop-by-two": "r = [Running(auth.stop) for _ in range(4)]; [one.ended() for one in r]; context.term()",
    "stop-and-term": "r = Running(auth.stop); context.term(); r.ended(); assert r.error is None, r.error",
    "exit": "",
    "exit-in-a-thread": "Running(lambda: sys.exit(3)).ended()",
    "sys.exit": "sys.exit(0)",
    "os._exit": "os._exit(0)",
    "forgotten": "auth = None; gc.collect()",
    "again": "auth.stop(); auth.start(); auth.stop(); auth.start(); context.term()",
    "fork": """
pid = os.fork()
if pid == 0:
    auth.stop()
    auth = None
    gc.collect()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
auth.stop()
context.term()
""",
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_thread_ends(run_child: RunChild, kind: str, end: str) -> None:
    script = f"{PRELUDE}\n{KINDS[kind]}\n{ENDS[end]}\n"
    if end == "stop-after-term":
        script += "assert not auth.is_alive()"
    # Python 3.12 and newer warn of every fork beside a thread
    run_child(script, options=["-W", "error", "-W", "ignore:This process:DeprecationWarning", "-X", "dev"]).ok()


LOOPS = {
    "stopped": "auth.stop()",
    "left": "",
    "stopped-later": "await asyncio.sleep(0.01); auth.stop()",
    "left-later": "await asyncio.sleep(0.01)",
    "terminated": "await asyncio.sleep(0.01); await asyncio.to_thread(context.destroy)",
    "cancelled": "await asyncio.sleep(0.01); auth._task.cancel()",
    "again": "await asyncio.sleep(0.01); auth.stop(); auth.start(); auth.stop(); auth.start(); await asyncio.sleep(0); auth.stop()",
    "stopped-after-a-request": """
    s = zmq.asyncio.Context(context).socket(zmq.REQ)
    s.connect("inproc://zeromq.zap.01")
    await s.send_multipart([b"1.0", b"1", b"", b"", b"", b"NULL"])
    assert (await s.recv_multipart())[2] == b"200"
    s.close()
    auth.stop()
""",
}


@pytest.mark.parametrize("end", LOOPS)
def test_task_ends(run_child: RunChild, end: str) -> None:
    script = (
        PRELUDE
        + f"""
async def main():
    auth = AsyncioAuthenticator(context)
    auth.start()
    {LOOPS[end].strip()}
asyncio.run(main(), debug=True)
gc.collect()
context.term(timeout=30)
"""
    )
    run_child(script, options=["-W", "error", "-X", "dev"]).ok()


def test_stop_cancels_a_callback_that_awaits(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
asked = threading.Event()
class Slow:
    async def callback(self, domain, key):
        asked.set()
        await asyncio.sleep(60)
public, secret = zmq.curve_keypair()
auth = ThreadAuthenticator(context)
auth.start()
auth.configure_curve_callback(credentials_provider=Slow())
with context.socket(zmq.PULL) as server, context.socket(zmq.PUSH) as client:
    server.linger = client.linger = 0
    server.curve_server, server.curve_secretkey = 1, secret
    client.curve_serverkey = public
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    client.connect(f"tcp://127.0.0.1:{server.bind_to_random_port('tcp://127.0.0.1')}")
    assert asked.wait(30)
    auth.stop()
context.term()
"""
    )
    run_child(script, options=["-W", "error", "-X", "dev"]).ok()


def test_starts_and_stops_from_many_threads(run_child: RunChild) -> None:
    """One at a time gets the name; nobody hangs, and the last state is a clean one."""
    script = (
        PRELUDE
        + """
def restart():
    for _ in range(50):
        one = ThreadAuthenticator(context)
        try:
            one.start()
        except zmq.ZMQError as error:
            assert error.errno == zmq.EADDRINUSE, error
        one.stop()
runs = [Running(restart) for _ in range(4)]
for run in runs:
    run.ended()
    assert run.error is None, run.error
context.term(timeout=30)
"""
    )
    run_child(script, options=["-W", "error"]).ok()


def test_base_class_by_itself(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
auth = Authenticator(context)
auth.start()
try:
    Authenticator(context).start()
except zmq.ZMQError as error:
    assert error.errno == zmq.EADDRINUSE
else:
    raise SystemExit("two handlers in one context")
auth.stop(); auth.stop(); auth.start()
auth.zap_socket.close()
auth.stop()
context.term(timeout=30)
"""
    )
    run_child(script, options=["-W", "error"]).ok()


def test_old_name_of_the_tornado_loop(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
import warnings
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    from zmq.auth.ioloop import IOLoopAuthenticator
    assert [w.category for w in seen] == [DeprecationWarning], seen
    auth = IOLoopAuthenticator(context, io_loop=object())
    AsyncioAuthenticator(context, loop=object())
    assert [w.category for w in seen] == [DeprecationWarning] * 3, seen
async def main():
    auth.start()
    await asyncio.sleep(0.01)
    auth.stop()
asyncio.run(main())
context.term()
"""
    )
    run_child(script).ok()
