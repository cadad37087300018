"""zmq.log: what a PUBHandler publishes, and the command that shows it."""

from __future__ import annotations

import logging
import logging.config
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.log.handlers import TOPIC_DELIM, PUBHandler, TopicLogger

from helpers import Background, MakeSocket, RunChild, child_process, fresh_inproc, join_subscription, wait_until


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.Logger("test", logging.DEBUG)  # not in the registry of all loggers
    yield made
    for handler in made.handlers:
        handler.close()


class Reader:
    """A handler on an inproc address, and a subscriber of all that it publishes."""

    def __init__(self, ctx: zmq.SyncContext, socket: MakeSocket, logger: logging.Logger, **kwargs: Any) -> None:
        address = fresh_inproc()
        self.handler = PUBHandler(address, ctx, **kwargs)
        self.sub = socket(zmq.SUB)
        self.sub.connect(address)
        join_subscription(self.handler.socket, self.sub)
        logger.addHandler(self.handler)

    def get(self) -> tuple[str, str]:
        topic, text = self.sub.recv_multipart()
        return topic.decode(), text.decode()


@pytest.fixture
def reader(ctx: zmq.SyncContext, socket: MakeSocket, logger: logging.Logger) -> Reader:
    return Reader(ctx, socket, logger)


def test_topic_and_text(reader: Reader, logger: logging.Logger) -> None:
    logger.info("hello %s", "you")
    assert reader.get() == ("INFO", "hello you\n")
    reader.handler.root_topic = "root"
    logger.info("part::hello")
    assert reader.get() == ("root.INFO.part", "hello\n")
    logger.info(f"a{TOPIC_DELIM}b::c")
    assert reader.get() == ("root.INFO.a", "b::c\n")
    logger.info("::nothing before it")
    assert reader.get() == ("root.INFO", "nothing before it\n")
    reader.handler.setRootTopic("é".encode())
    assert reader.handler.root_topic == "é"
    logger.info("ü::ß")
    assert reader.get() == ("é.INFO.ü", "ß\n")


def test_a_message_may_be_any_object(reader: Reader, logger: logging.Logger) -> None:
    class Thing:
        def __str__(self) -> str:
            return "part::thing"

    logger.info(Thing())
    assert reader.get() == ("INFO.part", "thing\n")


def test_default_formats_name_the_place(reader: Reader, logger: logging.Logger) -> None:
    for level in ("DEBUG", "WARNING", "CRITICAL"):
        getattr(logger, level.lower())("text")
        topic, text = reader.get()
        assert topic == level
        assert text.startswith(f"{level} test_log.py:")
        assert text.endswith(" - text\n")
    try:
        raise LookupError("why")
    except LookupError:
        logger.exception("text")
    topic, text = reader.get()
    assert topic == "ERROR"
    assert "LookupError('why')" in text
    assert "Traceback" in text


def test_formatters_of_one_level_and_of_all(reader: Reader, logger: logging.Logger) -> None:
    reader.handler.setFormatter(logging.Formatter("<%(message)s>"), logging.DEBUG)
    logger.debug("x")
    logger.info("x")
    assert [reader.get()[1] for _ in range(2)] == ["<x>", "x\n"]
    reader.handler.setFormatter(logging.Formatter("[%(message)s]"))
    logger.debug("x")
    logger.critical("x")
    assert [reader.get()[1] for _ in range(2)] == ["[x]", "[x]"]


def test_a_level_between_is_formatted_as_the_one_below(reader: Reader, logger: logging.Logger) -> None:
    logger.log(logging.INFO + 3, "x")
    assert reader.get() == ("Level 23", "x\n")


def test_other_handlers_see_the_record_as_it_was(reader: Reader, logger: logging.Logger) -> None:
    seen = []

    class Other(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.msg)

    logger.addHandler(Other())
    logger.info("part::x")
    assert seen == ["part::x"]


