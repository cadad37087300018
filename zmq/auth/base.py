"""The ZeroMQ Authentication Protocol (RFC 27), without the thread or the loop that runs it.

libzmq asks about each new connection by a request on `inproc://zeromq.zap.01`: version, request id, domain, address, identity,
mechanism and the credentials. The reply is version, request id, status (200: let in, 400: refused, 500: the handler failed), text,
user id and metadata. The socket is a REP, so every request gets an answer before the next is read, whatever is in it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from hmac import compare_digest
from inspect import isawaitable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from .._context import Context
from ..constants import SocketType
from ..error import ZMQError
from ..sync import Socket
from ..utils import z85
from .certs import load_certificates

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Iterable, Mapping
    from typing import Any

__all__ = ["CURVE_ALLOW_ANY", "Authenticator"]

CURVE_ALLOW_ANY = "*"
VERSION = b"1.0"
ENDPOINT = "inproc://zeromq.zap.01"

_CREDENTIALS = {b"NULL": None, b"PLAIN": 2, b"CURVE": 1, b"GSSAPI": 1}


class Authenticator:
    """Answers libzmq's requests about new connections, by rules set here; a subclass says when it reads them.

    Args:
        context: whose connections; default zmq.Context.instance(). encoding: of names and passwords in requests.
        log: a logger; default "zmq.auth".

    An address that is denied, or not among those allowed, is refused first. Then NULL is let in (libzmq asks about it only where
    the socket has a ZAP_DOMAIN), PLAIN and CURVE by what was configured for the socket's ZAP_DOMAIN, "*" standing for an empty
    one. Rules may be changed at any time, and hold for connections made afterwards.
    """

    context: Any
    encoding: str
    allow_any: bool
    credentials_providers: dict[str, Any]
    zap_socket: Any
    passwords: dict[str, Mapping[str, str]]
    certs: dict[str, dict[bytes, Any]]
    log: Any
    _allowed: set[str]
    _denied: set[str]

    def __init__(self, context: Any = None, encoding: str = "utf-8", log: Any = None) -> None:
        self.context = Context.instance() if context is None else context
        self.encoding = encoding
        self.log = log or logging.getLogger("zmq.auth")
        self.allow_any = False
        self.credentials_providers = {}
        self.zap_socket = None
        self.passwords = {}
        self.certs = {}
        self._allowed = set()
        self._denied = set()

    # ---------------------------------------------------------------- running

    def start(self) -> None:
        """Bind the socket that libzmq asks; connections made from now on are checked.

        Raises:
            ZMQError: EADDRINUSE, the context has an authenticator already (RFC 27).
        """
        socket = self.context.socket(SocketType.REP, socket_class=Socket)
        try:
            socket.linger = 1
            socket.bind(ENDPOINT)
        except BaseException:
            socket.close(0)
            raise
        self.zap_socket = socket

    def stop(self) -> None:
        """Close the socket that libzmq asks; from now on NULL and CURVE clients are let in unasked, and PLAIN ones refused."""
        self._give_name_back()
        socket, self.zap_socket = self.zap_socket, None
        if socket is not None:
            socket.close()

    def _give_name_back(self) -> None:
        """Unbind: closing alone does so only some time later, and the next start() may come at once."""
        if self.zap_socket is not None:
            with suppress(ZMQError):  # the context may be gone
                self.zap_socket.unbind(ENDPOINT)

    # ---------------------------------------------------------------- rules

    def allow(self, *addresses: str) -> None:
        """Refuse connections from all addresses but these.

        Args:
            *addresses: IP addresses, or networks such as "10.0.0.0/8". Several calls add up.
        Raises:
            ValueError: deny() was used: either or. A network that is none.

        PLAIN and CURVE clients from an allowed address have to authenticate all the same.
        """
        if self._denied:
            raise ValueError("deny() was used: an authenticator either allows or denies addresses")
        self._allowed.update(map(_checked, addresses))

    def deny(self, *addresses: str) -> None:
        """Refuse connections from these addresses.

        Args:
            *addresses: IP addresses, or networks such as "10.0.0.0/8". Several calls add up.
        Raises:
            ValueError: allow() was used: either or. A network that is none.
        """
        if self._allowed:
            raise ValueError("allow() was used: an authenticator either allows or denies addresses")
        self._denied.update(map(_checked, addresses))

    def configure_plain(self, domain: str = "*", passwords: Mapping[str, str] | None = None) -> None:
        """Let in the PLAIN clients that know a password.

        Args:
            domain: ZAP_DOMAIN of the sockets it holds for; "*": those without one. passwords: {user: password}, which replaces what
                was there.
        """
        if passwords:
            self.passwords[domain] = passwords
        self.log.debug("PLAIN passwords for domain %s: %d users", domain, len(passwords or ()))

    def configure_curve(self, domain: str = "*", location: str | os.PathLike[str] = ".") -> None:
        """Let in the CURVE clients whose public key is known.

        Args:
            domain: ZAP_DOMAIN of the sockets it holds for; "*": those without one. location: a directory of public certificates
                (see load_certificates), read now; CURVE_ALLOW_ANY lets in any key, for every domain.

        A directory that cannot be read is logged as an error, and lets nobody in.
        """
        if location == CURVE_ALLOW_ANY:
            self.allow_any = True
            return
        self.allow_any = False
        try:
            self.certs[domain] = dict(load_certificates(location))
        except (OSError, ValueError) as error:
            self.log.error("no CURVE certificates for domain %s: %s", domain, error)

    def configure_curve_callback(self, domain: str = "*", credentials_provider: Any = None) -> None:
        """Ask an object about the keys of CURVE clients, instead of a directory.

        Args:
            domain: ZAP_DOMAIN of the sockets it holds for; "*": those without one. credentials_provider: has a method
                ``callback(domain, key)``, key being 40 bytes of Z85; what it returns, or its coroutine does, is whether to let in.

        An exception in it refuses the client, and is logged.
        """
        self.allow_any = False
        if credentials_provider is None:
            self.log.error("no credentials_provider for domain %s", domain)
        else:
            self.credentials_providers[domain] = credentials_provider

    def configure_gssapi(self, domain: str = "*", location: str | None = None) -> None:
        """Do nothing: GSSAPI clients come with the name that Kerberos has checked, which becomes their user id.

        Args:
            domain, location: ignored.
        """

    def curve_user_id(self, client_public_key: bytes) -> str:
        """Return the user id of a CURVE client, as frame["User-Id"] will have it; replace it to give other names.

        Args:
            client_public_key: 32 bytes.
        """
        return z85.encode(client_public_key).decode("ascii")

    # ---------------------------------------------------------------- requests

    async def handle_zap_message(self, msg: list[bytes]) -> None:
        """Decide on one request and send the reply.

        Args:
            msg: its frames. Whatever they are, an answer is sent (RFC 27).
        """
        request_id = msg[1] if len(msg) > 1 else b""
        try:
            status, text, user = await self._decide(msg)
        except Exception:  # of a rule or a callback of the program: its client stays outside, the others get in
            self.log.exception("ZAP request failed, client refused")
            status, text, user = b"500", b"Internal error", ""
        self._send_zap_reply(request_id, status, text, user)

    async def _decide(self, msg: list[bytes]) -> tuple[bytes, bytes, str]:
        """Status, text and user id for a request."""
        if len(msg) < 6:
            self.log.error("ZAP request of %d frames, at least 6 are needed", len(msg))
            return b"400", b"Not enough frames", ""
        version, _, raw_domain, raw_address, _, mechanism, *credentials = msg
        if version != VERSION:
            self.log.error("ZAP request of version %r, not %r", version, VERSION)
            return b"400", b"Invalid version", ""
        try:
            domain = raw_domain.decode(self.encoding) or "*"
            address = raw_address.decode(self.encoding)
        except UnicodeDecodeError:
            return b"400", b"Invalid domain or address", ""
        if mechanism not in _CREDENTIALS:
            allowed, reason, user = False, b"Security mechanism not supported", ""
        elif not self._address_allowed(address):
            allowed, reason, user = False, b"Address denied", ""
        elif _CREDENTIALS[mechanism] not in (None, len(credentials)):
            allowed, reason, user = False, b"Invalid credentials", ""
        else:
            allowed, reason, user = await self._authenticate(mechanism, domain, credentials)
        name = mechanism.decode("ascii", "replace")
        if allowed:
            self.log.debug("let in %s from %s in domain %s as %s", name, address, domain, user)
            return b"200", b"OK", user
        self.log.debug("refused %s from %s in domain %s: %s", name, address, domain, reason.decode())
        return b"400", reason, ""

    async def _authenticate(self, mechanism: bytes, domain: str, credentials: list[bytes]) -> tuple[bool, bytes, str]:
        """Whether these credentials, of the right number, are good; why not; and whose they are."""
        if mechanism == b"NULL":
            return True, b"OK", "anonymous"
        if mechanism == b"PLAIN":
            try:
                user, password = (one.decode(self.encoding) for one in credentials)
            except UnicodeDecodeError:
                return False, b"Invalid credentials", ""
            return *self._authenticate_plain(domain, user, password), user
        if mechanism == b"GSSAPI":
            principal = credentials[0].decode(self.encoding, "replace")
            return *self._authenticate_gssapi(domain, credentials[0]), principal
        if len(credentials[0]) != 32:
            return False, b"Invalid credentials", ""
        allowed, reason = await self._authenticate_curve(domain, credentials[0])
        return allowed, reason, self.curve_user_id(credentials[0]) if allowed else ""

    def _address_allowed(self, address: str) -> bool:
        if self._allowed:
            return _matches(address, self._allowed)
        return not (self._denied and _matches(address, self._denied))

    def _authenticate_plain(self, domain: str, username: str, password: str) -> tuple[bool, bytes]:
        """PLAIN: a name and a password (RFC 24)."""
        if not self.passwords:
            return False, b"No passwords defined"
        users = self.passwords.get(domain)
        if users is None:
            return False, b"Invalid domain"
        known = users.get(username)
        # as long for a name that nobody has as for a wrong password
        same = _same(password, "" if known is None else known, self.encoding)
        if known is None:
            return False, b"Invalid username"
        return (True, b"OK") if same else (False, b"Invalid password")

    async def _authenticate_curve(self, domain: str, client_key: bytes) -> tuple[bool, bytes]:
        """CURVE: a public key, of which libzmq has checked that the client has the secret one (RFC 26)."""
        if self.allow_any:
            return True, b"OK"
        if not self.credentials_providers:
            known = self.certs.get(domain)
            if known is None:
                return False, b"Unknown domain"
            return (True, b"OK") if known.get(z85.encode(client_key)) else (False, b"Unknown key")
        provider = self.credentials_providers.get(domain)
        if provider is None:
            return False, b"Unknown domain"
        answer: bool | Awaitable[bool] = provider.callback(domain, z85.encode(client_key))
        if isawaitable(answer):
            answer = await answer
        return (True, b"OK") if answer else (False, b"Unknown key")

    def _authenticate_gssapi(self, domain: str, principal: bytes) -> tuple[bool, bytes]:
        """GSSAPI: libzmq and Kerberos have checked the principal (RFC 38)."""
        return True, b"OK"

    def _send_zap_reply(
        self, request_id: bytes, status_code: bytes, status_text: bytes, user_id: str = "anonymous"
    ) -> None:
        """Send a reply; the user id only with status 200, and no metadata."""
        user = user_id.encode(self.encoding, "replace") if status_code == b"200" else b""
        self.zap_socket.send_multipart([VERSION, request_id, status_code, status_text, user, b""])


def _same(given: str, known: str | bytes, encoding: str) -> bool:
    """Whether two passwords are the same, in a time that does not tell how much of them."""
    if isinstance(known, str):
        known = known.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "strict")
    return compare_digest(given.encode(encoding), known)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    # what a socket with the option IPV6 says of an IPv4 peer
    return getattr(found, "ipv4_mapped", None) or found


def _checked(rule: str) -> str:
    if "/" in rule:
        ip_network(rule, strict=False)  # a ValueError now, not a rule that never holds
    return rule


def _matches(address: str, rules: Iterable[str]) -> bool:
    """Whether an address is one of these, or in one of these networks."""
    if address in rules:
        return True
    found = _parsed(address)
    return found is not None and any(_holds(rule, found) for rule in list(rules))


def _holds(rule: str, address: IPv4Address | IPv6Address) -> bool:
    if "/" not in rule:
        return _parsed(rule) == address
    network = ip_network(rule, strict=False)
    return address.version == network.version and address in network
