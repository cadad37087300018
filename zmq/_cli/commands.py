"""The commands by name."""

from __future__ import annotations

#: The module in zmq/_cli that has the command, what else its main() and build_parser() are given, and what it does.
COMMANDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "send": ("send", ("push",), "send lines, files or JSON (PUSH, or another --type)"),
    "recv": ("recv", ("pull",), "print what arrives (PULL, or another --type)"),
    "pub": ("send", ("pub",), "publish lines, files or JSON"),
    "sub": ("recv", ("sub",), "subscribe, and print what arrives"),
    "req": ("req", (), "send requests and print the replies"),
    "rep": ("rep", (), "answer requests: an echo, a text, a command's output, or by hand"),
    "cat": ("cat", (), "send and receive at the same time (PAIR, or another --type)"),
    "proxy": ("proxy", (), "join two sides: a queue, a forwarder, a streamer, or any other pair of types"),
    "monitor": ("monitor", (), "show what happens to a connection"),
    "keygen": ("keygen", (), "make a CURVE key pair, or certificate files"),
    "demo": ("demo", (), "hash a tree of files over worker processes"),
    "bench": ("bench", (), "measure this build, beside another one and beside C"),
    "info": ("info", (), "print versions, paths and features, for a bug report"),
    "completion": ("completion", (), "print a script that completes these commands in a shell"),
}
