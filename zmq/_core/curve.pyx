"""CURVE key pairs (RFC 26)."""

from . cimport _lib

cdef enum:
    KEY_SIZE = 41  # z85 with its NUL


def curve_keypair():
    """Return a new CURVE key pair as (public, secret): 40 bytes of z85 each.

    Raises:
        ZMQError: ENOTSUP, this libzmq has no CURVE (zmq_curve_keypair(3)).
    """
    cdef char public_key[KEY_SIZE]
    cdef char secret_key[KEY_SIZE]
    _lib.curve_keypair(public_key, secret_key)
    return public_key[:KEY_SIZE - 1], secret_key[:KEY_SIZE - 1]


def curve_public(secret_key):
    """Return the public key, 40 bytes of z85, that belongs to a secret one.

    Args:
        secret_key: 40 characters of z85, str or bytes.
    Raises:
        ValueError: not 40 characters. ZMQError: EINVAL, no z85 (zmq_curve_public(3)).
    """
    cdef char public_key[KEY_SIZE]
    cdef bytes secret
    if isinstance(secret_key, str):
        secret_key = secret_key.encode("utf-8")
    if not isinstance(secret_key, bytes):
        raise TypeError(f"a secret key is bytes or str, not {type(secret_key).__name__}")
    if len(secret_key) != KEY_SIZE - 1:
        raise ValueError(f"a secret key has {KEY_SIZE - 1} characters of z85, not {len(secret_key)}")
    secret = secret_key
    _lib.curve_public(public_key, secret)
    return public_key[:KEY_SIZE - 1]
