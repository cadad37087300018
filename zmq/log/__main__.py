"""`python -m zmq.log URL`: show what PUBHandlers publish."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from datetime import datetime

from ..constants import SocketType
from ..error import ZMQError
from ..sync import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..sync import Socket

__all__ = ["main"]

_COLORS = {"DEBUG": 34, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}  # of ANSI terminals
_EXAMPLES = """\
examples:
  python -m zmq.log tcp://127.0.0.1:5558                        every record
  python -m zmq.log tcp://127.0.0.1:5558 -t app.ERROR -t db.    those whose topic starts with one of these
  python -m zmq.log tcp://127.0.0.1:5558 --level WARNING --color --timestamp
"""


def main() -> int:
    """Show records until Ctrl-C, which is the regular end; return the exit status."""
    args = _arguments()
    try:
        with Context() as context, context.socket(SocketType.SUB) as socket:
            socket.linger = 0
            for topic in args.topic or [""]:
                socket.subscribe(topic)
            socket.connect(args.zmq_pub_url)
            _show(socket, args)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # whoever read the output has enough: `python -m zmq.log URL | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + getattr(signal, "SIGPIPE", 13)
    except ZMQError as error:
        print(f"python -m zmq.log: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m zmq.log",
        description="Show the log records that a zmq.log.handlers.PUBHandler publishes, until Ctrl-C.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("zmq_pub_url", metavar="URL", help="the publisher's address")
    parser.add_argument("-t", "--topic", action="append", help="only topics that start like this; may be given several times")
    parser.add_argument("--level", choices=_COLORS, help="only records of this level and above")
    parser.add_argument("--timestamp", action="store_true", help="begin each line with the local time")
    parser.add_argument("--dateformat", default="%Y-%m-%d %H:%M", help="of that time, as for strftime (default: %(default)s)")
    parser.add_argument("--separator", default=" | ", help="between topic and message (default: %(default)r)")
    parser.add_argument("--align", action="store_true", help="pad topics to the longest one so far")
    parser.add_argument("--color", action="store_true", help="color records by their level")
    return parser.parse_args()


def _show(socket: Socket[bytes], args: argparse.Namespace) -> None:
    width = 0
    least = logging.getLevelName(args.level) if args.level else logging.NOTSET
    while True:
        frames = [frame.decode("utf-8", "replace") for frame in socket.recv_multipart()]
        topic, message = frames[0], args.separator.join(frames[1:])
        level = next((part for part in topic.split(".") if part in _COLORS), None)
        if level is not None and logging.getLevelName(level) < least:
            continue
        if args.align:
            width = max(width, len(topic))
        stamp = f"{datetime.now():{args.dateformat}} " if args.timestamp else ""
        line = f"{stamp}{topic:{width}}{args.separator}{message.rstrip()}"
        if args.color and level is not None:
            line = f"\033[{_COLORS[level]}m{line}\033[0m"
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
