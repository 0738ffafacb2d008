"""The engine of Ray's actors: on this machine alone, or on all of a cluster."""

from collections import defaultdict, deque
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler
from typing import Any

from upright.policy import Weights
from upright.scale.engine import Job, Lost, Response, Unit
from upright.scale.ray_cluster import attached, detached, how_lost
from upright.scale.ray_node import whereabouts
from upright.scale.ray_worker import RayWorker
from upright.scale.sending import sendable, without_main

# What answered already may need a moment to come here.
SHORTEST_WAIT = 0.2


class RayEngine:
    """Does units in actors, which begin with the first of their units, wherever Ray has room.

    Ray starts and tries nothing again: with its own retries, an actor that has a state may give
    wrong data without a word.

    Args:
        job: What the run's units have in common.
        workers: How many actors, at least 1.
        address: The cluster; empty for this machine alone.

    Raises:
        UprightError: Ray is missing, cannot be reached or begun, or would be open to others; or
            something of the job is a function that no other process can import.
    """

    # The last one goes past the moment at which Ray knows that a node is dead: after 15 s.
    waits: tuple[float, ...] = (0.1, 1.0, 20.0)

    def __init__(self, job: Job, workers: int, address: str = "") -> None:
        self.workers, spec = workers, sendable(job)
        with without_main():
            common = bytes(ForkingPickler.dumps((job, spec)))
        self._ray = attached(address, workers)
        self._begins_with = (whereabouts(), self._ray.put(common))
        # Next to no share of a CPU is held for one, so that there is room on fewer nodes too; with
        # none at all, Ray would not spread them.
        chosen: dict[str, Any] = {"num_cpus": 0.001, "scheduling_strategy": "SPREAD"}
        self._kind = self._ray.remote(max_restarts=0, max_task_retries=0, **chosen)(RayWorker)
        self._actors: dict[int, Any] = {}
        self._acts_with: dict[int, int] = {}
        self._answers: defaultdict[int, deque[Any]] = defaultdict(deque)
        self._published, self._weights = 0, self._ray.put(b"")

    def publish(self, weights: Weights) -> None:
        """Put a copy into Ray's store, whence every node takes it once."""
        self._published += 1
        self._weights = self._ray.put(bytes(ForkingPickler.dumps(weights)))

    def submit(self, worker: int, unit: Unit) -> None:
        """Send a unit; that it cannot be done, `wait` says."""
        if worker not in self._actors:
            self._actors[worker] = self._kind.remote(*self._begins_with)
        is_behind = unit.plays and self._acts_with.get(worker) != self._published
        if is_behind:
            self._acts_with[worker] = self._published
        sent = bytes(ForkingPickler.dumps(unit))
        answer = self._actors[worker].do.remote(sent, self._weights if is_behind else b"")
        self._answers[worker].append(answer)

    def wait(self, seconds: float) -> tuple[int, Response] | None:
        """Whichever worker answers its first unit first, or is lost."""
        first = {answers[0]: worker for worker, answers in self._answers.items() if answers}
        ready, _ = self._ray.wait([*first], timeout=max(seconds, SHORTEST_WAIT))
        if not ready:
            return None
        worker = first[ready[0]]
        self._answers[worker].popleft()
        try:
            answer: Response = ForkingPickler.loads(self._ray.get(ready[0]))
        except self._ray.exceptions.RayError as error:
            return worker, Lost(how_lost(self._ray, error))
        return worker, answer

    def end(self, worker: int) -> None:
        """Kill a worker."""
        self._answers.pop(worker, None)
        self._acts_with.pop(worker, None)
        actor = self._actors.pop(worker, None)
        if actor is not None:
            with suppress(self._ray.exceptions.RayError):  # it was gone already
                self._ray.kill(actor, no_restart=True)

    def close(self) -> None:
        """Kill all of them; a Ray that this process began ends with its last engine."""
        for worker in list(self._actors):
            self.end(worker)
        if self._ray is not None:
            self._ray = None
            detached()
