"""A pool of workers that grows and shrinks with the work, with asyncio.

    manager ROUTER <-- DEALER worker      a worker asks, and gets a job, or is told to leave

Each worker asks for work when it has none, so that jobs go to those who are free. The manager starts workers while jobs pile up and
sends those away that have nothing to do. Workers are tasks here; processes would talk to the manager in the same words.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque

import zmq
import zmq.asyncio

MOST = 8  # workers
IDLE = 0.05  # seconds without a job after which a worker is sent away
BURSTS = (1, 40, 12)  # jobs that come at one time


async def work(context: zmq.asyncio.Context, endpoint: str, name: bytes) -> None:
    """Ask, work, answer, until told to leave: an empty job."""
    async with context.socket(zmq.DEALER) as dealer:
        dealer.identity = name
        dealer.connect(endpoint)
        answer = b""
        while True:
            await dealer.send(answer)
            job = await dealer.recv()
            if not job:
                return
            await asyncio.sleep(0.002)  # the work
            answer = b"%d" % int(job) ** 2


class Manager:
    """Gives jobs to workers, and has as many of them as there is work for."""

    def __init__(self, context: zmq.asyncio.Context, router: zmq.asyncio.Socket) -> None:
        self.context = context
        self.router = router
        self.endpoint = f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}"
        self.jobs: deque[bytes] = deque()
        self.idle: deque[bytes] = deque()
        self.workers: dict[bytes, asyncio.Task[None]] = {}
        self.names = itertools.count(1)
        self.most = 0
        self.answers: list[int] = []

    async def run(self) -> None:
        """Hear those who ask, and send idle ones away, until cancelled; then all of them."""
        try:
            while True:
                if await self.router.poll(IDLE * 1000):
                    for name, answer in await self.router.recv_many(100, multipart=True):
                        if answer:
                            self.answers.append(int(answer))
                        self.idle.append(name)
                    await self.deal()
                elif self.idle:
                    await self.dismiss(self.idle.popleft())
        finally:
            for task in self.workers.values():
                task.cancel()

    async def add(self, jobs: list[int]) -> None:
        """Take jobs, and start workers if there are too few."""
        self.jobs.extend(b"%d" % job for job in jobs)
        while len(self.workers) < min(MOST, len(self.jobs)):
            name = b"worker-%d" % next(self.names)
            self.workers[name] = asyncio.create_task(work(self.context, self.endpoint, name))
        self.most = max(self.most, len(self.workers))
        await self.deal()

    async def deal(self) -> None:
        """Give jobs to idle workers."""
        count = min(len(self.jobs), len(self.idle))
        await self.router.send_many([[self.idle.popleft(), self.jobs.popleft()] for _ in range(count)], multipart=True)

    async def dismiss(self, name: bytes) -> None:
        """Tell a worker to leave, and wait until it has."""
        await self.router.send_multipart([name, b""])
        await self.workers.pop(name)


async def main() -> None:
    """Bursts of jobs, with quiet between them."""
    async with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as router:
        manager = Manager(context, router)
        managing = asyncio.create_task(manager.run())
        expected = 0
        for burst in BURSTS:
            manager.most = len(manager.workers)
            await manager.add(list(range(burst)))
            expected += burst
            while len(manager.answers) < expected:
                await asyncio.sleep(0.01)
            await asyncio.sleep(4 * IDLE)
            print(f"{burst} jobs: {manager.most} workers, after a rest {len(manager.workers)}")
        while manager.workers:
            await asyncio.sleep(0.01)
        print(f"{len(manager.answers)} answers, no worker left")
        managing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
