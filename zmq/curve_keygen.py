"""`python -m zmq.curve_keygen`: print a CURVE key pair."""

from __future__ import annotations

import argparse
import json
import sys

from ._core.curve import curve_keypair, curve_public
from .error import ZMQError

__all__: list[str] = []


def _main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m zmq.curve_keygen",
        description="Print a new CURVE key pair, or the public key of a secret one. Keys are Z85 text of 40 characters.",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object with `public` and `secret`")
    parser.add_argument("--secret", metavar="KEY", help="use this secret key; written --secret=KEY when it begins with a dash")
    args = parser.parse_args()
    if args.secret is None:
        public, secret = curve_keypair()
    else:
        secret = args.secret.encode()
        try:
            public = curve_public(secret)
        except (ValueError, ZMQError) as error:
            print(f"{parser.prog}: {error}", file=sys.stderr)
            return 1
    if args.json:
        print(json.dumps({"public": public.decode(), "secret": secret.decode()}, indent=1))
    else:
        print(f"== CURVE PUBLIC KEY ==\n{public.decode()}\n\n== CURVE SECRET KEY ==\n{secret.decode()}")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
