"""Every pattern over every transport, with binds and connects in any order and number."""

from __future__ import annotations

import itertools
import socket as system_socket

import pytest
import zmq

from helpers import MakePair, MakeSocket, bind_any, drain, free_port, fresh_inproc, join_subscription, wait_until

ROUNDS = 20


def test_pair(pair: MakePair, transport: str) -> None:
    a, b = pair(zmq.PAIR, zmq.PAIR, transport)
    for number in range(ROUNDS):
        a.send_multipart([b"%d" % number, b"to b"])
        b.send(b"%d" % number)
        assert b.recv_multipart() == [b"%d" % number, b"to b"]
        assert a.recv() == b"%d" % number


@pytest.mark.parametrize("bound", [zmq.PUSH, zmq.PULL])
def test_push_pull(pair: MakePair, transport: str, bound: int) -> None:
    other = zmq.PULL if bound == zmq.PUSH else zmq.PUSH
    one, two = pair(bound, other, transport)
    push, pull = (one, two) if bound == zmq.PUSH else (two, one)
    for number in range(ROUNDS):
        push.send(b"%d" % number)
    assert [int(pull.recv()) for _ in range(ROUNDS)] == list(range(ROUNDS))


@pytest.mark.parametrize("bound", [zmq.REQ, zmq.REP])
def test_req_rep(pair: MakePair, transport: str, bound: int) -> None:
    other = zmq.REP if bound == zmq.REQ else zmq.REQ
    one, two = pair(bound, other, transport)
    req, rep = (one, two) if bound == zmq.REQ else (two, one)
    for number in range(ROUNDS):
        req.send(b"%d" % number)
        assert rep.recv() == b"%d" % number
        rep.send_multipart([b"a", b"b"])
        assert req.recv_multipart() == [b"a", b"b"]


def test_req_rep_keep_their_order(pair: MakePair) -> None:
    rep, req = pair(zmq.REP, zmq.REQ)
    with pytest.raises(zmq.ZMQError) as caught:
        rep.send(b"unasked")
    assert caught.value.errno == zmq.EFSM
    req.send(b"once")
    with pytest.raises(zmq.ZMQError) as caught:
        req.send(b"twice")
    assert caught.value.errno == zmq.EFSM


@pytest.mark.parametrize(("pub_kind", "sub_kind"), [(zmq.PUB, zmq.SUB), (zmq.XPUB, zmq.SUB)])
def test_pub_sub(pair: MakePair, transport: str, pub_kind: int, sub_kind: int) -> None:
    pub, sub = pair(pub_kind, sub_kind, transport)
    join_subscription(pub, sub, b"topic")
    for number in range(ROUNDS):
        pub.send(b"other %d" % number)
        pub.send_multipart([b"topic", b"%d" % number])
    got = [sub.recv_multipart() for _ in range(ROUNDS)]
    assert got == [[b"topic", b"%d" % number] for number in range(ROUNDS)]


def test_pub_sub_with_the_subscriber_bound(pair: MakePair, transport: str) -> None:
    sub, pub = pair(zmq.SUB, zmq.PUB, transport)
    join_subscription(pub, sub)
    pub.send(b"x")
    assert sub.recv() == b"x"


def test_unsubscribing_stops_the_flow(pair: MakePair) -> None:
    xpub, sub = pair(zmq.XPUB, zmq.SUB)
    sub.subscribe("a")
    sub.subscribe("b")
    assert {xpub.recv(), xpub.recv()} == {b"\1a", b"\1b"}
    sub.unsubscribe("a")
    assert xpub.recv() == b"\0a"
    xpub.send(b"a")
    xpub.send(b"b")
    assert sub.recv() == b"b"


def test_xpub_xsub(pair: MakePair, transport: str) -> None:
    xpub, xsub = pair(zmq.XPUB, zmq.XSUB, transport)
    xsub.send(b"\1topic")
    assert xpub.recv() == b"\1topic"
    xpub.send(b"topic x")
    assert xsub.recv() == b"topic x"
    xsub.send(b"\0topic")
    assert xpub.recv() == b"\0topic"


