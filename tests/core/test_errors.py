"""Exception classes: construction, texts, bases, and where libzmq's errors go."""

from __future__ import annotations

import errno
import gc
import pickle
import sys
import weakref
from collections.abc import Callable

import pytest
import zmq
import zmq.error

from helpers import MakePair, MakeSocket, let_go


def test_class_tree() -> None:
    assert issubclass(zmq.ZMQError, zmq.ZMQBaseError)
    assert issubclass(zmq.ZMQBindError, zmq.ZMQBaseError)
    assert issubclass(zmq.NotDone, zmq.ZMQBaseError)
    assert issubclass(zmq.Again, zmq.ZMQError)
    assert issubclass(zmq.ContextTerminated, zmq.ZMQError)
    assert issubclass(zmq.InterruptedSystemCall, zmq.ZMQError)
    assert issubclass(zmq.InterruptedSystemCall, InterruptedError)
    assert issubclass(zmq.ZMQVersionError, NotImplementedError)
    assert issubclass(zmq.DraftFDWarning, RuntimeWarning)


def test_zmqerror_is_no_oserror() -> None:
    assert not issubclass(zmq.ZMQError, OSError)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EAGAIN, zmq.EFSM, zmq.ETERM])
def test_text_comes_from_strerror(number: int) -> None:
    error = zmq.ZMQError(number)
    assert error.errno == number
    assert error.strerror == zmq.strerror(number)
    assert str(error) == zmq.strerror(number)


def test_own_text_replaces_the_library_text() -> None:
    error = zmq.ZMQError(errno.EINVAL, "mine")
    assert error.errno == errno.EINVAL
    assert str(error) == "mine"


def test_repr_names_class_and_text() -> None:
    assert repr(zmq.ZMQError(errno.EINVAL)) == "ZMQError('Invalid argument')"
    assert repr(zmq.Again()).startswith("Again('")


def test_errno_that_is_no_int_becomes_the_text() -> None:
    error = zmq.ZMQError("went wrong")
    assert error.errno is None
    assert str(error) == "went wrong"


def test_no_errno_takes_the_current_one() -> None:
    assert isinstance(zmq.ZMQError().errno, int)


def test_strerror_can_be_extended() -> None:
    error = zmq.ZMQError(errno.EINVAL)
    assert error.strerror is not None
    error.strerror += " here"
    assert str(error).endswith(" here")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (zmq.Again, errno.EAGAIN),
        (zmq.ContextTerminated, zmq.ETERM),
        (zmq.InterruptedSystemCall, errno.EINTR),
    ],
)
def test_special_classes_fix_their_errno(kind: type[zmq.ZMQError], number: int) -> None:
    assert kind().errno == number
    assert kind(99, "ignored").errno == number


@pytest.mark.parametrize(
    "error",
    [zmq.ZMQError(errno.EINVAL), zmq.ZMQError(errno.EINVAL, "mine"), zmq.Again()],
    ids=repr,
)
def test_errors_pickle(error: zmq.ZMQError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (copy.errno, str(copy)) == (error.errno, str(error))


def test_version_error_says_wanted_and_found() -> None:
    error = zmq.ZMQVersionError((99, 1), "Teleport")
    assert error.msg == "Teleport"
    assert error.min_version == (99, 1)
    assert error.version == zmq.zmq_version()
    assert "Teleport" in str(error)
    assert "99" in str(error)
    assert zmq.zmq_version() in str(error)


def test_check_version_raises_only_when_too_old() -> None:
    zmq.error._check_version((3, 0))
    with pytest.raises(zmq.ZMQVersionError):
        zmq.error._check_version((99, 0), "Teleport")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EAGAIN, zmq.Again),
        (zmq.ETERM, zmq.ContextTerminated),
        (errno.EINTR, zmq.InterruptedSystemCall),
        (errno.EINVAL, zmq.ZMQError),
    ],
)
def test_check_rc_maps_errno_to_class(number: int, kind: type[zmq.ZMQError]) -> None:
    zmq.error._check_rc(0, number)
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.error._check_rc(-1, number)
    assert type(caught.value) is kind
    assert caught.value.errno == number


