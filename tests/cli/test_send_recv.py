"""`python -m zmq send` and `recv`: two processes, or one and a socket of the test."""

from __future__ import annotations

import base64
import json
import os
import pty
import socket as plain
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq

from cli.commands import LIMIT, PYTHON, refusal, running, zmq_command
from helpers import PATIENCE, TRANSPORTS, Background, MakeSocket, bind_any, drain

Send = Callable[..., list[list[bytes]]]
TRANSPORTS_BETWEEN_PROCESSES = [transport for transport in TRANSPORTS if transport != "inproc"]


@pytest.fixture
def send(socket: MakeSocket, tmp_path: Path) -> Send:
    """Run `send` with arguments and an input, and return the messages that arrive."""

    def run(*arguments: object, stdin: bytes = b"", end: int = PATIENCE) -> list[list[bytes]]:
        pull = socket(zmq.PULL)
        pull.set_hwm(0)
        ends = pull.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        with running("send", bind_any(pull, "tcp"), *arguments, directory=tmp_path) as process:
            assert process.finish(stdin) == (b"", "")
        # the end of the connection is told after all that came through it
        ends.poll(end)
        pull.disable_monitor()
        ends.close()
        return drain(pull)

    return run


def received(*arguments: object, messages: list[list[bytes]], directory: Path, status: int = 0) -> bytes:
    """Run `recv`, send it messages, and return what it printed."""
    with (
        zmq.Context() as context,
        context.socket(zmq.PUSH) as push,
        running("recv", "tcp://127.0.0.1:*", "-n", len(messages), *arguments, directory=directory) as process,
    ):
        push.connect(process.address())
        for message in messages:
            push.send_multipart(message)
        return process.finish(status=status)[0]


# ---------------------------------------------------------------- two processes


