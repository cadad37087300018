"""The package as a whole: names, versions, paths, and what an import loads."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
import zmq

from helpers import MakePair, RunChild


def test_every_name_in_all_exists() -> None:
    missing = [name for name in zmq.__all__ if not hasattr(zmq, name)]
    assert missing == []


@pytest.mark.parametrize(
    "name",
    """Context Socket Frame Message MessageTracker Poller Stopwatch ZMQError ZMQBaseError Again
    ContextTerminated ZMQBindError ZMQVersionError NotDone InterruptedSystemCall DraftFDWarning
    proxy proxy_steerable device select zmq_poll has curve_keypair curve_public strerror zmq_errno
    zmq_version zmq_version_info pyzmq_version pyzmq_version_info COPY_THRESHOLD DRAFT_API
    PYZMQ_DRAFT_API IPC_PATH_MAX_LEN get_includes SyncContext SyncSocket
    SocketType SocketOption ContextOption Flag PollEvent Event Errno MessageOption DeviceType
    SecurityMechanism RouterNotify ReconnectStop NormMode __version__ __revision__
    _FINISHED_TRACKER Enum IntEnum IntFlag PUSH POLLIN LINGER EAGAIN EVENT_ALL NOBLOCK""".split(),
)
def test_all_lists(name: str) -> None:
    assert name in zmq.__all__


def test_star_import_brings_the_constants() -> None:
    namespace: dict[str, object] = {}
    exec("from zmq import *", namespace)
    assert namespace["PUSH"] is zmq.PUSH
    assert namespace["Context"] is zmq.Context


def test_version_is_purely_numeric() -> None:
    assert all(part.isdigit() for part in zmq.__version__.split("."))


def test_version_functions_agree_with_the_version() -> None:
    assert zmq.pyzmq_version().split("+")[0] == zmq.__version__
    info = zmq.pyzmq_version_info()
    assert info[:3] == tuple(int(part) for part in zmq.__version__.split(".")[:3])


def test_libzmq_version_as_text_and_as_numbers() -> None:
    info = zmq.zmq_version_info()
    assert len(info) == 3
    assert zmq.zmq_version() == "{}.{}.{}".format(*info)
    assert info >= (4, 2, 0)


def test_message_is_frame() -> None:
    assert zmq.Message is zmq.Frame


def test_get_includes_names_the_package_directories() -> None:
    includes = zmq.get_includes()
    package = Path(zmq.__file__).parent
    assert len(includes) >= 2
    assert Path(includes[0]) == package.parent
    assert Path(includes[1]) == package / "utils"


def test_get_library_dirs_is_the_package_directory() -> None:
    (directory,) = zmq.get_library_dirs()
    assert Path(directory) == Path(zmq.__file__).parent


def test_ipc_path_limit_is_plausible() -> None:
    assert zmq.IPC_PATH_MAX_LEN == 0 or 30 < zmq.IPC_PATH_MAX_LEN < 1025


def test_draft_flags_are_bools_and_consistent() -> None:
    assert isinstance(zmq.DRAFT_API, bool)
    assert isinstance(zmq.PYZMQ_DRAFT_API, bool)
    assert zmq.DRAFT_API == (zmq.has("draft") and zmq.PYZMQ_DRAFT_API)


def test_stopwatch_warns_and_counts_microseconds() -> None:
    with pytest.warns(DeprecationWarning):
        watch = zmq.Stopwatch()
    watch.start()
    elapsed = watch.stop()
    assert isinstance(elapsed, int)
    assert 0 <= elapsed < 60_000_000


def test_default_copy_threshold() -> None:
    assert zmq.COPY_THRESHOLD == 65536


def test_assigned_copy_threshold_counts_for_later_objects(monkeypatch: pytest.MonkeyPatch, pair: MakePair) -> None:
    before, _ = pair(zmq.PUSH, zmq.PULL)
    monkeypatch.setattr(zmq, "COPY_THRESHOLD", 7)
    after, _ = pair(zmq.PUSH, zmq.PULL)
    assert before.copy_threshold == 65536
    assert after.copy_threshold == 7


def test_generic_classes_can_be_subscripted() -> None:
    assert zmq.Socket[bytes] is not None
    assert zmq.Context[zmq.Socket[bytes]] is not None


@pytest.mark.parametrize(
    "name",
    [
        "zmq.backend",
        "zmq.backend.cython",
        "zmq.backend.select",
        "zmq.constants",
        "zmq.error",
        "zmq.sugar",
        "zmq.sugar.socket",
        "zmq.sugar.context",
        "zmq.sugar.frame",
        "zmq.sugar.poll",
        "zmq.sugar.version",
        "zmq.utils",
        "zmq.utils.interop",
        "zmq.utils.jsonapi",
    ],
)
def test_import_zmq_alone_makes_available(run_child: RunChild, name: str) -> None:
    run_child(f"import zmq\nassert {name} is not None").ok()


def test_import_zmq_loads_no_event_loop_and_no_extra(run_child: RunChild) -> None:
    run_child(
        """
        import sys
        before = set(sys.modules)
        import zmq
        unwanted = {"asyncio", "tornado", "gevent", "anyio", "numpy", "inspect", "typing", "zmq.asyncio", "zmq.green",
                    "zmq.auth", "zmq.devices", "zmq.ssh", "zmq.log", "zmq.decorators", "zmq.curve_keygen",
                    "zmq.utils", "zmq.sugar", "zmq.backend", "zmq._core.capi"}
        loaded = unwanted & (set(sys.modules) - before)
        assert not loaded, loaded
        """
    ).ok()


def test_import_emits_no_warning(run_child: RunChild) -> None:
    run_child("import zmq", options=["-W", "error"]).ok()


def test_import_once_more_after_sys_modules_was_emptied(run_child: RunChild) -> None:
    run_child(
        """
        import sys, zmq
        for name in [name for name in sys.modules if name.partition(".")[0] == "zmq"]:
            del sys.modules[name]
        import zmq
        with zmq.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
            a.bind("inproc://x")
            b.connect("inproc://x")
            a.send(b"x")
            assert type(b.recv(copy=False)) is zmq.Frame
        """
    ).ok()


def test_old_module_names_lead_to_the_same_classes() -> None:
    assert zmq.sugar.socket.Socket is zmq.Socket
    assert zmq.sugar.context.Context is zmq.Context
    assert zmq.sugar.frame.Frame is zmq.Frame
    assert zmq.error.ZMQError is zmq.ZMQError


def test_backend_classes_are_bases_of_the_public_ones() -> None:
    assert issubclass(zmq.Socket, zmq.backend.Socket)
    assert issubclass(zmq.Context, zmq.backend.Context)
    assert issubclass(zmq.Frame, zmq.backend.Frame)


def test_has_answers_for_known_and_unknown_capabilities() -> None:
    for capability in ("ipc", "curve", "pgm", "norm", "gssapi", "draft", "WS", "nonsense"):
        assert isinstance(zmq.has(capability), bool)
    assert zmq.has("nonsense") is False


def test_curve_is_in_every_build() -> None:
    assert zmq.has("curve")


def test_has_wants_text() -> None:
    with pytest.raises(TypeError):
        zmq.has(b"curve")  # type: ignore[arg-type]


def test_zmq_errno_is_an_int() -> None:
    assert isinstance(zmq.zmq_errno(), int)


def test_strerror_has_text_for_library_errors() -> None:
    assert "state" in zmq.strerror(zmq.EFSM)
    assert "terminated" in zmq.strerror(zmq.ETERM)
    assert isinstance(zmq.strerror(123456), str)


def test_curve_keypair_is_z85_text_of_two_keys() -> None:
    public, secret = zmq.curve_keypair()
    z85 = re.compile(rb"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
    assert z85.fullmatch(public)
    assert z85.fullmatch(secret)
    assert public != secret
    assert zmq.curve_keypair() != (public, secret)


def test_curve_public_derives_the_public_key_from_bytes_and_text() -> None:
    public, secret = zmq.curve_keypair()
    assert zmq.curve_public(secret) == public
    assert zmq.curve_public(secret.decode()) == public


@pytest.mark.parametrize("length", [0, 1, 39, 41, 80])
def test_curve_public_wants_forty_characters(length: int) -> None:
    with pytest.raises(ValueError):
        zmq.curve_public(b"a" * length)


def test_curve_public_refuses_what_is_not_z85() -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.curve_public(b"~" * 40)
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize(
    "value",
    [zmq.PUSH, zmq.LINGER, zmq.Event.CONNECTED, zmq.Flag.DONTWAIT, zmq.Errno.EFSM],
    ids=str,
)
def test_constants_pickle_to_themselves(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) is value or value == pickle.loads(pickle.dumps(value))