def test_nothing_to_receive_is_again(socket: MakeSocket) -> None:
    with pytest.raises(zmq.Again) as caught:
        socket(zmq.PULL).recv(zmq.DONTWAIT)
    assert caught.value.errno == zmq.EAGAIN


def test_wrong_state_is_efsm(socket: MakeSocket) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        socket(zmq.REQ).recv(zmq.DONTWAIT)
    assert caught.value.errno == zmq.EFSM


def test_wrong_direction_is_enotsup(socket: MakeSocket) -> None:
    for action in (lambda: socket(zmq.PUSH).recv(), lambda: socket(zmq.PULL).send(b"")):
        with pytest.raises(zmq.ZMQError) as caught:
            action()
        assert caught.value.errno == zmq.ENOTSUP


def test_draft_fd_warning_has_a_default_text() -> None:
    assert str(zmq.DraftFDWarning()) != ""
    assert str(zmq.DraftFDWarning("mine")) == "mine"


def test_misuse_errors_of_this_package_are_zmqerrors() -> None:
    assert issubclass(zmq.ThreadError, zmq.ZMQError)
    assert issubclass(zmq.ForkedError, zmq.ZMQError)
    assert zmq.ThreadError().errno == errno.EBUSY
    assert zmq.ForkedError().errno == errno.EPERM


def test_args_of_what_libzmq_reports_are_the_number(socket: MakeSocket) -> None:
    pull = socket(zmq.PULL)
    with pytest.raises(zmq.ZMQError) as refused:
        pull.get(9999)
    assert refused.value.args == (zmq.EINVAL,)
    with pytest.raises(zmq.Again) as nothing:
        pull.recv(zmq.DONTWAIT)
    assert nothing.value.args == (zmq.EAGAIN,)
    assert pickle.loads(pickle.dumps(nothing.value)).errno == zmq.EAGAIN


def nothing_there(a: zmq.SyncSocket, b: zmq.SyncSocket) -> None:
    with pytest.raises(zmq.Again):
        b.recv(zmq.DONTWAIT)


def no_frame(a: zmq.SyncSocket, b: zmq.SyncSocket) -> None:
    with pytest.raises(TypeError):
        a.send_multipart([b"x", 1])


#: Calls that have a `try` on their way.
CALLS: dict[str, Callable[[zmq.SyncSocket, zmq.SyncSocket], object]] = {
    "send": lambda a, b: a.send(b"x"),
    "send frames": lambda a, b: a.send_multipart([b"x", zmq.Frame(b"y")], copy=False),
    "receive": lambda a, b: (a.send(b"x"), b.recv_multipart(copy=False)),
    "an option": lambda a, b: setattr(a, "linger", a.linger),
    "nothing there": nothing_there,
    "no frame": no_frame,
}


@pytest.mark.parametrize("call", CALLS)
def test_call_while_an_exception_is_handled(pair: MakePair, call: str) -> None:
    """It stays the one that is handled, with its traceback, and ends afterwards, though a frame of its traceback names it."""

    class Failure(LookupError):
        pass  # its objects can have weak references

    a, b = pair()
    ended: list[weakref.ref[Failure]] = []

    def fail() -> None:
        error = Failure()
        ended.append(weakref.ref(error))
        raise error

    def handle() -> None:
        try:
            fail()
        except LookupError:
            before = sys.exc_info()
            CALLS[call](a, b)
            assert sys.exc_info() == before
            raise

    for _ in range(20):
        try:
            handle()
        except LookupError as error:
            trace = error.__traceback__
            names = []
            while trace is not None:
                names.append(trace.tb_frame.f_code.co_name)
                trace = trace.tb_next
            assert names == ["test_call_while_an_exception_is_handled", "handle", "fail"]
    gc.collect()
    let_go()
    let_go()
    assert [failure() for failure in ended] == [None] * 20
