"""zmq.utils: the small helpers, most of them under the names of old."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import zmq
from zmq.utils import garbage, interop, jsonapi, strtypes, win32

# ---------------------------------------------------------------- names of old


def test_strtypes() -> None:
    with pytest.warns(DeprecationWarning, match="Python 2"):
        assert strtypes.b("é") == strtypes.asbytes("é") == strtypes.cast_bytes("é".encode()) == b"\xc3\xa9"
    with pytest.warns(DeprecationWarning, match="Python 2"):
        assert strtypes.u(b"\xc3\xa9") == strtypes.cast_unicode("é") == "é"
    for function in (strtypes.cast_bytes, strtypes.cast_unicode):
        with pytest.warns(DeprecationWarning), pytest.raises(TypeError):
            function(1)  # type: ignore[arg-type]
    assert (strtypes.bytes, strtypes.unicode, strtypes.basestring) == (bytes, str, (str,))


def test_jsonapi() -> None:
    assert jsonapi.dumps({"a": "é"}) == b'{"a": "\\u00e9"}' or jsonapi.dumps({"a": "é"}) == b'{"a":"\\u00e9"}'
    assert jsonapi.loads(b'["\xc3\xa9"]') == jsonapi.loads('["é"]') == ["é"]
    assert jsonapi.jsonmod is json


def test_interop() -> None:
    assert interop.cast_int_addr(5) == 5
    with pytest.raises(ValueError, match="underlying"):
        interop.cast_int_addr("5")


def test_allow_interrupt_returns_itself() -> None:
    called = []
    with win32.allow_interrupt(lambda: called.append(1)) as allowed:
        assert isinstance(allowed, win32.allow_interrupt)
    with win32.allow_interrupt():
        assert called == []


def test_the_collector_of_old_has_nothing_to_collect(ctx: zmq.SyncContext) -> None:
    assert (garbage.gc.thread, garbage.gc.refs, garbage.gc.is_alive()) == (None, {}, False)
    with ctx.socket(zmq.PAIR) as pair:
        pair.bind("inproc://collector")
        garbage.gc.start()
        assert garbage.gc.refs == {}
    garbage.gc.stop()
    with pytest.raises(NotImplementedError, match="copy=False"):
        garbage.gc.store(b"", None)
    mine = garbage.GarbageCollector(ctx)
    assert mine.context is ctx
    thread = garbage.GarbageCollectorThread(mine)
    thread.start()
    assert thread.ready.wait(30)
    thread.join()


# ---------------------------------------------------------------- python -m zmq.curve_keygen


def keygen(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "zmq.curve_keygen", *args], capture_output=True, text=True, timeout=60)


def test_keygen_prints_a_pair() -> None:
    done = keygen()
    heading, public, empty, other, secret = done.stdout.splitlines()
    assert (heading, empty, other) == ("== CURVE PUBLIC KEY ==", "", "== CURVE SECRET KEY ==")
    assert zmq.curve_public(secret) == public.encode()
    assert (done.returncode, done.stderr) == (0, "")


def test_keygen_as_json_of_a_given_secret() -> None:
    public, secret = zmq.curve_keypair()
    while not secret.startswith(b"-"):  # as one of 85 does
        public, secret = zmq.curve_keypair()
    done = keygen("--json", f"--secret={secret.decode()}")
    assert json.loads(done.stdout) == {"public": public.decode(), "secret": secret.decode()}
    assert done.stdout.endswith("}\n")


@pytest.mark.parametrize("secret", ["short", "~" * 40])
def test_keygen_refuses_what_is_no_key(secret: str) -> None:
    done = keygen("--secret", secret)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("python3 -m zmq.curve_keygen: ")


def test_keygen_explains_itself() -> None:
    assert "python3 -m zmq.curve_keygen" in keygen("-h").stdout