@pytest.mark.parametrize("transport", TRANSPORTS_BETWEEN_PROCESSES)
@pytest.mark.parametrize("bound", ["recv", "send"])
def test_two_processes(transport: str, bound: str, tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:*" if transport == "tcp" else "ipc://*"
    other = "send" if bound == "recv" else "recv"
    how = {"recv": ["-n", 3], "send": []}
    with running(bound, "--bind", address, *how[bound], directory=tmp_path) as first:
        with running(other, "--connect", first.address(), *how[other], directory=tmp_path) as second:
            sender, receiver = (second, first) if bound == "recv" else (first, second)
            sender.finish("one\nzwölf\n\n".encode())
            assert receiver.finish()[0] == "one\nzwölf\n\n".encode()


def test_large_binary_through_pipes(tmp_path: Path) -> None:
    data = os.urandom(40 << 20)
    with running("recv", "tcp://127.0.0.1:*", "-n", 1, "--raw", directory=tmp_path) as receiver:
        with running("send", receiver.address(), "--raw", directory=tmp_path) as sender:
            feeding = Background(sender.finish, data)
            out, _ = receiver.finish()
            feeding.result(LIMIT)
    assert out == data


def test_a_file_in_pieces(tmp_path: Path) -> None:
    data = os.urandom((5 << 20) + 17)
    (tmp_path / "disk.img").write_bytes(data)
    with running("recv", "tcp://127.0.0.1:*", "-n", 6, "--raw", "-o", "copy.img", directory=tmp_path) as receiver:
        address = receiver.address()
        with (
            (tmp_path / "disk.img").open("rb") as file,
            running("send", address, "--raw", "--chunk", "1M", directory=tmp_path, stdin=file) as sender,
        ):
            sender.finish()
        receiver.finish()
    assert (tmp_path / "copy.img").read_bytes() == data


def test_framed_output_is_framed_input(tmp_path: Path) -> None:
    messages = [[b"", b"\n", os.urandom(255)], [os.urandom(256), os.urandom(70_000), b""], [b""]]
    written = received("--framed", messages=messages, directory=tmp_path)
    assert written.startswith(b"\x01\x00\x01\x01\n\x00\xff")
    (tmp_path / "messages").write_bytes(written)
    with running("recv", "tcp://127.0.0.1:*", "-n", 3, "--framed", directory=tmp_path) as receiver:
        with running("send", receiver.address(), "--framed", directory=tmp_path) as sender:
            sender.finish(written)
        assert receiver.finish()[0] == written


# ---------------------------------------------------------------- sending


def test_lines(send: Send) -> None:
    assert send(stdin=b"a\n\n \xff\xfe\r\nlast") == [[b"a"], [b""], [b" \xff\xfe\r"], [b"last"]]


def test_nothing_to_send(send: Send) -> None:
    # the command may have ended before it was connected
    assert send(stdin=b"", end=300) == []


def test_multipart_lines(send: Send) -> None:
    assert send("--multipart", r"\t", stdin="a\tb\t\nä\n".encode()) == [[b"a", b"b", b""], ["ä".encode()]]


def test_multipart_separator_of_several_bytes(send: Send) -> None:
    assert send("--multipart", " | ", "-m", "x | y") == [[b"x", b"y"]]


def test_other_delimiter(send: Send) -> None:
    assert send("--delimiter", r"\0", stdin=b"one\ntwo\0three\0\0") == [[b"one\ntwo"], [b"three"], [b""]]


def test_delimiter_across_blocks(send: Send) -> None:
    """The reader takes 64 KiB at a time."""
    first = b"x" * ((1 << 16) - 1)
    assert send("-d", "<>", stdin=first + b"<>" + b"y") == [[first], [b"y"]]


def test_messages_of_the_command_line(send: Send, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"of\na file\x00")
    assert send("-m", "text", "-m", "@file", "-m", "@@home", "-m", "@-", "-m", "", stdin=b"all\ninput\n") == [
        [b"text"],
        [b"of\na file\x00"],
        [b"@home"],
        [b"all\ninput\n"],
        [b""],
    ]


def test_count_and_repeat(send: Send) -> None:
    assert send("-m", "a", "-m", "b", "--repeat", "-n", 3, "--interval", 0.01) == [[b"a"], [b"b"], [b"a"]]
    assert send("-n", 2, stdin=b"1\n2\n3\n") == [[b"1"], [b"2"]]


def test_json(send: Send) -> None:
    assert send("--json", stdin=b' {"a": [1, 2.50]} \n\n"\xc3\xa4"\n') == [[b'{"a": [1, 2.50]}'], ['"ä"'.encode()]]


def test_envelope(send: Send) -> None:
    lines = [["a", "", "ä"], {"base64": base64.b64encode(b"\x00\xff").decode()}, "text"]
    assert send("--envelope", stdin="\n".join(map(json.dumps, lines)).encode()) == [
        [b"a", b"", "ä".encode()],
        [b"\x00\xff"],
        [b"text"],
    ]


@pytest.mark.parametrize("line", [b"{", b"[NaN]", b"\xff", b"[" * 100_000])
def test_invalid_json(line: bytes, socket: MakeSocket, tmp_path: Path) -> None:
    pull = socket(zmq.PULL)
    with running("send", bind_any(pull, "tcp"), "--json", directory=tmp_path) as process:
        out, err = process.finish(b"1\n" + line + b"\n", status=2)
    assert out == b""
    [text] = err.splitlines()
    assert "message 2 of the input is not JSON" in text and len(text) < 400


@pytest.mark.parametrize("line", ["{", "[]", "[1]", '{"a": "b"}', '[{"base64": "?"}]', '["\\ud800"]', "null"])
def test_invalid_envelope(line: str, tmp_path: Path) -> None:
    assert "is no envelope" in refusal("send", "tcp://127.0.0.1:9", "--envelope", "-m", line, directory=tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"\x04", b"\x00", b"\x00\x05abc", b"\x02\x00\x00", b"\x01\x01a", b"\x02" + struct.pack(">Q", 1 << 60)],
)
def test_invalid_frames(data: bytes, tmp_path: Path) -> None:
    with running("send", "tcp://127.0.0.1:9", "--framed", directory=tmp_path) as process:
        _, err = process.finish(data, status=2)
    assert "the input" in err and len(err.splitlines()) == 1


def test_router_waits_for_its_peer(socket: MakeSocket, tmp_path: Path) -> None:
    with running("send", "tcp://127.0.0.1:*", "--type", "router", "--to", "bob", "-m", "hi", directory=tmp_path) as process:
        address = process.address()
        process.wait_until_asleep()
        dealer = socket(zmq.DEALER)
        dealer.routing_id = b"bob"
        dealer.connect(address)
        assert dealer.recv() == b"hi"
        process.finish()


def test_one_address_of_each_kind(socket: MakeSocket, tmp_path: Path) -> None:
    pull = socket(zmq.PULL)
    with running(
        "send",
        "--bind",
        "tcp://127.0.0.1:*",
        "--connect",
        bind_any(pull, "tcp"),
        "-m",
        "a",
        "-m",
        "b",
        "--hwm",
        1,
        directory=tmp_path,
    ) as process:
        other = socket(zmq.PULL)
        other.connect(process.address())
        process.finish()
    assert {pull.recv(), other.recv() if other.poll(30_000) else pull.recv()} == {b"a", b"b"}


