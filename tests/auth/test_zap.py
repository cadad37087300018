"""The protocol itself (RFC 27): every request gets one answer, and nothing that is sent ends the handler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
import zmq.auth
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zmq.auth.thread import ThreadAuthenticator

ENDPOINT = "inproc://zeromq.zap.01"

MECHANISMS = [b"NULL", b"PLAIN", b"CURVE", b"GSSAPI", b"", b"null", b"\xff"]
FRAMES = st.binary(max_size=40)

#: Anything at all; and requests that are nearly right.
REQUESTS = st.lists(FRAMES, min_size=1, max_size=12) | st.builds(
    lambda version, domain, address, mechanism, credentials: [version, b"7", domain, address, b"id", mechanism, *credentials],
    st.sampled_from([b"1.0", b"1.0", b"1.1", b""]),
    st.sampled_from([b"", b"there", b"\xff", b"*"]),
    st.sampled_from([b"127.0.0.1", b"", b"::1", b"::ffff:127.0.0.1", b"\xff", b"fe80::1%lo", b"localhost:1"]),
    st.sampled_from(MECHANISMS),
    st.lists(FRAMES | st.just(b"k" * 32) | st.sampled_from([b"me", b"secret"]), max_size=4),
)


@pytest.fixture(params=["plain", "allow", "deny"])
def handler(request: pytest.FixtureRequest, ctx: zmq.SyncContext) -> Iterator[Any]:
    auth = ThreadAuthenticator(ctx)
    auth.start()
    auth.configure_plain(passwords={"me": "secret"})
    if request.param != "plain":
        getattr(auth, request.param)("127.0.0.1", "2001:db8::/32", "example.com")
    auth.configure_curve_callback(domain="there", credentials_provider=Raising())
    client: Any = ctx.socket(zmq.REQ)
    client.linger, client.rcvtimeo = 0, 30_000
    client.connect(ENDPOINT)
    yield client
    client.close()
    auth.stop()


class Raising:
    def callback(self, domain: str, key: bytes) -> bool:
        raise RuntimeError("no database")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(frames=REQUESTS)
def test_every_request_gets_one_answer(handler: Any, frames: list[bytes]) -> None:
    handler.send_multipart(frames)
    version, number, status, text, user, metadata = handler.recv_multipart()
    assert version == b"1.0"
    assert number == (frames[1] if len(frames) > 1 else b"")
    assert status in (b"200", b"400", b"500")
    assert text
    assert metadata == b""
    if status != b"200":
        assert user == b""
        return
    mechanism, credentials = frames[5], frames[6:]
    assert frames[0] == b"1.0"
    assert mechanism in (b"NULL", b"PLAIN", b"GSSAPI")
    if mechanism == b"PLAIN":
        assert credentials == [b"me", b"secret"]
        assert user == b"me"


def request(*frames: bytes, version: bytes = b"1.0", domain: bytes = b"", address: bytes = b"127.0.0.1") -> list[bytes]:
    return [version, b"7", domain, address, b"id", *frames]


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        (request(b"NULL"), b"200"),
        (request(b"NULL", b"more"), b"200"),
        (request(b"NULL", version=b"2.0"), b"400"),
        (request(), b"400"),
        ([b"1.0"], b"400"),
        (request(b"PLAIN", b"me"), b"400"),
        (request(b"PLAIN", b"me", b"secret", b"more"), b"400"),
        (request(b"PLAIN", b"me", b"secret"), b"200"),
        (request(b"PLAIN", b"me", b"secret", domain=b"*"), b"200"),
        (request(b"PLAIN", b"me", b"secret", domain=b"elsewhere"), b"400"),
        (request(b"PLAIN", b"me", b"Secret"), b"400"),
        (request(b"PLAIN", b"me", b""), b"400"),
        (request(b"PLAIN", b"", b""), b"400"),
        (request(b"PLAIN", b"you", b""), b"400"),
        (request(b"CURVE", b"k" * 31), b"400"),
        (request(b"CURVE", b"k" * 32), b"400"),
        (request(b"CURVE", b"k" * 32, domain=b"there"), b"500"),
        (request(b"GSSAPI", b"me@EXAMPLE"), b"200"),
        (request(b"GSSAPI"), b"400"),
        (request(b"TLS", b"x"), b"400"),
    ],
)
@pytest.mark.parametrize("handler", ["plain"], indirect=True)
def test_status(handler: Any, frames: list[bytes], status: bytes) -> None:
    handler.send_multipart(frames)
    assert handler.recv_multipart()[2] == status


class Rewritten(ThreadAuthenticator):
    """A subclass whose own code fails, or forgets to answer."""

    async def handle_zap_message(self, msg: list[bytes]) -> None:
        raise RuntimeError("of the subclass")


def test_subclass_that_fails_refuses(ctx: zmq.SyncContext, caplog: pytest.LogCaptureFixture) -> None:
    auth = Rewritten(ctx)
    auth.start()
    with ctx.socket(zmq.REQ) as client:
        client.linger, client.rcvtimeo = 0, 30_000
        client.connect(ENDPOINT)
        for _ in range(2):
            client.send_multipart(request(b"NULL"))
            assert client.recv_multipart()[1:3] == [b"7", b"500"]
    auth.stop()
    assert "of the subclass" in caplog.text


def test_passwords_may_be_bytes_or_any_text(ctx: zmq.SyncContext) -> None:
    auth = ThreadAuthenticator(ctx)
    auth.start()
    auth.configure_plain(passwords={"a": b"x", "b": "\udc80"})  # type: ignore[dict-item]
    with ctx.socket(zmq.REQ) as client:
        client.linger, client.rcvtimeo = 0, 30_000
        client.connect(ENDPOINT)
        for user, password, status in [(b"a", b"x", b"200"), (b"b", b"x", b"400"), (b"b", b"\x80", b"400")]:
            client.send_multipart(request(b"PLAIN", user, password))
            assert client.recv_multipart()[2] == status
    auth.stop()
