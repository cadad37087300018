"""Put the verified sources of libzmq and libsodium into the build's cache, for an sdist that contains them.

    python tools/fetch_sources.py            from wherever a build would take them
    python tools/fetch_sources.py --pinned   an error unless they are the pinned releases: what a release is made of
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from buildutils.config import BuildConfig, BuildError  # noqa: E402  the path must be right first
from buildutils.sources import pins, resolve  # noqa: E402


def main(argv: Sequence[str]) -> int:
    """Fetch; 0 when both libraries are there."""
    parser = argparse.ArgumentParser(prog="tools/fetch_sources.py", description="Fetch the sources of libzmq and libsodium.")
    parser.add_argument("--pinned", action="store_true", help="accept nothing but the releases of bundled/versions.toml")
    args = parser.parse_args(argv)
    try:
        found = resolve(BuildConfig.from_environment())
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    other = 0
    for pin, source in zip(pins(), found, strict=True):
        print(f"{source.name} {source.version}: {source.path} ({source.origin})")
        other += source.digest != pin.sha256
    if args.pinned and other:
        print("error: not the pinned releases: delete downloads/ in the cache and let this machine reach them", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
