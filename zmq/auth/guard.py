"""What zmq.Context.auth returns: an authenticator with one rule for everybody, ended by its context."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from inspect import isawaitable

from ..constants import Errno
from ..error import ZMQError
from ..utils import z85
from .base import CURVE_ALLOW_ANY
from .certs import load_certificate, load_certificates
from .thread import ThreadAuthenticator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any

    from typing_extensions import Self

    _Answer = bool | str | None
    _Allow = str | os.PathLike[str] | bytes | Iterable[str | bytes] | Callable[[str], _Answer | Awaitable[_Answer]]
    _Passwords = Mapping[str, str] | Callable[[str, str], _Answer | Awaitable[_Answer]]

__all__ = ["Guard"]


class Guard(ThreadAuthenticator):
    """Decides who may connect to the sockets of a context; see zmq.Context.auth, which makes and starts it.

    Args:
        context, allow, passwords, addresses, deny, log: as for zmq.Context.auth.

    It ends with its context, with stop(), or with its ``with`` block.
    """

    def __init__(
        self,
        context: Any,
        allow: _Allow | None = None,
        passwords: _Passwords | None = None,
        addresses: Iterable[str] = (),
        deny: Iterable[str] = (),
        log: Any = None,
    ) -> None:
        super().__init__(context, log=log)
        if isinstance(addresses, str) or isinstance(deny, str):
            raise TypeError("addresses and deny are lists of addresses, not one address")
        for rule, listed in ((self.allow, list(addresses)), (self.deny, list(deny))):
            if listed:
                rule(*listed)
        if allow is None and passwords is None and not self._allowed and not self._denied:
            raise ValueError("nobody could connect: give allow= (keys), passwords=, addresses= or deny=")
        self._null = allow is None and passwords is None
        self._ask_key = None if allow is None else _key_rule(allow)
        self._ask_password = self._password_rule(passwords) if passwords is not None else None
        try:
            self._callers_loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._callers_loop = None

    def start(self) -> None:
        """Start the thread; when this returns, new connections are checked.

        Raises:
            ZMQError: EADDRINUSE, the context has an authenticator already (RFC 27).
        """
        try:
            super().start()
        except ZMQError as error:
            if error.errno == Errno.EADDRINUSE:
                raise ZMQError(error.errno, "this context has an authenticator already: stop() it first") from None
            raise
        # they end with the context, by themselves, and nobody is to be warned of them
        for socket in (self.zap_socket, self.pipe, self.thread.pipe):
            if socket is not None:
                self.context._rm_socket(socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.stop()

    # ---------------------------------------------------------------- rules

    def _password_rule(self, passwords: _Passwords) -> Callable[[str, str], Any]:
        if callable(passwords):
            return passwords
        if not isinstance(passwords, Mapping):
            raise TypeError(f"passwords is a dict of {{user: password}} or a function, not {passwords!r}")
        self.passwords["*"] = passwords
        return lambda user, password: self._authenticate_plain("*", user, password)[0]

    async def _authenticate(self, mechanism: bytes, domain: str, credentials: list[bytes]) -> tuple[bool, bytes, str]:
        if mechanism == b"NULL":
            # a server that forgot its curve_server or plain_server lets nobody in
            return self._null, b"CURVE or PLAIN needed", "anonymous"
        if mechanism == b"CURVE" and self._ask_key is not None and len(credentials[0]) == 32:
            key = z85.encode(credentials[0]).decode("ascii")
            answer = await self._asked(self._ask_key, key)
            return bool(answer), b"Unknown key", answer if isinstance(answer, str) else self.curve_user_id(credentials[0])
        if mechanism == b"PLAIN" and self._ask_password is not None:
            try:
                user, password = (one.decode(self.encoding) for one in credentials)
            except UnicodeDecodeError:
                return False, b"Invalid credentials", ""
            answer = await self._asked(self._ask_password, user, password)
            return bool(answer), b"Invalid user or password", answer if isinstance(answer, str) else user
        return False, b"Security mechanism not allowed", ""

    async def _asked(self, rule: Callable[..., Any], *args: str) -> Any:
        """What a rule says; a function of the program's runs in the loop that auth() was called from, if there was one."""
        loop = self._callers_loop
        if loop is None or isinstance(rule, _Keys):
            return await _result(rule, args)
        if loop.is_closed():
            self.log.error("the event loop that %r belongs to is closed: client refused", rule)
            return False
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_result(rule, args), loop))


async def _result(rule: Callable[..., Any], args: tuple[str, ...]) -> Any:
    answer = rule(*args)
    return await answer if isawaitable(answer) else answer


class _Keys:
    """Keys that are let in, each with the user id it gets, if it gets another than itself."""

    def __init__(self, keys: Mapping[str, _Answer]) -> None:
        self._keys = keys

    def __call__(self, key: str) -> _Answer:
        return self._keys.get(key, False)


#: Nanoseconds that file systems may round times to.
_TICK = 2_000_000_000


class _Directory(_Keys):
    """The keys in a directory's certificates; read again when a file came or went."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._seen = -1
        self(".")

    def __call__(self, key: str) -> _Answer:
        changed = os.stat(self._directory).st_mtime_ns
        if changed != self._seen:
            self._keys = {one.decode("ascii", "replace"): True for one in load_certificates(self._directory)}
            # a file that comes right after another may leave the directory's time as it is
            self._seen = changed if time.time_ns() - changed > _TICK else -1
        return super().__call__(key)


class _Anybody(_Keys):
    def __init__(self) -> None:
        super().__init__({})

    def __call__(self, key: str) -> _Answer:
        return True


def _key_rule(allow: _Allow) -> Callable[[str], Any]:
    """What decides on a key, given as Z85 text."""
    if callable(allow):
        return allow
    if allow == CURVE_ALLOW_ANY:
        return _Anybody()
    if isinstance(allow, (str, os.PathLike)):
        path = os.fspath(allow)
        if os.path.isfile(path):
            return _Keys({load_certificate(path)[0].decode("ascii"): True})
        if not os.path.isdir(path):
            raise FileNotFoundError(f"{path!r} is no directory of certificates, nor one certificate; keys are given as a list")
        return _Directory(path)
    if isinstance(allow, Mapping):
        return _Keys({_as_text(key): user for key, user in allow.items()})
    keys: Iterable[str | bytes] = [allow] if isinstance(allow, (bytes, bytearray)) else allow
    return _Keys({_as_text(key): True for key in keys})


def _as_text(key: str | bytes) -> str:
    """A key as Z85 text."""
    try:
        if len(key) == 32 and not isinstance(key, str):
            return z85.encode(key).decode("ascii")
        text = key if isinstance(key, str) else bytes(key).decode("ascii")
        if len(text) == 40 and len(z85.decode(text)) == 32:
            return text
    except (KeyError, TypeError, ValueError):
        pass
    raise ValueError(f"not a CURVE public key, 40 characters of Z85 or 32 bytes: {key!r}")