def test_a_subclass_may_have_a_root_topic_that_cannot_be_set(ctx: zmq.SyncContext, socket: MakeSocket) -> None:
    """As ipykernel's and ipyparallel's EnginePUBHandler."""

    class Engine(PUBHandler):
        @property
        def root_topic(self) -> str:  # type: ignore[override]
            return "engine.7"

    address = fresh_inproc()
    handler = Engine(address, ctx)
    sub = socket(zmq.SUB)
    sub.connect(address)
    join_subscription(handler.socket, sub)
    handler.emit(logging.makeLogRecord({"msg": "x", "levelno": 20, "levelname": "INFO"}))
    assert sub.recv_multipart() == [b"engine.7.INFO", b"x\n"]
    handler.close()


def test_what_goes_wrong_is_logging_s_business(
    ctx: zmq.SyncContext, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = []
    handler = PUBHandler(fresh_inproc(), ctx)
    monkeypatch.setattr(handler, "handleError", failed.append)
    logger.addHandler(handler)
    handler.close()
    logger.info("x")
    assert [record.msg for record in failed] == ["x"]


# ---------------------------------------------------------------- sockets and contexts


def test_a_given_socket_is_used_and_left_open(ctx: zmq.SyncContext) -> None:
    with ctx.socket(zmq.PUB) as pub:
        handler = PUBHandler(pub)
        assert (handler.socket, handler.ctx) == (pub, ctx)
        handler.close()
        assert not pub.closed


def test_a_socket_in_a_given_context(ctx: zmq.SyncContext) -> None:
    handler = PUBHandler(fresh_inproc(), ctx)
    assert handler.ctx is ctx
    handler.close()
    assert handler.socket.closed
    assert not ctx.closed


def test_a_context_of_its_own() -> None:
    handler = PUBHandler("tcp://127.0.0.1:*")
    assert handler.ctx is not zmq.Context._instance
    handler.close()
    assert handler.ctx.closed
    handler.close()


def test_nothing_is_left_when_the_address_is_taken() -> None:
    first = PUBHandler("tcp://127.0.0.1:*")
    with pytest.raises(zmq.ZMQError):
        PUBHandler(first.socket.last_endpoint.decode())
    first.close()


def test_neither_address_nor_socket() -> None:
    with pytest.raises(TypeError, match="address"):
        PUBHandler(5)


def test_configured_by_a_dict(run_child: RunChild) -> None:
    child = run_child(
        """
        import logging.config, sys, zmq
        logging.config.dictConfig({
            "version": 1,
            "handlers": {
                "zmq": {"class": "zmq.log.handlers.PUBHandler", "interface_or_socket": "tcp://127.0.0.1:*", "root_topic": "app"}
            },
            "root": {"level": "DEBUG", "handlers": ["zmq"]},
        })
        (handler,) = logging.getLogger().handlers
        with zmq.Context() as context, context.socket(zmq.SUB) as sub:
            sub.subscribe("app.WARNING")
            sub.rcvtimeo = 10
            sub.connect(handler.socket.last_endpoint)
            while True:
                logging.info("not this")
                logging.warning("hello")
                try:
                    print(sub.recv_multipart()[0].decode())
                    break
                except zmq.Again:
                    pass
        """,
        options=["-W", "error"],
    ).ok()
    assert child.out == "app.WARNING\n"


def test_the_last_record_before_the_end_arrives(ctx: zmq.SyncContext, socket: MakeSocket, tmp_path: Path) -> None:
    script = """
        import logging, sys, time, zmq
        from zmq.log.handlers import PUBHandler
        context = zmq.Context()
        pub = context.socket(zmq.XPUB)
        address = sys.argv[1]
        handler = PUBHandler("tcp://127.0.0.1:*")
        logging.getLogger().addHandler(handler)
        print(handler.socket.last_endpoint.decode(), flush=True)
        input()
        while True:
            logging.warning("probe")
            if sys.stdin in __import__("select").select([sys.stdin], [], [], 0.01)[0]:
                break
        logging.error("the last words")
        """
    with child_process(tmp_path, script, "x") as child:
        sub = socket(zmq.SUB)
        sub.subscribe("")
        sub.connect(child.readline())
        assert child.popen.stdin is not None
        child.popen.stdin.write("go\n")
        child.popen.stdin.flush()
        assert sub.recv_multipart()[0] == b"WARNING"
        child.popen.stdin.write("end\n")
        child.popen.stdin.flush()
        wait_until(lambda: sub.recv_multipart()[0] == b"ERROR", what="the last words")
        child.finish()


# ---------------------------------------------------------------- TopicLogger


@pytest.mark.parametrize(
    ("method", "level"),
    [("debug", "DEBUG"), ("info", "INFO"), ("warn", "WARNING"), ("warning", "WARNING"), ("error", "ERROR"),
     ("critical", "CRITICAL"), ("fatal", "CRITICAL"), ("exception", "ERROR")],
)  # fmt: skip
def test_methods_of_a_topic_logger(ctx: zmq.SyncContext, socket: MakeSocket, method: str, level: str) -> None:
    logger = TopicLogger("test", logging.DEBUG)
    reader = Reader(ctx, socket, logger, root_topic=b"root")
    reader.handler.setFormatter(logging.Formatter("%(filename)s %(funcName)s %(message)s"))
    getattr(logger, method)("part", "number %d", 5)
    topic, text = reader.get()
    assert topic == f"root.{level}.part"
    assert text.startswith("test_log.py test_methods_of_a_topic_logger number 5")
    logger.log(logging.INFO, "other", "number %d", 6)
    assert reader.get() == ("root.INFO.other", "test_log.py test_methods_of_a_topic_logger number 6")
    reader.handler.close()


# ---------------------------------------------------------------- python -m zmq.log


class Watching:
    """`python -m zmq.log` on a PUB socket, once it has subscribed."""

    def __init__(self, ctx: zmq.SyncContext, *args: str) -> None:
        self.pub = ctx.socket(zmq.XPUB)
        self.pub.rcvtimeo = 30_000
        port = self.pub.bind_to_random_port("tcp://127.0.0.1")
        command = [sys.executable, "-m", "zmq.log", f"tcp://127.0.0.1:{port}", *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(max(1, args.count("-t"))):
            assert self.pub.recv()[:1] == b"\x01"

    def send(self, topic: str, text: str) -> None:
        self.pub.send_multipart([topic.encode(), text.encode()])

    def line(self) -> str:
        assert self.process.stdout is not None
        return str(Background(self.process.stdout.readline).result())

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        self.pub.close(0)
        return self.process.returncode, out + err


posix = pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")


@posix
def test_command_shows_records_and_ends_with_ctrl_c(ctx: zmq.SyncContext) -> None:
    watching = Watching(ctx)
    watching.send("app.INFO", "hello\n")
    assert watching.line() == "app.INFO | hello\n"
    assert watching.end() == (0, "")


@posix
def test_command_with_all_its_options(ctx: zmq.SyncContext) -> None:
    watching = Watching(
        ctx,
        "-t",
        "app.",
        "-t",
        "db.",
        "--level",
        "WARNING",
        "--align",
        "--color",
        "--separator",
        " -- ",
        "--timestamp",
        "--dateformat",
        "day",
    )
    watching.send("app.INFO", "not this")
    watching.send("other.ERROR", "nor this")
    watching.send("app.ERROR.part", "first")
    watching.send("db.ERROR", "second")
    watching.send("app.unknown", "third")
    assert watching.line() == "\033[31mday app.ERROR.part -- first\033[0m\n"
    assert watching.line() == "\033[31mday db.ERROR       -- second\033[0m\n"
    assert watching.line() == "day app.unknown    -- third\n"
    assert watching.end() == (0, "")


def run_command(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "zmq.log", *args], capture_output=True, text=True, timeout=60)


def test_command_explains_itself() -> None:
    done = run_command("--help")
    assert done.returncode == 0
    assert "python -m zmq.log tcp://127.0.0.1:5558" in done.stdout


def test_command_refuses_a_bad_address() -> None:
    done = run_command("nonsense://")
    assert done.returncode == 1
    assert done.stderr.startswith("python -m zmq.log: ")
    assert "Traceback" not in done.stderr
