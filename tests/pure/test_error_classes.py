"""zmq.error without sockets: construction, texts, pickling, and which class an errno becomes."""

from __future__ import annotations

import errno
import pickle
from copy import copy

import pytest
from zmq import error
from zmq.constants import EAGAIN, ETERM, Errno

ALL_ERRORS = [
    error.ZMQError(errno.EINVAL),
    error.ZMQError(errno.EINVAL, "mine"),
    error.ZMQError("only text"),
    error.Again(),
    error.ContextTerminated(),
    error.InterruptedSystemCall(),
    error.ThreadError(),
    error.ThreadError("mine"),
    error.ForkedError(),
    error.ZMQBindError("no port"),
    error.NotDone("not yet"),
    error.ZMQVersionError("9.9", "Teleport"),
    error.ZMQVersionError((9, 9)),
    error.DraftFDWarning(),
]


@pytest.mark.parametrize("one", ALL_ERRORS, ids=repr)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_survives_pickling(one: Exception, protocol: int) -> None:
    twin = pickle.loads(pickle.dumps(one, protocol))
    assert (type(twin), str(twin), repr(twin)) == (type(one), str(one), repr(one))
    assert vars(twin) == vars(one)
    assert str(copy(one)) == str(one)


def test_changed_text_survives_pickling() -> None:
    one = error.ZMQError(errno.EADDRINUSE)
    one.strerror += " (addr='tcp://a:1')"
    assert str(pickle.loads(pickle.dumps(one))) == one.strerror


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EAGAIN, error.Again),
        (Errno.ETERM, error.ContextTerminated),
        (errno.EINTR, error.InterruptedSystemCall),
        (errno.EINVAL, error.ZMQError),
        (0, error.ZMQError),
        (-7, error.ZMQError),
        (10**6, error.ZMQError),
    ],
)
def test_error_for(number: int, kind: type[error.ZMQError]) -> None:
    made = error.error_for(number)
    assert type(made) is kind
    assert made.errno == number
    assert made.strerror
    assert error.error_for(number, "mine").strerror == "mine"


def test_errnos_of_special_classes_are_members() -> None:
    assert error.Again().errno is EAGAIN
    assert error.ContextTerminated("ignored", "too").errno is ETERM


def test_interrupted_is_caught_as_the_builtin() -> None:
    with pytest.raises(InterruptedError) as caught:
        raise error.InterruptedSystemCall
    assert caught.value.errno == errno.EINTR
    assert "bug" in str(caught.value)


def test_misuse_errors_say_what_to_do() -> None:
    assert error.ThreadError().errno == errno.EBUSY
    assert "lock" in str(error.ThreadError())
    assert error.ForkedError().errno == errno.EPERM
    assert "after the fork" in str(error.ForkedError())


def test_check_rc() -> None:
    error._check_rc(0)
    error._check_rc(5, errno.EINVAL)
    error._check_rc(-1, 0, error_without_errno=False)
    with pytest.raises(error.ZMQError):
        error._check_rc(-1, 0)
    with pytest.raises(error.Again):
        error._check_rc(-1, errno.EAGAIN)


def test_version_error_writes_tuples_as_versions() -> None:
    one = error.ZMQVersionError((9, 9), "Teleport")
    assert one.min_version == (9, 9)
    assert str(one) == f"Teleport requires libzmq >= 9.9, have {one.version}"


def test_every_public_class_is_listed() -> None:
    classes = {
        name
        for name, value in vars(error).items()
        if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("_")
    }
    assert set(error.__all__) == classes


@pytest.mark.parametrize("name", error.__all__)
def test_docstring_is_a_sentence(name: str) -> None:
    first = (getattr(error, name).__doc__ or "").splitlines()[0]
    assert first.endswith(".")
