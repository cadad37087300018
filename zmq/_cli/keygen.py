"""`python -m zmq keygen`: a CURVE key pair (RFC 26), printed or as certificate files."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence

import zmq

from . import CommandError, Parser

_EXAMPLES = """\
examples:
  {program} keygen                          print a pair
  {program} keygen --json | jq -r .public
  {program} keygen server                   write server.key (give it away) and server.key_secret (keep it)
  {program} keygen alice --directory clients --metadata email=alice@example.com
  {program} keygen --secret server.key_secret   print the public key that belongs to it
"""


def build_parser() -> Parser:
    """The parser of `keygen`."""
    parser = Parser("keygen", description="Make a CURVE key pair.", examples=_EXAMPLES)
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="write the certificates NAME.key and NAME.key_secret instead of printing"
    )
    parser.add_argument("-D", "--directory", default=".", metavar="DIRECTORY", help="where to write them (default: here)")
    parser.add_argument(
        "--metadata", action="append", default=[], metavar="KEY=VALUE", help="for the secret certificate; repeatable"
    )
    parser.add_argument("-f", "--force", action="store_true", help="write over existing certificates: their keys are lost")
    parser.add_argument("--secret", metavar="KEY|FILE", help="make no pair: show the public key of this secret key or certificate")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(argv: Sequence[str]) -> int:
    """Make a pair."""
    args = build_parser().parse_args(argv)
    if not zmq.has("curve"):
        raise CommandError("this libzmq has no CURVE: build it with libsodium")
    if args.name is None and (args.metadata or args.force or args.directory != "."):
        raise CommandError("--directory, --metadata and --force are for certificates: give a NAME too")
    if args.name is None:
        public, secret = _pair_of(args.secret) if args.secret else zmq.curve_keypair()
        return _print({"public": public.decode(), "secret": secret.decode()}, args.json)
    if args.secret:
        raise CommandError("give a NAME for a new pair, or --secret for one that exists")
    return _print(_certificates(args), args.json)


def _pair_of(text: str) -> tuple[bytes, bytes]:
    from .sockets import certificate

    secret: bytes | None = os.fsencode(text)
    if os.path.exists(text):
        secret = certificate(text)[1]
        if secret is None:
            raise CommandError(f"{text} has no secret key: give the file that ends in .key_secret")
    try:
        assert secret is not None
        return zmq.curve_public(secret), secret
    except (ValueError, zmq.ZMQError):
        raise CommandError("--secret is neither a file nor a key of 40 characters of Z85") from None


def _certificates(args: argparse.Namespace) -> dict[str, str]:
    from zmq.auth import create_certificates

    if os.path.basename(args.name) != args.name or args.name in ("", ".", ".."):
        raise CommandError(f"{args.name!r} is no name of a file: --directory says where to write")
    if not os.path.isdir(args.directory):
        raise CommandError(f"{args.directory} is no directory: make it first")
    for ending in ("key", "key_secret"):
        path = os.path.join(args.directory, f"{args.name}.{ending}")
        if os.path.exists(path) and not args.force:
            raise CommandError(f"{path} exists: choose another name, or lose that key with --force")
    try:
        public, secret = create_certificates(args.directory, args.name, dict(map(_item, args.metadata)) or None)
    except OSError as error:
        raise CommandError(f"cannot write the certificates: {error}") from None
    return {"public": str(public), "secret": str(secret)}


def _item(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise CommandError(f"--metadata {text}: write KEY=VALUE")
    return key, value


def _print(facts: dict[str, str], as_json: bool) -> int:
    if as_json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name} {value}")
    return 0
