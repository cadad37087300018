"""Who is let in: every mechanism, both directions, both kinds of authenticator."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import zmq
import zmq.auth

from auth.peers import ADDRESSES, NEEDS_CURVE, Keys, Peers, has_ipv6


@pytest.fixture(params=[True, False], ids=["server-binds", "client-binds"])
def server_binds(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_null_is_let_in_with_a_domain(auth: Any, peers: Peers, server_binds: bool) -> None:
    assert peers.outcome(peers.socket(zap_domain=b"global"), peers.socket(), server_binds=server_binds)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("rule", ["allow", "deny"])
@pytest.mark.parametrize("others", [False, True], ids=["mine", "others"])
def test_addresses(auth: Any, peers: Peers, address: str, rule: str, others: bool) -> None:
    mine = ["::1" if "::1" in address else "127.0.0.1"]
    getattr(auth, rule)(*(["192.0.2.1", "2001:db8::/32"] if others else mine))
    wanted = (rule == "allow") is not others
    assert peers.outcome(peers.socket(zap_domain=b"global"), peers.socket(), address) is wanted


@pytest.mark.parametrize("network", ["127.0.0.0/8", "127.0.0.1/32", "127.0.0.99/24"])
def test_a_network_of_addresses(auth: Any, peers: Peers, network: str) -> None:
    auth.allow(network)
    assert peers.outcome(peers.socket(zap_domain=b"global"), peers.socket())


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback")
def test_deny_holds_for_an_ipv4_client_of_an_ipv6_server(auth: Any, peers: Peers) -> None:
    """Whose address libzmq gives as ::ffff:127.0.0.1."""
    auth.deny("127.0.0.1")
    server = peers.socket(zap_domain=b"global")
    assert not peers.outcome(server, peers.socket(), "tcp://*:*", host="127.0.0.1")


def test_allow_and_deny_exclude_each_other(ctx: zmq.SyncContext) -> None:
    one, other = zmq.auth.Authenticator(ctx), zmq.auth.Authenticator(ctx)
    one.allow("127.0.0.1")
    with pytest.raises(ValueError, match="either allows or denies"):
        one.deny("127.0.0.2")
    other.deny("127.0.0.1")
    with pytest.raises(ValueError, match="either allows or denies"):
        other.allow("127.0.0.2")
    for rule in (one.allow, other.deny):
        with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
            rule("10.0.0.0/99")


@pytest.mark.parametrize(
    ("domain", "passwords", "wanted"),
    [
        ("*", {"me": "secret"}, True),
        ("*", {"me": "other"}, False),
        ("*", {"you": "secret"}, False),
        ("*", {"me": "geheim\u00df", "you": "secret"}, False),
        ("elsewhere", {"me": "secret"}, False),
        (None, {}, False),
    ],
)
def test_plain(auth: Any, peers: Peers, server_binds: bool, domain: str | None, passwords: dict[str, str], wanted: bool) -> None:
    if domain is not None:
        auth.configure_plain(domain=domain, passwords=passwords)
    server = peers.socket(plain_server=1)
    assert peers.outcome(server, peers.plain_client("me", "secret"), server_binds=server_binds) is wanted


def test_plain_names_and_passwords_in_utf8(auth: Any, peers: Peers) -> None:
    auth.configure_plain(passwords={"J\u00fcrgen": "gr\u00fc\u00df\U0001f600"})
    assert peers.outcome(peers.socket(plain_server=1), peers.plain_client("J\u00fcrgen", "gr\u00fc\u00df\U0001f600"))


def test_plain_domain_has_to_be_the_sockets(auth: Any, peers: Peers) -> None:
    """Another than the empty one does not fall back to "*"."""
    auth.configure_plain(domain="*", passwords={"me": "secret"})
    refused = peers.socket(plain_server=1, zap_domain=b"there")
    assert not peers.outcome(refused, peers.plain_client("me", "secret"))
    auth.configure_plain(domain="there", passwords={"me": "secret"})
    assert peers.outcome(peers.socket(plain_server=1, zap_domain=b"there"), peers.plain_client("me", "secret"))


def test_rules_may_change_while_it_runs(auth: Any, peers: Peers) -> None:
    auth.configure_plain(passwords={"me": "old"})
    assert not peers.outcome(peers.socket(plain_server=1), peers.plain_client("me", "new"))
    auth.configure_plain(passwords={"me": "new"})
    assert peers.outcome(peers.socket(plain_server=1), peers.plain_client("me", "new"))


@NEEDS_CURVE
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("who", ["client", "stranger"])
def test_curve_directory(auth: Any, peers: Peers, keys: Keys, address: str, server_binds: bool, who: str) -> None:
    auth.allow("127.0.0.1", "::1")
    auth.configure_curve(location=keys.known)
    server, client = peers.curve_server(keys), peers.curve_client(keys, getattr(keys, who))
    assert peers.outcome(server, client, address, server_binds) is (who == "client")


@NEEDS_CURVE
def test_curve_allow_any(auth: Any, peers: Peers, keys: Keys) -> None:
    auth.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
    assert peers.outcome(peers.curve_server(keys), peers.curve_client(keys, keys.stranger))


@NEEDS_CURVE
def test_curve_without_rules_lets_nobody_in(auth: Any, peers: Peers, keys: Keys) -> None:
    assert not peers.outcome(peers.curve_server(keys), peers.curve_client(keys, keys.client))


@NEEDS_CURVE
@pytest.mark.parametrize("client", ["null", "plain"])
def test_curve_server_refuses_other_mechanisms(auth: Any, peers: Peers, keys: Keys, client: str) -> None:
    auth.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
    auth.configure_plain(passwords={"me": "secret"})
    other = peers.socket() if client == "null" else peers.plain_client("me", "secret")
    assert not peers.outcome(peers.curve_server(keys), other)


@NEEDS_CURVE
@pytest.mark.parametrize("kind", ["missing", "broken"])
def test_curve_directory_that_cannot_be_read_lets_nobody_in(
    auth: Any, peers: Peers, keys: Keys, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    location = keys.directory / "nowhere"
    if kind == "broken":
        location.mkdir()
        (location / "bad.key").write_text("nothing of use")
    with caplog.at_level(logging.ERROR, "zmq.auth"):
        auth.configure_curve(location=location)
    assert str(location) in caplog.text
    assert not peers.outcome(peers.curve_server(keys), peers.curve_client(keys, keys.client))


class Provider:
    """Asked about keys; notes the questions."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, bytes]] = []

    def callback(self, domain: str, key: bytes) -> Any:
        self.asked.append((domain, key))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class SlowProvider(Provider):
    def callback(self, domain: str, key: bytes) -> Any:
        async def answer() -> Any:
            await asyncio.sleep(0.01)
            return super(SlowProvider, self).callback(domain, key)

        return answer()


