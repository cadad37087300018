"""The demo's ventilator and sink.

    ventilator PUSH --> PULL worker PUSH --> PULL sink        files out, digests back
    members    XPUB <-- SUB worker                            who is there, who shall leave

Both run in one event loop: the sink awaits results, the ventilator sends what there is room for.
PUSH deals the files out without saying to whom, so nobody knows what a worker holds. Two rules
keep every result all the same. A worker retires only after the ventilator has paused and every
result is in: then no queue holds anything. And when a worker was lost, files without a result are
sent once more; of two results for one file the first counts.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import zmq
import zmq.asyncio

from .demo_files import Task, map_file
from .demo_workers import Pool, Worker

# What may be without a result at one time: enough to keep workers busy, little enough to bound
# the memory of both ends and to drain quickly.
TASKS_PER_WORKER = 8
WINDOW_BYTES = 256 << 20
# Parts of the files after which workers are added, and one is retired.
GROW_AFTER = 0.25
RETIRE_AFTER = 0.75
# Silence after which the files of a lost worker are taken for lost with it.
LOST_SECONDS = 2.0
RELEASE_SECONDS = 5.0
TICK_MS = 100


class RunFailed(Exception):
    """Results are missing; the text says which and why."""


@dataclass
class Plan:
    """What the user asked for, and whom to tell what happens."""

    tasks: Sequence[Task]
    workers: int
    timeout: float
    address: Callable[[str], str]
    on_result: Callable[[Result], None]
    warn: Callable[[str], None]


@dataclass
class Result:
    """The digest that a worker found for one file."""

    task: Task
    digest: str
    nbytes: int


@dataclass
class Report:
    """What a run did."""

    results: list[Result]
    workers: list[Worker]
    seconds: float


def execute(plan: Plan) -> Report:
    """Send every file, collect every digest, and leave no process behind.

    Raises:
        RunFailed: No worker is left, or nothing has come back for `plan.timeout` seconds.
        CommandError: A file could not be read.
    """
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        sockets: list[zmq.SyncSocket] = []
        for kind, role in ((zmq.PUSH, "tasks"), (zmq.PULL, "results"), (zmq.XPUB, "members")):
            socket = stack.enter_context(context.socket(kind))
            # After a failure nobody reads what is left.
            socket.linger = 0
            socket.bind(plan.address(role))
            sockets.append(socket)
        outbox, results, members = sockets
        endpoints = [socket.last_endpoint.decode() for socket in sockets]
        pool = Pool(members, endpoints, plan.warn)
        stack.callback(pool.end)
        return asyncio.run(Run(plan, pool, outbox, results).execute())


class Run:
    """One distribution of files over processes."""

    def __init__(
        self, plan: Plan, pool: Pool, outbox: zmq.SyncSocket, results: zmq.SyncSocket
    ) -> None:
        self.plan = plan
        self.pool = pool
        self.outbox = outbox
        self.inbox = zmq.asyncio.Socket.from_socket(results)
        self.queue = collections.deque(plan.tasks)
        self.in_flight: dict[int, Task] = {}
        self.results: dict[int, Result] = {}
        self.trackers: list[zmq.MessageTracker] = []
        self.someone_lost = False
        self.progress_at = monotonic()
        # So many files are not dealt before a worker has been retired.
        self.kept = int(len(plan.tasks) * (1 - RETIRE_AFTER)) if plan.workers > 1 else 0

    async def execute(self) -> Report:
        """Begin with half of the workers, add the others, retire one, wait for every result."""
        start = monotonic()
        poller = zmq.asyncio.Poller()
        poller.register(self.inbox, zmq.POLLIN)
        poller.register(self.pool.members, zmq.POLLIN)
        self.pool.grow_to(max(1, self.plan.workers // 2))
        while len(self.results) < len(self.plan.tasks):
            dealt = 1 - len(self.queue) / len(self.plan.tasks)
            if self.queue and dealt >= GROW_AFTER:
                self.pool.grow_to(self.plan.workers)
            drained = len(self.queue) <= self.kept and not self.in_flight
            if self.kept and drained and len(self.pool.ready) == len(self.pool.here):
                self.kept = 0
                self._retire_one()
            can_send = len(self.queue) > self.kept and self._has_room()
            # POLLOUT only then: the poll would return at once while the window is full.
            poller.register(self.outbox, zmq.POLLOUT if can_send else 0)
            ready = dict(await poller.poll(TICK_MS))
            if self.pool.members in ready and self.pool.note_arrivals():
                self.progress_at = monotonic()
            if self.inbox in ready:
                await self._collect()
            if self.outbox in ready:
                self._deal()
            self._check_losses()
        seconds = monotonic() - start
        for worker in self.pool.here:
            self.pool.dismiss(worker, "finished")
        await self._check_released()
        results = [self.results[task.number] for task in self.plan.tasks]
        return Report(results, self.pool.workers, seconds)

    # --- files out, digests in --------------------------------------------------------------

    def _has_room(self) -> bool:
        """Whether the next file fits in the window; one file always does."""
        if not self.in_flight:
            return True
        held = sum(task.nbytes for task in self.in_flight.values())
        return (
            len(self.in_flight) < TASKS_PER_WORKER * max(1, len(self.pool.ready))
            and held + self.queue[0].nbytes <= WINDOW_BYTES
        )

    def _deal(self) -> None:
        """Send while there is room and somebody to send to."""
        self.trackers = [tracker for tracker in self.trackers if not tracker.done]
        while len(self.queue) > self.kept and self._has_room():
            task = self.queue[0]
            # A file that is sent again may have got its result meanwhile.
            if task.number not in self.results:
                try:
                    self._send(task)
                except zmq.Again:
                    return
                self.in_flight[task.number] = task
            self.queue.popleft()

    def _send(self, task: Task) -> None:
        array = map_file(task.path)
        header = {
            "number": task.number,
            "path": str(task),
            "dtype": array.dtype.str,
            "shape": array.shape,
        }
        parts = (json.dumps(header).encode(), array)
        tracker = self.outbox.send_multipart(parts, zmq.DONTWAIT, copy=False, track=True)
        # From here libzmq alone holds the array, and so the map, until the bytes are written.
        self.trackers.append(tracker)

    async def _collect(self) -> None:
        """Take every result that is there."""
        workers = {worker.name: worker for worker in self.pool.workers}
        for message in await self.inbox.recv_many(len(self.plan.tasks)):
            self.progress_at = monotonic()
            answer = json.loads(message)
            task = self.plan.tasks[answer["number"]]
            self.in_flight.pop(task.number, None)
            if task.number in self.results:
                continue
            result = Result(task, answer["digest"], answer["nbytes"])
            self.results[task.number] = result
            worker = workers[answer["worker"]]
            worker.files += 1
            worker.nbytes += result.nbytes
            worker.seconds += answer["seconds"]
            self.plan.on_result(result)

    # --- workers that go --------------------------------------------------------------------

    def _retire_one(self) -> None:
        """Let the first worker go while no message is on its way to anybody."""
        if len(self.pool.here) > 1:
            self.pool.dismiss(self.pool.here[0], "retired")
            # Until libzmq has noticed too, a file may be dealt to the one that left.
            self.someone_lost = True
            self.progress_at = monotonic()

    def _check_losses(self) -> None:
        """Send again what a lost worker had, or give up."""
        if self.pool.note_losses():
            self.someone_lost = True
        if not self.pool.here:
            raise RunFailed(f"no worker is left; {self._missing()}")
        quiet = monotonic() - self.progress_at
        if self.someone_lost and self.in_flight and quiet > LOST_SECONDS:
            self.someone_lost = False
            self.queue.extendleft(self.in_flight.values())
            self.in_flight.clear()
        if quiet > self.plan.timeout:
            raise RunFailed(
                f"nothing has come back for {self.plan.timeout:g} seconds; {self._missing()};"
                " for very large files raise --timeout"
            )

    def _missing(self) -> str:
        """Which files have no result, the first few by name."""
        names = [str(task) for task in self.plan.tasks if task.number not in self.results]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"no result for {', '.join(names[:5])}{more}"

    async def _check_released(self) -> None:
        """Everything was received, so libzmq must have let go of every map."""

        async def released() -> None:
            for tracker in self.trackers:
                await tracker

        try:
            await asyncio.wait_for(released(), RELEASE_SECONDS)
        except asyncio.TimeoutError:
            raise RunFailed("libzmq still holds memory of files that have been received") from None