# ---------------------------------------------------------------- receiving


def test_frames_on_a_line(tmp_path: Path) -> None:
    assert received(messages=[[b"a", b"", b"b"], [b""]], directory=tmp_path) == b"a\t\tb\n\n"
    assert received("--multipart", ",", "-d", r"\r\n", messages=[[b"a", b"b"]], directory=tmp_path) == b"a,b\r\n"
    assert received("--payload", messages=[[b"topic", b"b"]], directory=tmp_path) == b"b\n"


def test_envelopes_lose_nothing(tmp_path: Path) -> None:
    messages = [["ä".encode(), b"", b"\xff\x00"], [b"line\nend"]]
    lines = received("--envelope", messages=messages, directory=tmp_path).decode().splitlines()
    assert [json.loads(line) for line in lines] == [["ä", "", {"base64": "/wA="}], ["line\nend"]]


def test_received_json_keeps_its_digits(tmp_path: Path) -> None:
    pretty = b'{\n "a": 1\n}'
    out = received("--json", messages=[[b"1.00"], [pretty], [b"topic", b"[1]"]], directory=tmp_path)
    assert out == b'1.00\n{"a": 1}\ntopic\t[1]\n'


def test_received_text_is_no_json(tmp_path: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        with running("recv", "tcp://127.0.0.1:*", "--json", directory=tmp_path) as process:
            push.connect(process.address())
            push.send(b"1")
            push.send(b"\x1b[31mtext")
            out, err = process.finish(status=1)
    assert out == b"1\n"
    assert "message 2 is not JSON" in err and "\x1b" not in err and "--envelope" in err


def test_each_message_is_written_at_once(socket: MakeSocket, tmp_path: Path) -> None:
    with running("recv", "tcp://127.0.0.1:*", directory=tmp_path) as process:
        push = socket(zmq.PUSH)
        push.connect(process.address())
        for number in range(3):
            push.send_string(str(number))
            assert process.readline() == b"%d\n" % number


def test_a_terminal_gets_nothing_that_controls_it(socket: MakeSocket, tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    push = socket(zmq.PUSH)
    process = subprocess.Popen(
        [*PYTHON, "-m", "zmq", "recv", "--connect", bind_any(push, "tcp"), "-n", "1", "--multipart", r"\t"],
        cwd=tmp_path,
        stdout=terminal,
    )
    try:
        push.send_multipart(["ä \x1b[31m\x9b".encode(), b"\xff\r\x00"])
        assert process.wait(30) == 0
        assert os.read(leader, 1000).decode() == "ä \\x1b[31m\\x9b\t\\xff\\r\\x00\r\n"
    finally:
        process.kill()
        os.close(leader)
        os.close(terminal)


def test_reader_that_has_enough(socket: MakeSocket, tmp_path: Path) -> None:
    with running("recv", "tcp://127.0.0.1:*", directory=tmp_path) as process:
        push = socket(zmq.PUSH)
        push.connect(process.address())
        assert process.popen.stdout is not None and process.popen.stderr is not None
        push.send(b"1")
        assert process.readline() == b"1\n"
        process.popen.stdout.close()
        push.send(b"2")
        assert process.popen.wait(30) == 141
        assert process.popen.stderr.read() == b""


def test_stream_talks_to_plain_tcp(socket: MakeSocket, tmp_path: Path) -> None:
    with plain.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with running("send", address, "--type", "stream", "-m", "hello", "-m", "you", directory=tmp_path) as process:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(30)
                got = b""
                while len(got) < 10:
                    got += connection.recv(100)
                assert got == b"hello\nyou\n"
            process.finish()


# ---------------------------------------------------------------- ends


def test_timeout_of_recv(tmp_path: Path) -> None:
    assert "no message within 0.1 s" in refusal("recv", "tcp://127.0.0.1:*", "--timeout", 0.1, directory=tmp_path, status=1)


def test_nobody_takes_it(tmp_path: Path) -> None:
    line = refusal("send", "tcp://127.0.0.1:9", "-m", "x", "--linger", 0.1, directory=tmp_path, status=1)
    assert "no peer took the last messages within 0.1 s" in line


def test_high_water_mark_waits(socket: MakeSocket, tmp_path: Path) -> None:
    line = refusal(
        "send", "tcp://127.0.0.1:9", "--hwm", 1, "-m", "1", "-m", "2", "-m", "3", "--timeout", 0.2, directory=tmp_path, status=1
    )
    assert "nothing could be sent for 0.2 s" in line
    # and goes on as soon as somebody takes them
    with running(
        "send", "--bind", "tcp://127.0.0.1:*", "--hwm", 2, "--repeat", "-m", "x", "-n", 500, directory=tmp_path
    ) as process:
        address = process.address()
        process.wait_until_asleep()
        pull = socket(zmq.PULL)
        pull.connect(address)
        assert [pull.recv() for _ in range(500)] == [b"x"] * 500
        process.finish()


def test_address_in_use(socket: MakeSocket, tmp_path: Path) -> None:
    address = bind_any(socket(zmq.PULL), "tcp")
    line = refusal("recv", address, directory=tmp_path, status=1)
    assert address in line and "in use" in line.lower() and "any free port" in line


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["recv"], "give an address"),
        (["recv", "localhost:5555"], "write tcp://localhost:5555"),
        (["recv", "tcp://localhost"], "has no port"),
        (["recv", "tcp://localhost:70000"], "ports end at 65535"),
        (["recv", "inproc://here"], "use ipc:// or tcp://"),
        (["recv", "htp://localhost:1"], "no transport of libzmq"),
        (["recv", "--connect", "tcp://*:1"], "* is for --bind"),
        (["recv", "ipc:///no/such/directory/socket"], "make the directory first"),
        (["recv", "tcp://127.0.0.1:*", "-n", "0"], "whole number from 1 on"),
        (["recv", "tcp://127.0.0.1:*", "-w", "-1"], "-w"),
        (["recv", "tcp://127.0.0.1:*", "-w", "nan"], "seconds"),
        (["recv", "tcp://127.0.0.1:*", "--json", "--raw"], "not allowed with"),
        (["recv", "tcp://127.0.0.1:*", "--raw", "--multipart", ","], "neither lines nor separators"),
        (["recv", "tcp://127.0.0.1:*", "-d", r"\q"], "unknown escape"),
        (["recv", "tcp://127.0.0.1:*", "-o", "no/such/file"], "cannot write no/such/file"),
        (["recv", "tcp://127.0.0.1:*", "--topic", "x"], "use the command sub"),
        (["recv", "tcp://127.0.0.1:*", "-O", "nonsense=1"], "zmq_setsockopt(3)"),
        (["recv", "tcp://127.0.0.1:*", "-O", "tcp_keepalive=maybe"], "whole number"),
        (["recv", "tcp://127.0.0.1:*", "-O", "tcp_keepalive=7"], "libzmq refuses"),
        (["send", "tcp://127.0.0.1:9", "-m", "@missing"], "cannot read missing"),
        (["send", "tcp://127.0.0.1:9", "--chunk", "1M"], "give both"),
        (["send", "tcp://127.0.0.1:9", "--chunk", "1X", "--raw"], "number of bytes"),
        (["send", "tcp://127.0.0.1:9", "--repeat"], "give both"),
        (["send", "tcp://127.0.0.1:9", "--topic", "x"], "use the command pub"),
        (["send", "tcp://127.0.0.1:9", "--to", "x"], "--type router"),
        (["send", "tcp://127.0.0.1:9", "--curve-server-key", "nokey"], "neither a file nor a key"),
        (["send", "tcp://127.0.0.1:9", "--curve-server"], "zmq keygen NAME"),
        (["send", "tcp://127.0.0.1:9", "--user", "me"], "NAME:PASSWORD"),
    ],
)
def test_wrong_arguments(arguments: list[str], hint: str, tmp_path: Path) -> None:
    line = refusal(*arguments, directory=tmp_path)
    assert hint in line and line.startswith(f"python -m zmq {arguments[0]}: ")


def test_options_reach_the_socket(socket: MakeSocket, tmp_path: Path) -> None:
    router = socket(zmq.ROUTER)
    with running(
        "send",
        bind_any(router, "tcp"),
        "--type",
        "dealer",
        "--identity",
        "me",
        "-O",
        "tcp_keepalive=1",
        "-6",
        "-m",
        "x",
        directory=tmp_path,
    ) as process:
        assert router.recv_multipart() == [b"me", b"x"]
        process.finish()


def test_closed_standard_streams(tmp_path: Path) -> None:
    command = " ".join(PYTHON)
    for line, status, text in (
        (f"{command} -m zmq send tcp://127.0.0.1:9 <&-", 2, "standard input is closed"),
        (f"{command} -m zmq recv tcp://127.0.0.1:* >&-", 2, "standard output is closed"),
    ):
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == status and text in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_version_and_no_command(tmp_path: Path) -> None:
    done = zmq_command("--version", directory=tmp_path)
    assert done.stdout == f"pyzmq {zmq.pyzmq_version()}, libzmq {zmq.zmq_version()}\n"
    assert "give a command" in refusal(directory=tmp_path)
