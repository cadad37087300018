"""CURVE certificates: key pairs in text files, as czmq writes them (ZPL, RFC 4)."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from .._core.curve import curve_keypair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["create_certificates", "load_certificate", "load_certificates"]

_PUBLIC_BANNER = """\
#   ZeroMQ CURVE certificate: public key
#   Generated {0}
#   Give it to your peers by a way on which nobody can exchange it.

"""

_SECRET_BANNER = """\
#   ZeroMQ CURVE certificate: SECRET key
#   Generated {0}
#   Show this file to nobody, and leave its permissions as they are.

"""


def _write_key_file(
    key_filename: str | os.PathLike[str],
    banner: str,
    public_key: str | bytes,
    secret_key: str | bytes | None = None,
    metadata: Mapping[str, Any] | None = None,
    encoding: str = "utf-8",
) -> None:
    """Write a certificate; with a secret key in it, only its owner may ever read the file."""
    lines = [banner.format(datetime.now()), "metadata\n"]
    for key, value in (metadata or {}).items():
        line = f"    {_text(key, encoding)} = {_text(value, encoding)}"
        if len(line.splitlines()) > 1:
            raise ValueError(f"metadata is one line for each entry: {line.strip()!r}")
        lines.append(f"{line}\n")
    lines += ["curve\n", f'    public-key = "{_text(public_key, encoding)}"\n']
    if secret_key is not None:
        lines.append(f'    secret-key = "{_text(secret_key, encoding)}"\n')
    _replace(Path(key_filename), "".join(lines).encode(encoding), 0o666 if secret_key is None else 0o600)


def _text(value: Any, encoding: str) -> str:
    return value.decode(encoding) if isinstance(value, bytes) else str(value)


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write a file beside the old one and put it in its place: whole or not at all, and with these permissions from the start.

    Writing into an old file would keep its permissions, and follow a link that somebody else put there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create_certificates(
    key_dir: str | os.PathLike[str], name: str, metadata: Mapping[str, Any] | None = None
) -> tuple[str, str]:
    """Make a CURVE key pair and write it to `name.key` (public) and `name.key_secret` (both keys) in a directory.

    Args:
        key_dir: the directory, which must exist. name: of the files, without a suffix. metadata: lines for the secret file.
    Returns:
        The two paths. Files of these names are replaced; the secret one is readable by its owner alone from its first byte.
    Raises:
        OSError: the directory is missing or cannot be written. ValueError: metadata of several lines.
        ZMQError: ENOTSUP, this libzmq has no CURVE.
    """
    public_key, secret_key = curve_keypair()
    base = os.path.join(key_dir, name)
    public_file, secret_file = f"{base}.key", f"{base}.key_secret"
    _write_key_file(secret_file, _SECRET_BANNER, public_key, secret_key, metadata)
    _write_key_file(public_file, _PUBLIC_BANNER, public_key)
    return public_file, secret_file


def load_certificate(filename: str | os.PathLike[str]) -> tuple[bytes, bytes | None]:
    """Return the keys in a certificate as (public, secret), 40 bytes of Z85 each.

    Args:
        filename: of either file that create_certificates() or czmq wrote.
    Returns:
        The secret key is None where the file has none.
    Raises:
        OSError: the file cannot be read. ValueError: it has no public key.
    """
    found: dict[bytes, bytes] = {}
    for line in Path(filename).read_bytes().splitlines():
        stripped = line.strip()
        for name in (b"public-key", b"secret-key"):
            if stripped.startswith(name) and b"=" in stripped:
                found[name] = stripped.partition(b"=")[2].strip(b" \t'\"")
    public_key = found.get(b"public-key")
    if not public_key:
        raise ValueError(f"{os.fspath(filename)} has no public-key: it is no CURVE certificate")
    return public_key, found.get(b"secret-key")


def load_certificates(directory: str | os.PathLike[str] = ".") -> dict[bytes, bool]:
    """Return the public keys of all `*.key` files in a directory, as the keys of a dict.

    Args:
        directory: default the current one.
    Raises:
        OSError: it is no directory, or a file cannot be read. ValueError: a file without a public key.
    """
    if not os.path.isdir(directory):
        raise OSError(f"{os.fspath(directory)} is no directory of certificates")
    return {load_certificate(path)[0]: True for path in sorted(Path(directory).glob("*.key"))}
