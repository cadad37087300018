"""Fixtures of the tests of authentication."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.auth.asyncio import AsyncioAuthenticator
from zmq.auth.thread import ThreadAuthenticator

from auth.peers import Keys, Peers


@pytest.fixture
def peers(ctx: zmq.SyncContext) -> Iterator[Peers]:
    made = Peers(ctx)
    yield made
    made.close()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


class InALoop(AsyncioAuthenticator):
    """An AsyncioAuthenticator in a loop that runs in a thread, so that a test can do blocking calls beside it."""

    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.runner = threading.Thread(target=self.loop.run_forever)
        self.runner.start()
        self.call(super().start)

    def stop(self) -> None:
        if not self.runner.is_alive():
            return
        self.call(super().stop)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.runner.join()
        self.loop.close()

    def call(self, function: Any) -> None:
        async def called() -> None:
            function()

        asyncio.run_coroutine_threadsafe(called(), self.loop).result()


@pytest.fixture(params=["thread", "asyncio"])
def auth(request: pytest.FixtureRequest, ctx: zmq.SyncContext) -> Iterator[Any]:
    """A started authenticator of each kind."""
    made = ThreadAuthenticator(ctx) if request.param == "thread" else InALoop(ctx)
    made.start()
    yield made
    made.stop()
