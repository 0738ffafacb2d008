"""The engine of one process: this one."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from upright.ground import limit_threads
from upright.policy import Policy, Weights
from upright.scale.engine import Answer, Job, Unit
from upright.scale.shards import Shards


class InProcess:
    """Does units here, one after the other.

    Args:
        job: What the run's units have in common.
        policy: The one that learns; it acts as it is.
        threads: What this process takes for matrix products otherwise; workers take one, and so
            does acting here, since a product's last bit can see it.
    """

    workers = 1

    def __init__(self, job: Job, policy: Policy, threads: int = 1) -> None:
        self._shards, self._threads = Shards(job, policy), threads
        self._units: deque[Unit] = deque()

    def publish(self, weights: Weights) -> None:
        """Nothing to do: they are the policy's own."""

    def submit(self, worker: int, unit: Unit) -> None:
        """Put it at the end of what is to be done."""
        self._units.append(unit)

    def wait(self, seconds: float) -> tuple[int, Answer] | None:
        """Do the next one; nothing here can end it, however long it takes.

        Raises:
            UprightError: As `Shards.do`.
        """
        with self._one_thread():
            return 0, self._shards.do(self._units.popleft())

    def end(self, worker: int) -> None:
        """Forget what is still to be done."""
        self._units.clear()

    def close(self) -> None:
        """Release the environments."""
        self._shards.close()

    @contextmanager
    def _one_thread(self) -> Iterator[None]:
        if self._threads == 1:
            yield
            return
        limit_threads(1)
        try:
            yield
        finally:
            limit_threads(self._threads)
