"""Units given to workers that may be lost: named, begun anew, and tried again."""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from upright.ground import UprightError
from upright.scale.engine import Engine, Fault, Lost, Reply, Response, Unit


class Crew:
    """The workers of an engine, and what each of them has to do.

    A shard always goes to the same worker, which need not play it again then.

    Args:
        engine: The workers.
        seconds: What a unit may take; as much again where its worker begins with it, and for every
            `num_steps` of an episode that is to be played again.
        num_steps: Of a rollout; 0 where whole episodes are collected.
        width: Environments in one shard.

    Attributes:
        notes: Which workers were lost since this was last emptied, in sentences.
    """

    def __init__(self, engine: Engine, seconds: float, num_steps: int, width: int) -> None:
        self._engine, self._seconds, self._num_steps = engine, seconds, num_steps
        self._width = width
        self._given: dict[int, deque[Unit]] = {}
        self._until: dict[int, float] = {}
        self._known: dict[int, set[int]] = {}  # of every worker that began, the shards it has done
        self._losses: Counter[int] = Counter()
        self._asked: list[int] = []
        self._replies: dict[int, Reply] = {}
        self.notes: list[str] = []

    @property
    def busy(self) -> bool:
        """Whether units were begun that nobody has waited for."""
        return bool(self._given)

    def do(self, units: Sequence[Unit]) -> list[Reply]:
        """`begin`, and `finish`."""
        self.begin(units)
        return self.finish()

    def begin(self, units: Sequence[Unit]) -> None:
        """Let workers do units of different shards; `finish` waits for them."""
        self._asked, self._replies = [unit.shard for unit in units], {}
        self._losses.clear()
        shares: defaultdict[int, list[Unit]] = defaultdict(list)
        for unit in units:
            shares[unit.shard % self._engine.workers].append(unit)
        try:
            given = {
                unit.shard: (worker, unit)
                for worker, share in shares.items()
                for unit in self._given_to(worker, share)
            }
            for shard in self._asked:  # so every worker begins before one is told what comes after
                self._engine.submit(*given[shard])
        except BaseException:
            self.dismiss()
            raise

    def finish(self) -> list[Reply]:
        """What came of the units that were begun, in their order, whoever did them and when.

        Raises:
            UprightError: An environment is at fault, or a unit's worker was lost again and again.
        """
        try:
            while self._given:
                worker, response = self._response()
                if isinstance(response, Fault):
                    raise UprightError(response.message, response.hint)
                if isinstance(response, Reply):
                    self._replies[self._done(worker)] = response
                else:
                    self._recover(worker, response)
        finally:
            self.dismiss()  # something was raised where there still are some
        return [self._replies[shard] for shard in self._asked]

    def dismiss(self) -> None:
        """End the workers whose units are not done; nobody waits for these now."""
        for worker in list(self._given):
            self._dismiss(worker)

    def _given_to(self, worker: int, units: Sequence[Unit]) -> Sequence[Unit]:
        """What a worker is from now on waited for: these, one after the other."""
        begins = worker not in self._known
        known = self._known.setdefault(worker, set())
        given: list[Unit] = []
        for unit in units:
            stands = unit.plays and unit.shard in known
            again = 0 if stands else self._rollouts_again(unit)
            times = 1 + again + (begins and not given)
            given.append(replace(unit, seconds=self._seconds * times))
        self._given[worker] = deque(given)
        self._begin_next(worker)
        return given

    def _rollouts_again(self, unit: Unit) -> int:
        """How many rollouts long the longest episode is that is to be played again."""
        lengths = () if unit.before is None else unit.before.arrays.get("envs.lengths", ())
        return int(max(lengths, default=0)) // max(1, self._num_steps)

    def _begin_next(self, worker: int) -> None:
        """From now on the worker does the first of its units."""
        self._until[worker] = time.monotonic() + self._given[worker][0].seconds

    def _response(self) -> tuple[int, Response]:
        """Whatever comes first; who is late is as good as lost."""
        late = min(self._given, key=lambda worker: self._until[worker])
        came = self._engine.wait(max(0.0, self._until[late] - time.monotonic()))
        seconds = self._given[late][0].seconds
        return came or (late, Lost(f"has not answered for {seconds:g} s"))

    def _done(self, worker: int) -> int:
        """The shard of the unit that a worker has just done."""
        shard = self._given[worker].popleft().shard
        self._known[worker].add(shard)
        if self._given[worker]:
            self._begin_next(worker)
        else:
            del self._given[worker]
        return shard

    def _recover(self, worker: int, lost: Lost) -> None:
        """End what is left of a lost worker, wait a while, and give another what it had to do.

        Raises:
            UprightError: It was the last try.
        """
        units = self._dismiss(worker)
        shard = units[0].shard
        first, last = shard * self._width, (shard + 1) * self._width - 1
        what = f"shard {shard} (environments {first} to {last})"
        self._losses[shard] += 1
        times = self._losses[shard]
        if times > len(self._engine.waits):
            raise UprightError(
                f"Worker {worker} was lost {times} times over {what}; the last time, its process "
                f"{lost.how}.",
                "Perhaps an environment crashes, the machine ran out of memory, or a rollout "
                "takes longer than --env-timeout; `upright resume` goes on, with other --workers "
                "too.",
            )
        self.notes.append(
            f"Worker {worker} was lost over {what}: its process {lost.how}. Another takes its "
            "place, and nothing else is lost."
        )
        time.sleep(self._engine.waits[times - 1])
        for unit in self._given_to(worker, units):
            self._engine.submit(worker, unit)

    def _dismiss(self, worker: int) -> list[Unit]:
        """End a worker; what it had still to do."""
        self._known.pop(worker, None)
        self._engine.end(worker)
        return list(self._given.pop(worker))
