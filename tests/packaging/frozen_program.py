"""A program to freeze: it uses what compiled and late-loaded modules stand behind, and tells from where it runs."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys

import zmq
import zmq.asyncio


async def over_asyncio() -> bytes:
    """A message through the asyncio flavour."""
    with zmq.asyncio.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        pull.connect(f"tcp://127.0.0.1:{push.bind_to_random_port('tcp://127.0.0.1')}")
        await push.send(b"awaited")
        message: bytes = await pull.recv()
        return message


def encrypted() -> bytes:
    """A message through CURVE, looked for with a poller."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.curve_publickey, push.curve_secretkey = zmq.curve_keypair()
        push.curve_server = True
        pull.curve_serverkey = push.curve_publickey
        pull.curve_publickey, pull.curve_secretkey = zmq.curve_keypair()
        pull.connect(f"tcp://127.0.0.1:{push.bind_to_random_port('tcp://127.0.0.1')}")
        push.send(bytearray(b"encrypted"), copy=False)
        poller = zmq.Poller()
        poller.register(pull, zmq.POLLIN)
        assert poller.poll(10000)
        return pull.recv()


def main() -> None:
    """Print one line for each thing that works."""
    assert getattr(sys, "frozen", False), "this is to be frozen"
    print(asyncio.run(over_asyncio()).decode())
    print(encrypted().decode())
    try:
        zmq.Context().socket(zmq.PAIR).connect("nothing://at-all")
    except zmq.ZMQError as error:
        print(type(error).__name__)
    print(zmq.utils.jsonapi.dumps([1]).decode(), zmq.sugar.Context is zmq.Context)
    print(importlib.metadata.version("pyzmq") == zmq.__version__, zmq.zmq_version())


if __name__ == "__main__":
    main()