def test_publication_reaches_every_subscriber(socket: MakeSocket, transport: str) -> None:
    pub = socket(zmq.XPUB)
    pub.xpub_verbose = 1
    endpoint = bind_any(pub, transport)
    subs = [socket(zmq.SUB) for _ in range(5)]
    for sub in subs:
        sub.connect(endpoint)
        sub.subscribe(b"")
        assert pub.recv() == b"\1"
    pub.send_multipart([b"to", b"all"])
    assert [sub.recv_multipart() for sub in subs] == [[b"to", b"all"]] * 5


def test_dealer_router(pair: MakePair, transport: str) -> None:
    router, dealer = pair(zmq.ROUTER, zmq.DEALER, transport)
    for number in range(ROUNDS):
        dealer.send_multipart([b"", b"%d" % number])
        identity, empty, body = router.recv_multipart()
        assert (empty, body) == (b"", b"%d" % number)
        router.send_multipart([identity, b"back", body])
        assert dealer.recv_multipart() == [b"back", body]


def test_router_knows_identities(socket: MakeSocket, transport: str) -> None:
    router = socket(zmq.ROUTER)
    endpoint = bind_any(router, transport)
    dealers = {}
    for name in (b"one", b"two", b"three"):
        dealers[name] = socket(zmq.DEALER)
        dealers[name].identity = name
        dealers[name].connect(endpoint)
        dealers[name].send(b"hello")
    assert sorted(router.recv_multipart()[0] for _ in dealers) == sorted(dealers)
    for name, dealer in dealers.items():
        router.send_multipart([name, b"for " + name])
        assert dealer.recv() == b"for " + name


def test_dealer_asks_several_repliers_in_turn(socket: MakeSocket, transport: str) -> None:
    dealer = socket(zmq.DEALER)
    endpoint = bind_any(dealer, transport)
    repliers = [socket(zmq.REP) for _ in range(3)]
    for rep in repliers:
        rep.connect(endpoint)
    counts = [0, 0, 0]
    for _ in range(30):
        dealer.send_multipart([b"", b"q"])
    for _ in range(30):
        ready = wait_until(lambda: [n for n, rep in enumerate(repliers) if rep.poll(1)])
        repliers[ready[0]].recv()
        repliers[ready[0]].send(b"a")
        counts[ready[0]] += 1
    assert [dealer.recv_multipart() for _ in range(30)] == [[b"", b"a"]] * 30
    assert sum(counts) == 30


def test_several_requesters_get_their_own_replies(socket: MakeSocket, transport: str) -> None:
    rep = socket(zmq.REP)
    endpoint = bind_any(rep, transport)
    requesters = [socket(zmq.REQ) for _ in range(5)]
    for number, req in enumerate(requesters):
        req.connect(endpoint)
        req.send(b"%d" % number)
    for _ in requesters:
        rep.send(b"re " + rep.recv())
    assert [req.recv() for req in requesters] == [b"re %d" % n for n in range(5)]


def test_stream_speaks_to_a_plain_tcp_client(socket: MakeSocket) -> None:
    stream = socket(zmq.STREAM)
    host, _, port = bind_any(stream, "tcp").removeprefix("tcp://").rpartition(":")
    with system_socket.create_connection((host, int(port)), timeout=30) as client:
        identity, empty = stream.recv_multipart()
        assert empty == b""
        client.sendall(b"hello")
        assert stream.recv_multipart() == [identity, b"hello"]
        stream.send_multipart([identity, b"answer"])
        assert client.recv(100) == b"answer"
    assert stream.recv_multipart() == [identity, b""]


def test_stream_between_two_streams(socket: MakeSocket) -> None:
    server, client = socket(zmq.STREAM), socket(zmq.STREAM)
    client.connect(bind_any(server, "tcp"))
    mine, empty = client.recv_multipart()
    theirs, _ = server.recv_multipart()
    assert empty == b""
    client.send_multipart([mine, b"hi"])
    assert server.recv_multipart() == [theirs, b"hi"]


