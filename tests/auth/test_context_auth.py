"""Context.auth: one line that decides who may connect, and ends with the context."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio
import zmq.auth
from zmq.utils import z85

from auth.peers import NEEDS_CURVE, Keys, Peers
from helpers import RunChild, wait_until

pytestmark = NEEDS_CURVE


def let_in(peers: Peers, keys: Keys, who: str = "client") -> bool:
    return peers.outcome(peers.curve_server(keys), peers.curve_client(keys, getattr(keys, who)))


FORMS = {
    "list": lambda keys: [keys.client[0]],
    "text": lambda keys: {keys.client[0].decode()},
    "raw": lambda keys: (z85.decode(keys.client[0]),),
    "one": lambda keys: keys.client[0],
    "generator": lambda keys: (one for one in [keys.client[0]]),
    "directory": lambda keys: keys.known,
    "directory-name": lambda keys: str(keys.known),
    "file": lambda keys: keys.known / "client.key",
    "dict": lambda keys: {keys.client[0]: True, keys.stranger[0]: False},
    "function": lambda keys: lambda key: key == keys.client[0].decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_allow(ctx: zmq.SyncContext, peers: Peers, keys: Keys, form: str) -> None:
    with ctx.auth(allow=FORMS[form](keys)) as guard:
        assert guard.is_alive()
        assert let_in(peers, keys)
        assert not let_in(peers, keys, "stranger")
    assert not guard.is_alive()


def test_any_key(ctx: zmq.SyncContext, peers: Peers, keys: Keys) -> None:
    with ctx.auth(allow=zmq.auth.CURVE_ALLOW_ANY):
        assert let_in(peers, keys, "stranger")
        assert not peers.outcome(peers.socket(zap_domain=b"x"), peers.socket()), "NULL slipped in"


def test_coroutine_function_without_a_loop(ctx: zmq.SyncContext, peers: Peers, keys: Keys) -> None:
    async def known(key: str) -> bool:
        await asyncio.sleep(0)
        return key == keys.client[0].decode()

    with ctx.auth(allow=known):
        assert let_in(peers, keys)
        assert not let_in(peers, keys, "stranger")


@pytest.mark.parametrize("form", ["dict", "function", "none"])
def test_user_ids(ctx: zmq.SyncContext, peers: Peers, keys: Keys, form: str) -> None:
    names = {keys.client[0].decode(): "alice"}
    allow: Any = {"dict": names, "function": names.get, "none": list(names)}[form]
    with ctx.auth(allow=allow):
        server, client = peers.curve_server(keys), peers.curve_client(keys, keys.client)
        assert peers.outcome(server, client)
        client.send(b"x")
        assert server.recv(copy=False)["User-Id"] == (keys.client[0].decode() if form == "none" else "alice")


def test_directory_is_read_again(ctx: zmq.SyncContext, peers: Peers, keys: Keys) -> None:
    with ctx.auth(allow=keys.known):
        assert not let_in(peers, keys, "stranger")
        zmq.auth.certs._write_key_file(keys.known / "stranger.key", "", keys.stranger[0])
        assert let_in(peers, keys, "stranger")
        (keys.known / "client.key").unlink()
        assert not let_in(peers, keys, "client")
        (keys.known / "bad.key").write_text("nothing of use")
        assert not let_in(peers, keys, "stranger"), "a directory with a broken file lets nobody in"
        (keys.known / "bad.key").unlink()
        assert let_in(peers, keys, "stranger")


@pytest.mark.parametrize("form", ["dict", "function", "coroutine"])
def test_passwords(ctx: zmq.SyncContext, peers: Peers, form: str) -> None:
    async def asked(user: str, password: str) -> bool:
        return (user, password) == ("me", "secret")

    forms: dict[str, Any] = {
        "dict": {"me": "secret"},
        "function": lambda user, password: (user, password) == ("me", "secret"),
        "coroutine": asked,
    }
    with ctx.auth(passwords=forms[form]):
        for options in ({}, {"zap_domain": b"there"}):
            for user, password in [("me", "secret"), ("me", "other"), ("you", "secret")]:
                server = peers.socket(plain_server=1, **options)
                wanted = (user, password) == ("me", "secret")
                assert peers.outcome(server, peers.plain_client(user, password)) is wanted


@pytest.mark.parametrize("key", [b"short", "x" * 40 + "y", b"\xff" * 40, " " * 40, 3, ""])
def test_keys_that_are_none(ctx: zmq.SyncContext, key: Any) -> None:
    with pytest.raises(ValueError, match="not a CURVE public key"):
        ctx.auth(allow=[key])


def test_rules_that_are_none(ctx: zmq.SyncContext, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nobody could connect"):
        ctx.auth()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ctx.auth(allow=tmp_path / "nowhere")
    with pytest.raises(TypeError, match="lists of addresses"):
        ctx.auth(addresses="127.0.0.1")
    with pytest.raises(TypeError, match="dict"):
        ctx.auth(passwords=["me"])
    with pytest.raises(ValueError, match="either"):
        ctx.auth(addresses=["127.0.0.1"], deny=["127.0.0.2"])


def test_addresses_alone_are_for_null(ctx: zmq.SyncContext, peers: Peers, keys: Keys) -> None:
    with ctx.auth(addresses=["127.0.0.0/8"]):
        assert peers.outcome(peers.socket(zap_domain=b"x"), peers.socket())
        assert not let_in(peers, keys)
    with ctx.auth(allow=keys.known, deny=["127.0.0.1"]):
        assert not let_in(peers, keys)


def test_one_for_each_context(ctx: zmq.SyncContext) -> None:
    with ctx.auth(allow="*"):
        with pytest.raises(zmq.ZMQError, match="stop") as caught:
            ctx.auth(allow="*")
        assert caught.value.errno == zmq.EADDRINUSE
    for _ in range(20):
        ctx.auth(allow="*").stop()


@pytest.mark.parametrize("end", ["term", "destroy", "with"])
@pytest.mark.parametrize("flavour", [zmq.Context, zmq.asyncio.Context])
def test_ends_with_its_context(flavour: Any, end: str) -> None:
    context = flavour()
    guard = context.auth(allow="*")
    if end == "with":
        with context:
            pass
    else:
        getattr(context, end)()
    assert context.closed
    wait_until(lambda: not guard.is_alive(), what="thread ended")
    guard.stop()


def test_functions_run_in_the_callers_loop(peers: Peers, ctx: zmq.SyncContext, keys: Keys) -> None:
    seen: list[Any] = []

    async def known(key: str) -> bool:
        seen.append((asyncio.get_running_loop(), threading.current_thread()))
        await asyncio.sleep(0)
        return True

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with zmq.asyncio.Context(ctx).auth(allow=known):
            assert await asyncio.to_thread(let_in, peers, keys)
        assert seen == [(loop, threading.current_thread())]

    asyncio.run(main())


def test_function_of_a_loop_that_has_ended_refuses(
    peers: Peers, ctx: zmq.SyncContext, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> Any:
        return ctx.auth(allow=lambda key: True)

    with asyncio.run(main()):
        assert not let_in(peers, keys)
    assert "closed" in caplog.text


def test_log(ctx: zmq.SyncContext, peers: Peers, keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test.auth")
    with caplog.at_level(logging.DEBUG, "test.auth"), ctx.auth(allow=keys.known, log=log):
        assert let_in(peers, keys)
        assert not let_in(peers, keys, "stranger")
    assert re.search(r"let in CURVE from \S*127\.0\.0\.1 .* as " + re.escape(keys.client[0].decode()), caplog.text)
    assert re.search(r"refused CURVE from \S*127\.0\.0\.1 .*: Unknown key", caplog.text)


def test_import_zmq_loads_nothing_of_it(run_child: RunChild) -> None:
    script = "import sys, zmq\nassert not [m for m in sys.modules if m.startswith('zmq.auth')]\nassert callable(zmq.Context.auth)"
    run_child(script).ok()
