"""The socket of a command: made as its arguments say, and ended so that what was sent arrives."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENODEV, ENOENT, EPROTONOSUPPORT

import zmq

from . import CommandError, CommandFailed, note
from .arguments import BINDS

_KEY = re.compile(rb"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


#: Contexts given up because of Ctrl-C while peers are still to take messages: terminating one would wait for them.
_ABANDONED: list[zmq.SyncContext] = []


@contextlib.contextmanager
def opened(args: argparse.Namespace, kind: zmq.SocketType) -> Iterator[zmq.SyncSocket]:
    """A socket with its addresses; at the end, wait as --linger says until peers have taken everything.

    Raises:
        CommandError: no address, or arguments that libzmq refuses. CommandFailed: it cannot bind, or time ran out.
    """
    binds, connects = addresses(args, kind)
    with context_of(args) as context, authenticating(context, args):
        socket = context.socket(kind)
        configure(socket, args)
        attach(socket, binds, connects, quiet=args.quiet)
        yield socket


@contextlib.contextmanager
def context_of(args: argparse.Namespace) -> Iterator[zmq.SyncContext]:
    """A context; its sockets end as --linger says, and at once after an error or Ctrl-C."""
    linger = args.timeout if args.linger is None else args.linger
    context: zmq.SyncContext = zmq.Context()
    try:
        yield context
    except BaseException:
        context.destroy(linger=0)
        raise
    began = time.monotonic()
    try:
        context.destroy(linger=-1 if linger is None else milliseconds(linger))
    except KeyboardInterrupt:
        _ABANDONED.append(context)
        raise
    # libzmq drops what is left without a word
    if linger and time.monotonic() - began >= linger:
        raise CommandFailed(
            f"no peer took the last messages within {linger:g} s: is one there, and of the right type? (--linger waits longer)"
        )


def addresses(args: argparse.Namespace, kind: zmq.SocketType) -> tuple[list[str], list[str]]:
    """What to bind and what to connect."""
    binds, connects = list(args.bind), list(args.connect)
    (binds if kind.name.lower() in BINDS else connects).extend(args.addresses)
    if not binds and not connects:
        raise CommandError("give an address, such as tcp://localhost:5555 or ipc:///tmp/here")
    return binds, connects


def attach(socket: zmq.SyncSocket, binds: Sequence[str], connects: Sequence[str], quiet: bool) -> None:
    """Bind and connect; a note tells the address behind a wildcard."""
    for address in binds:
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            raise _bind_error(address, error) from None
        if "*" in address or address.endswith((":0", ":!")):
            found = socket.getsockopt(zmq.LAST_ENDPOINT)
            assert isinstance(found, bytes)
            if not quiet:
                note(f"bound to {found.decode()}")
    for address in connects:
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            hint = "; * is for --bind: name the peer's host and port" if "*" in address else _hint(address, error)
            raise CommandError(f"cannot connect to {address}: {zmq.strerror(error.errno or 0)}{hint}") from None


def _bind_error(address: str, error: zmq.ZMQError) -> Exception:
    text = f"cannot bind to {address}: {zmq.strerror(error.errno or 0)}{_hint(address, error)}"
    ours = error.errno in (EINVAL, EPROTONOSUPPORT, ENODEV, ENOENT)
    return CommandError(text) if ours else CommandFailed(text)


def _hint(address: str, error: zmq.ZMQError) -> str:
    if error.errno == EADDRINUSE:
        return "; stop who uses it, or choose another (tcp://*:* for any free port)"
    if error.errno in (ENODEV, EADDRNOTAVAIL):
        return "; a server binds to an address or interface of this machine, or to * for all; --connect reaches other machines"
    if error.errno == EPROTONOSUPPORT:
        return f"; this libzmq has no {address.partition('://')[0]}, or this type of socket cannot use it"
    if error.errno == ENOENT:
        return "; make the directory first"
    if error.errno == EACCES:
        return "; choose a port above 1023, or a directory that you may write to"
    return ""


def configure(socket: zmq.SyncSocket, args: argparse.Namespace) -> None:
    """Set the options, before any address."""
    if args.timeout is not None:
        socket.rcvtimeo = socket.sndtimeo = milliseconds(args.timeout)
    if args.hwm is not None:
        socket.set_hwm(args.hwm)
    if args.ipv6:
        socket.ipv6 = True
    if args.conflate:
        socket.conflate = True
    if args.identity is not None:
        _set(socket, zmq.ROUTING_ID, args.identity)
    secure(socket, args)
    for number, value in args.option:
        _set(socket, number, value)


def milliseconds(seconds: float) -> int:
    """Rounded up, so that a short time is not none."""
    return -int(-seconds * 1000 // 1)


def _set(socket: zmq.SyncSocket, number: int, value: int | bytes) -> None:
    try:
        socket.set(number, value)
    except zmq.ZMQError as error:
        raise CommandError(
            f"libzmq refuses {value!r} for {zmq.SocketOption(number).name.lower()} on this type of socket: {error}"
        ) from None


# ---------------------------------------------------------------- security


def secure(socket: zmq.SyncSocket, args: argparse.Namespace) -> None:
    """CURVE or PLAIN, as the arguments of arguments.add_security() say."""
    curve = args.curve_server or args.curve_server_key or args.curve_key or args.curve_secret_key or args.curve_allow
    plain = args.user or args.plain_allow
    if curve and plain:
        raise CommandError("a socket has one kind of security: give CURVE's options or PLAIN's")
    if plain:
        if args.user and args.plain_allow:
            raise CommandError("--user is for a client and --plain-allow for a server: give one")
        if args.user:
            name, password = name_and_password(args.user)
            socket.plain_username, socket.plain_password = name.encode(), password.encode()
        else:
            socket.plain_server = True
    if not curve:
        return
    if not zmq.has("curve"):
        raise CommandError("this libzmq has no CURVE: build it with libsodium")
    public, secret = own_keys(args)
    if args.curve_server or args.curve_allow:
        if args.curve_server_key:
            raise CommandError("--curve-server-key is for a client and --curve-server for a server: give one")
        if secret is None:
            raise CommandError("a CURVE server needs its key: --curve-key NAME.key_secret (python -m zmq keygen NAME makes one)")
        socket.curve_server = True
        socket.curve_secretkey = secret
        return
    if not args.curve_server_key:
        raise CommandError(
            "a CURVE client needs the server's public key: --curve-server-key KEY or FILE (a server: --curve-server)"
        )
    socket.curve_serverkey = public_key(args.curve_server_key)
    if public is None or secret is None:
        public, secret = zmq.curve_keypair()
    socket.curve_publickey, socket.curve_secretkey = public, secret


def own_keys(args: argparse.Namespace) -> tuple[bytes | None, bytes | None]:
    """Our public and secret key, None where none was given."""
    if args.curve_key and args.curve_secret_key:
        raise CommandError("--curve-key and --curve-secret-key both are our own key: give one")
    if args.curve_key:
        public, secret = certificate(args.curve_key)
        if secret is None:
            raise CommandError(f"{args.curve_key} has no secret key: give the file that ends in .key_secret")
        return public, secret
    if args.curve_secret_key:
        secret = os.fsencode(args.curve_secret_key)
        if not _KEY.fullmatch(secret):
            raise CommandError("--curve-secret-key: a key is 40 characters of Z85; python -m zmq keygen prints a pair")
        return zmq.curve_public(secret), secret
    return None, None


def public_key(text: str) -> bytes:
    """A public key given as itself or as a certificate file."""
    plain = os.fsencode(text)
    if _KEY.fullmatch(plain) and not os.path.exists(text):
        return plain
    if not os.path.exists(text):
        raise CommandError(f"{text!r} is neither a file nor a key of 40 characters")
    return certificate(text)[0]


def certificate(path: str) -> tuple[bytes, bytes | None]:
    """The keys of a certificate file."""
    from zmq.auth import load_certificate

    try:
        return load_certificate(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(f"cannot read a certificate from {path}: {reason}") from None


def name_and_password(text: str) -> tuple[str, str]:
    """The two halves of NAME:PASSWORD."""
    name, _, password = text.partition(":")
    if not name or not password:
        raise CommandError("a user is given as NAME:PASSWORD, and neither may be empty")
    return name, password


@contextlib.contextmanager
def authenticating(context: zmq.SyncContext, args: argparse.Namespace) -> Iterator[None]:
    """Answer libzmq's questions about clients (RFC 27) while a server runs that allows some only."""
    if not args.curve_allow and not args.plain_allow:
        yield
        return
    keys = [key for text in args.curve_allow for key in allowed_keys(text)]
    passwords = dict(name_and_password(text) for text in args.plain_allow)
    from zmq.auth.thread import ThreadAuthenticator

    guard = ThreadAuthenticator(context)
    if passwords:
        guard.configure_plain("*", passwords)
    else:
        guard.configure_curve_callback("*", _Allowed(keys))
    guard.start()
    try:
        yield
    finally:
        guard.stop()


class _Allowed:
    """What ThreadAuthenticator asks about a CURVE client."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = frozenset(keys)

    def callback(self, domain: str, key: bytes) -> bool:
        return key in self._keys


def allowed_keys(text: str) -> list[bytes]:
    """The public keys of --curve-allow: a key, a file, or every .key file of a directory."""
    if not os.path.isdir(text):
        return [public_key(text)]
    files = sorted(name for name in os.listdir(text) if name.endswith(".key"))
    if not files:
        raise CommandError(f"no .key files in {text}")
    return [certificate(os.path.join(text, name))[0] for name in files]
