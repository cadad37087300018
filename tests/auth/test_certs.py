"""Certificates: what is written, who may read it, what is read back."""

from __future__ import annotations

import os
import stat
import string
import tempfile
from pathlib import Path

import pytest
import zmq
import zmq.auth
from hypothesis import given
from hypothesis import strategies as st
from zmq.auth import create_certificates, load_certificate, load_certificates
from zmq.auth.certs import _write_key_file
from zmq.utils import z85

from auth.peers import NEEDS_CURVE
from helpers import RunChild

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions")

KEYS = st.binary(min_size=32, max_size=32).map(z85.encode)


@NEEDS_CURVE
def test_a_pair_of_files(tmp_path: Path) -> None:
    public_file, secret_file = create_certificates(tmp_path, "me", {"name": "Me", "n": 1})
    assert (public_file, secret_file) == (str(tmp_path / "me.key"), str(tmp_path / "me.key_secret"))
    public, secret = load_certificate(secret_file)
    assert secret is not None
    assert zmq.curve_public(secret) == public
    assert load_certificate(public_file) == (public, None)
    assert load_certificates(str(tmp_path)) == {public: True}
    assert secret not in Path(public_file).read_bytes()
    assert "    name = Me\n    n = 1\ncurve\n" in Path(secret_file).read_text()


@NEEDS_CURVE
@POSIX
def test_secret_file_is_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        public_file, secret_file = create_certificates(tmp_path, "me")
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(secret_file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(public_file).st_mode) == 0o666


@NEEDS_CURVE
@POSIX
def test_replaced_file_keeps_neither_permissions_nor_links_of_the_old_one(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("of somebody else")
    (tmp_path / "me.key_secret").symlink_to(elsewhere)
    _, secret_file = create_certificates(tmp_path, "me")
    assert elsewhere.read_text() == "of somebody else"
    assert not os.path.islink(secret_file)
    os.chmod(secret_file, 0o644)
    first = load_certificate(secret_file)
    create_certificates(tmp_path, "me")
    assert stat.S_IMODE(os.stat(secret_file).st_mode) == 0o600
    assert load_certificate(secret_file) != first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "me.key", "me.key_secret"]


@NEEDS_CURVE
@POSIX
def test_secret_is_never_readable_by_others(run_child: RunChild) -> None:
    """Not even between two calls of the system: every file is opened with its final mode."""
    script = """
import os, stat, sys, tempfile
import zmq.auth
os.umask(0)
opened = []
def watch(event, args):
    if event == "open" and isinstance(args[0], str) and args[2] & os.O_CREAT and os.path.dirname(args[0]) == place:
        opened.append(args[0])
    if event == "os.chmod":
        raise SystemExit("permissions are changed afterwards")
place = tempfile.mkdtemp()
sys.addaudithook(watch)
zmq.auth.create_certificates(place, "me")
assert len(opened) == 2, opened
assert stat.S_IMODE(os.stat(place + "/me.key_secret").st_mode) == 0o600
"""
    run_child(script).ok()


@NEEDS_CURVE
def test_directory_must_exist(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        create_certificates(tmp_path / "nowhere", "me")
    with pytest.raises(OSError, match="nowhere"):
        load_certificates(tmp_path / "nowhere")
    with pytest.raises(OSError, match="nowhere"):
        load_certificate(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "curve\n", "# public-key = x\n", 'secret-key = "x"\n', "public-key\n", "public-key = \n"])
def test_without_a_public_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.key").write_text(text)
    with pytest.raises(ValueError, match="no public-key"):
        load_certificate(tmp_path / "bad.key")
    with pytest.raises(ValueError, match="no public-key"):
        load_certificates(tmp_path)


def test_empty_directory_and_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "me.key_secret").write_text("x")
    assert load_certificates(tmp_path) == {}


def test_a_file_of_czmq(tmp_path: Path) -> None:
    """ZPL: quotes of either kind or none, any indentation, comments."""
    (tmp_path / "a.key").write_text("#   ****  Generated  ****\n\nmetadata\ncurve\n\tpublic-key = 'abc=d'   \n")
    (tmp_path / "b.key").write_text("curve\n  public-key=xyz\n  secret-key =   \"s\"\n")
    assert load_certificate(tmp_path / "a.key") == (b"abc=d", None)
    assert load_certificate(tmp_path / "b.key") == (b"xyz", b"s")


def test_metadata_is_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one line"):
        _write_key_file(tmp_path / "x", "", b"p", b"s", {"name": 'x\ncurve\n    public-key = "other"'})
    assert list(tmp_path.iterdir()) == []


LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20)


@given(public=KEYS, secret=st.none() | KEYS, metadata=st.dictionaries(LINE, LINE, max_size=3), text=st.booleans())
def test_keys_come_back(public: bytes, secret: bytes | None, metadata: dict[str, str], text: bool) -> None:
    """Unless a name in the metadata is that of a key."""
    metadata = {f"m{key}": value for key, value in metadata.items()}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "one.key")
        written: tuple[str | bytes, str | bytes | None] = (public, secret)
        if text:
            written = (public.decode(), None if secret is None else secret.decode())
        _write_key_file(path, "# {0}\n\n", *written, metadata)
        assert load_certificate(path) == (public, secret)


@given(st.binary(max_size=200) | st.text(string.printable, max_size=200).map(str.encode))
def test_any_file_gives_a_key_or_a_value_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "one.key")
        path.write_bytes(content)
        try:
            public, _secret = load_certificate(path)
        except ValueError:
            return
        assert public in content
