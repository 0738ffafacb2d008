"""The engine of worker processes on this machine, a pipe to each."""

import os
import signal
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

from upright.ground import State, UprightError
from upright.policy import Weights
from upright.scale.engine import WAITS, Job, Lost, Reply, Response, Unit
from upright.scale.sending import sendable, without_main
from upright.scale.worker import Message, serve

CLOSING_SECONDS = 1.0
AHEAD, SMALL_BYTES = 2, 1 << 15


@dataclass
class _Running:
    """A worker that was begun.

    Attributes:
        process: It.
        pipe: This side of what leads there.
        acts_with: Which of all weights that were published it was sent last.
        units: What it has still to be sent, as `ForkingPickler` writes it.
        sent: How many units it was sent and has not answered.
        shards: Of its units that are not answered, the shards.
        stands: Of its other shards, the states that it answered with last.
    """

    process: SpawnProcess
    pipe: "Connection[Message, Response]"
    acts_with: int = 0
    units: deque[memoryview] = field(default_factory=deque)
    sent: int = 0
    shards: deque[int] = field(default_factory=deque)
    stands: dict[int, State] = field(default_factory=dict)

    def feed(self) -> None:
        """Send a unit, and a small one ahead, which waits there while the first is done.

        A pipe holds a small one always. With a large one, both sides might wait for each other.

        Raises:
            OSError: Nobody is there, or whoever is there takes nothing.
        """
        while self.units and (
            not self.sent or (self.sent < AHEAD and len(self.units[0]) <= SMALL_BYTES)
        ):
            self.pipe.send_bytes(self.units.popleft())
            self.sent += 1


class ProcessEngine:
    """Does units in processes, which begin with the first of their units.

    Args:
        job: What the run's units have in common.
        workers: How many processes, at least 1.
        seconds: What a unit may take; sending one, and reading its answer, may take twice as long.

    Raises:
        UprightError: Something of the job is a function that no other process can import, or this
            process may have no others.
    """

    waits: tuple[float, ...] = WAITS

    def __init__(self, job: Job, workers: int, seconds: float = 60.0) -> None:
        if current_process().daemon:
            raise UprightError(
                "This process is a worker of another one, and may not have workers of its own.",
                "Say workers = 0 for what it trains.",
            )
        self.workers, self._spec = workers, sendable(job)
        self._job, self._seconds = job, seconds
        self._running: dict[int, _Running] = {}
        self._failed: dict[int, str] = {}
        self._published, self._weights = 0, b""

    def publish(self, weights: Weights) -> None:
        """Keep a copy, which every worker is sent with its first unit from now on."""
        self._published, self._weights = self._published + 1, bytes(ForkingPickler.dumps(weights))

    def submit(self, worker: int, unit: Unit) -> None:
        """Send a unit; that it cannot be sent, `wait` says."""
        try:
            running = self._running.get(worker) or self._begun(worker)
            is_behind = unit.plays and running.acts_with != self._published
            if running.stands.pop(unit.shard, None) is unit.before:
                unit = replace(unit, before=None)
            message: Message = (unit, self._weights if is_behind else b"")
            running.shards.append(unit.shard)
            running.acts_with = self._published if is_behind else running.acts_with
            running.units.append(ForkingPickler.dumps(message))
        except OSError as error:
            self._failed[worker] = f"could not begin ({error})"
        else:
            self._feed(worker, running)

    def _feed(self, worker: int, running: _Running) -> None:
        try:
            running.feed()
        except OSError as error:
            self._failed[worker] = self._end_of(worker) or f"takes nothing more ({error})"

    def wait(self, seconds: float) -> tuple[int, Response] | None:
        """Whichever worker answers first, or ends."""
        if self._failed:
            worker, how = self._failed.popitem()
            return worker, Lost(how)
        asked = {n: running for n, running in self._running.items() if running.sent}
        of: dict[Any, int] = {running.pipe: worker for worker, running in asked.items()}
        of |= {running.process.sentinel: worker for worker, running in asked.items()}
        ready = wait([*of], seconds)
        if not ready:
            return None
        worker = of[ready[0]]
        return worker, self._answer_of(worker, self._running[worker].pipe in ready)

    def _answer_of(self, worker: int, has_sent: bool) -> Response:
        """What a worker sent; what it sent before it ended still counts."""
        running = self._running[worker]
        with suppress(EOFError, OSError):
            if has_sent or running.pipe.poll():
                came = running.pipe.recv()
                running.sent -= 1
                shard = running.shards.popleft()
                if isinstance(came, Reply):
                    running.stands[shard] = came.after
                self._feed(worker, running)
                return came
        return Lost(self._end_of(worker) or "stopped in the middle of its answer")

    def _end_of(self, worker: int) -> str:
        """How a worker's process ended, in words; empty where it did not."""
        if worker not in self._running:
            return ""
        process = self._running[worker].process
        process.join(CLOSING_SECONDS / 5)
        code = process.exitcode
        if code is None:
            return ""
        return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def end(self, worker: int) -> None:
        """Kill a worker."""
        self._failed.pop(worker, None)
        running = self._running.pop(worker, None)
        if running is not None:
            _killed(running)

    def close(self) -> None:
        """End the pipes, whose other sides then release their environments; kill what stays."""
        left, self._running = self._running, {}
        for running in left.values():
            running.pipe.close()
        for running in left.values():
            if not running.sent:
                running.process.join(CLOSING_SECONDS)
            _killed(running)

    def _begun(self, worker: int) -> _Running:
        """A new process.

        Raises:
            OSError: The machine has no room for one.
        """
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(
            target=serve,
            args=(theirs, self._job, self._spec),
            name=f"upright-worker-{worker}",
            daemon=True,
        )
        with _interrupts_held(), without_main():
            process.start()
        theirs.close()
        _limit_waiting(ours, 2 * self._seconds)
        self._running[worker] = _Running(process, ours)
        return self._running[worker]


def _killed(running: _Running) -> None:
    running.process.kill()  # a stopped process, or one that hangs, heeds nothing else
    running.process.join(CLOSING_SECONDS)
    running.pipe.close()
    if running.process.exitcode is not None:
        running.process.close()


def _limit_waiting(pipe: "Connection[Any, Any]", seconds: float) -> None:
    """Let sending and reading raise an OSError after so long; a frozen process empties no pipe."""
    if os.name != "posix":
        return
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    with socket.socket(fileno=os.dup(pipe.fileno())) as end:
        for direction in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            end.setsockopt(socket.SOL_SOCKET, direction, limit)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """What is begun meanwhile holds Ctrl-C back, until it has said that it ignores it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it lets them through when it begins
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