@NEEDS_CURVE
@pytest.mark.parametrize("kind", [Provider, SlowProvider])
@pytest.mark.parametrize("answer", [True, False, None, RuntimeError("no database")], ids=str)
def test_curve_callback(
    auth: Any, peers: Peers, keys: Keys, kind: Any, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    provider = kind(answer)
    auth.configure_curve_callback(domain="*", credentials_provider=provider)
    assert peers.outcome(peers.curve_server(keys), peers.curve_client(keys, keys.client)) is (answer is True)
    assert provider.asked[0] == ("*", keys.client[0])
    assert ("no database" in caplog.text) is isinstance(answer, Exception)
    # and it goes on
    provider.answer = True
    assert peers.outcome(peers.curve_server(keys), peers.curve_client(keys, keys.stranger))


@NEEDS_CURVE
def test_curve_callback_of_another_domain(auth: Any, peers: Peers, keys: Keys) -> None:
    auth.configure_curve_callback(domain="elsewhere", credentials_provider=Provider(True))
    assert not peers.outcome(peers.curve_server(keys), peers.curve_client(keys, keys.client))


@NEEDS_CURVE
@pytest.mark.parametrize("named", [False, True], ids=["key", "named"])
def test_user_id_of_a_curve_client(auth: Any, peers: Peers, keys: Keys, named: bool) -> None:
    if named:
        auth.curve_user_id = lambda key: "somebody"
    auth.configure_curve(location=keys.known)
    server, client = peers.curve_server(keys), peers.curve_client(keys, keys.client)
    assert peers.outcome(server, client)
    client.send(b"x")
    assert server.recv(copy=False)["User-Id"] == ("somebody" if named else keys.client[0].decode())


@pytest.mark.parametrize("mechanism", ["null", "plain"])
def test_user_id_of_other_clients(auth: Any, peers: Peers, mechanism: str) -> None:
    auth.configure_plain(passwords={"me": "secret"})
    if mechanism == "plain":
        server, client = peers.socket(plain_server=1), peers.plain_client("me", "secret")
    else:
        server, client = peers.socket(zap_domain=b"x"), peers.socket()
    assert peers.outcome(server, client)
    client.send(b"x")
    assert server.recv(copy=False)["User-Id"] == ("me" if mechanism == "plain" else "anonymous")


@pytest.mark.parametrize("mechanism", ["null", "plain", pytest.param("curve", marks=NEEDS_CURVE)])
def test_after_stop_libzmq_decides(auth: Any, peers: Peers, keys: Keys, mechanism: str) -> None:
    """As it does where there never was a handler."""

    def outcome() -> bool:
        if mechanism == "null":
            return peers.outcome(peers.socket(zap_domain=b"x"), peers.socket())
        if mechanism == "plain":
            return peers.outcome(peers.socket(plain_server=1), peers.plain_client("me", "secret"))
        return peers.outcome(peers.curve_server(keys), peers.curve_client(keys, keys.client))

    auth.deny("127.0.0.1")
    assert not outcome()
    auth.stop()
    assert outcome() is (mechanism != "plain")


def test_many_clients_at_once(auth: Any, peers: Peers) -> None:
    auth.configure_plain(passwords={f"user{number}": str(number) for number in range(30)})
    server = peers.socket(zmq.PULL, plain_server=1)
    server.bind("tcp://127.0.0.1:*")
    for number in range(30):
        client = peers.socket(zmq.PUSH, plain_username=b"user%d" % number, plain_password=b"%d" % number)
        client.connect(server.last_endpoint)
        client.send(b"%d" % number)
    frames = [server.recv(copy=False) for _ in range(30)]
    assert {(frame["User-Id"], frame.bytes) for frame in frames} == {(f"user{n}", b"%d" % n) for n in range(30)}