@pytest.mark.parametrize(
    "order",
    [
        order
        for order in itertools.permutations(["bind", "connect", "send"])
        if order.index("connect") < order.index("send")  # a PUSH without a peer would wait
    ],
    ids="-".join,
)
def test_bind_connect_and_send_in_any_order(
    socket: MakeSocket,
    transport: str,
    order: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    endpoint = fresh_inproc()
    if transport == "ipc":
        endpoint = f"ipc://{tmp_path_factory.mktemp('i')}/s"
    elif transport == "tcp":
        endpoint = f"tcp://127.0.0.1:{free_port()}"
    push, pull = socket(zmq.PUSH), socket(zmq.PULL)

    def bind() -> bool:
        try:
            pull.bind(endpoint)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
            return False
        return True

    for step in order:
        if step == "bind":
            wait_until(bind, what="bound")
        elif step == "connect":
            push.connect(endpoint)
        else:
            push.send(b"x")
    assert pull.recv() == b"x"


def test_many_binds_and_many_connects(socket: MakeSocket) -> None:
    pulls = [socket(zmq.PULL) for _ in range(3)]
    endpoints = [bind_any(pull, transport) for pull in pulls for transport in ("inproc", "tcp")]
    pushes = [socket(zmq.PUSH) for _ in range(3)]
    for push in pushes:
        for endpoint in endpoints:
            push.connect(endpoint)
        for number in range(60):
            push.send(b"%d" % number)

    got: list[bytes] = []

    def all_here() -> bool:
        for pull in pulls:
            got.extend(message[0] for message in drain(pull))
        return len(got) == 180

    wait_until(all_here, what="all messages")
    assert sorted(got) == sorted([b"%d" % number for number in range(60)] * 3)


def test_reconnect_after_the_server_came_back(socket: MakeSocket) -> None:
    first, push = socket(zmq.PULL), socket(zmq.PUSH)
    push.reconnect_ivl = 10
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    first.bind(endpoint)
    push.connect(endpoint)
    push.send(b"1")
    assert first.recv() == b"1"
    first.close()
    second = socket(zmq.PULL)

    def bound() -> bool:
        try:
            second.bind(endpoint)
        except zmq.ZMQError as error:
            assert error.errno == zmq.EADDRINUSE
            return False
        return True

    wait_until(bound, what="address free")

    def arrived() -> bool:
        if push.poll(10, zmq.POLLOUT):
            push.send(b"again", zmq.DONTWAIT)
        return bool(second.poll(10))

    wait_until(arrived, what="reconnected")
    assert second.recv() == b"again"


def test_router_handover(socket: MakeSocket) -> None:
    router = socket(zmq.ROUTER)
    router.router_handover = 1
    endpoint = bind_any(router, "tcp")
    for number in range(3):
        dealer = socket(zmq.DEALER)
        dealer.identity = b"same"
        dealer.connect(endpoint)
        dealer.send(b"%d" % number)
        assert router.recv_multipart() == [b"same", b"%d" % number]
        router.send_multipart([b"same", b"reply"])
        assert dealer.recv() == b"reply"


def test_probe_router(socket: MakeSocket) -> None:
    router, dealer = socket(zmq.ROUTER), socket(zmq.DEALER)
    dealer.identity = b"probe"
    dealer.probe_router = 1
    dealer.connect(bind_any(router, "tcp"))
    assert router.recv_multipart() == [b"probe", b""]


def test_req_relaxed_may_ask_again(socket: MakeSocket) -> None:
    req, rep = socket(zmq.REQ), socket(zmq.REP)
    req.req_relaxed = req.req_correlate = 1
    req.connect(bind_any(rep, "inproc"))
    req.send(b"lost")
    req.send(b"asked again")
    assert rep.recv() == b"lost"
    rep.send(b"late")
    assert rep.recv() == b"asked again"
    rep.send(b"right")
    assert req.recv() == b"right"
