"""The engine of one process: this one."""

from collections import deque

from upright.ground import limit_threads
from upright.policy import Policy, Weights
from upright.scale.engine import Job, Response, Unit
from upright.scale.shards import Shards


class InProcess:
    """Does units here, one after the other.

    Args:
        job: What the run's units have in common.
        policy: The one that learns. It acts as it is, but where the next rollout is collected while
            it learns: another one acts then, with the weights that were published.
        threads: What this process takes for matrix products otherwise; workers take one, and so
            does acting here, since a product's last bit can see it.
    """

    workers = 1
    waits: tuple[float, ...] = ()  # nobody is lost here

    def __init__(self, job: Job, policy: Policy, threads: int = 1) -> None:
        self._acts_apart = job.settings.collects_ahead
        self._shards = Shards(job, None if self._acts_apart else policy)
        self._threads = self._taken = threads
        self._units: deque[Unit] = deque()

    def publish(self, weights: Weights) -> None:
        """Keep a copy where another policy acts; else they are the policy's own."""
        if self._acts_apart:
            self._shards.load({name: array.copy() for name, array in weights.items()})

    def submit(self, worker: int, unit: Unit) -> None:
        """Put it at the end of what is to be done."""
        self._units.append(unit)

    def wait(self, seconds: float) -> tuple[int, Response] | None:
        """Do the next one; nothing here can end it, however long it takes.

        Raises:
            UprightError: As `Shards.do`.
        """
        unit = self._units.popleft()
        self._take(1)
        try:
            return 0, self._shards.do(unit)
        except BaseException:
            self._units.clear()  # nobody waits for them now
            raise
        finally:
            if not self._units:
                self._take(self._threads)

    def end(self, worker: int) -> None:
        """Forget what is still to be done."""
        self._units.clear()

    def close(self) -> None:
        """Release the environments."""
        self._shards.close()

    def _take(self, threads: int) -> None:
        """So many threads from now on; saying it takes milliseconds."""
        if threads != self._taken:
            limit_threads(threads)
            self._taken = threads
