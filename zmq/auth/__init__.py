"""Who may connect: a handler of the ZeroMQ Authentication Protocol (RFC 27) and CURVE certificates.

Authenticator is the protocol; zmq.auth.thread and zmq.auth.asyncio run it. `zmq.Context.auth` is the short way.
"""

from .base import CURVE_ALLOW_ANY, Authenticator
from .certs import create_certificates, load_certificate, load_certificates

__all__ = ["CURVE_ALLOW_ANY", "Authenticator", "create_certificates", "load_certificate", "load_certificates"]
