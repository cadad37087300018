"""`python -m zmq keygen`."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import zmq
import zmq.auth

from cli.commands import refusal, zmq_command

pytestmark = pytest.mark.skipif(not zmq.has("curve"), reason="this libzmq has no CURVE")


def test_a_pair(tmp_path: Path) -> None:
    done = zmq_command("keygen", directory=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    (one, public), (two, secret) = (line.split() for line in done.stdout.splitlines())
    assert (one, two) == ("public", "secret")
    assert zmq.curve_public(secret) == public.encode()


def test_a_pair_as_json(tmp_path: Path) -> None:
    pair = json.loads(zmq_command("keygen", "--json", directory=tmp_path).stdout)
    assert zmq.curve_public(pair["secret"]).decode() == pair["public"]
    again = json.loads(zmq_command("keygen", "--json", "--secret", pair["secret"], directory=tmp_path).stdout)
    assert again == pair


def test_a_key_that_begins_with_a_dash(tmp_path: Path) -> None:
    """As one of 85 does: it is no option."""
    public, secret = zmq.curve_keypair()
    while not secret.startswith(b"-"):
        public, secret = zmq.curve_keypair()
    done = zmq_command("keygen", "--json", "--secret", secret.decode(), directory=tmp_path)
    assert json.loads(done.stdout) == {"public": public.decode(), "secret": secret.decode()}


def test_certificates(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    arguments = ("keygen", "server", "--directory", "keys", "--metadata", "email=me@example.com", "--json")
    done = zmq_command(*arguments, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout)
    public, secret = (tmp_path / files[name] for name in ("public", "secret"))
    assert {public.name, secret.name} == {"server.key", "server.key_secret"}
    if os.name == "posix":
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert zmq.auth.load_certificate(public)[1] is None
    assert zmq.auth.load_certificate(secret)[0] == zmq.auth.load_certificate(public)[0]
    assert "me@example.com" in secret.read_text()
    shown = zmq_command("keygen", "--secret", secret, directory=tmp_path)
    assert shown.stdout.split()[1].encode() == zmq.auth.load_certificate(public)[0]
    # no key is lost by accident
    before = secret.read_bytes()
    assert "exists" in refusal(*arguments, directory=tmp_path)
    assert secret.read_bytes() == before
    assert zmq_command(*arguments, "--force", directory=tmp_path).returncode == 0
    assert secret.read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--secret", "short"], "40 characters"),
        (["--secret", "~" * 40], "40 characters"),
        (["server", "--directory", "missing"], "make it first"),
        (["a/b"], "--directory"),
        (["--force"], "give a NAME"),
        (["server", "--metadata", "x"], "KEY=VALUE"),
        (["server", "--secret", "x"], "give a NAME for a new pair"),
    ],
)
def test_wrong_arguments(arguments: list[str], hint: str, tmp_path: Path) -> None:
    assert hint in refusal("keygen", *arguments, directory=tmp_path)
