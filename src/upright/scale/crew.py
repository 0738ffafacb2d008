"""Units given to workers that may be lost: named, begun anew, and tried again."""

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from upright.ground import UprightError
from upright.scale.engine import Engine, Fault, Lost, Reply, Response, Unit

# Seconds before a unit whose worker was lost is tried again: the first, second and third time.
WAITS = (0.1, 1.0, 5.0)


class _Given(NamedTuple):
    """A unit that a worker does, and when that worker counts as hung."""

    unit: Unit
    until: float


class Crew:
    """The workers of an engine, and what each of them does.

    A shard always goes to the same worker, which need not play it again then.

    Args:
        engine: The workers.
        seconds: What a unit may take; a worker that begins may take as much again, and as much
            again for every `num_steps` of an episode that it plays again.
        num_steps: Of a rollout; 0 where whole episodes are collected.
        width: Environments in one shard.

    Attributes:
        notes: Which workers were lost since this was last emptied, in sentences.
    """

    def __init__(self, engine: Engine, seconds: float, num_steps: int, width: int) -> None:
        self._engine, self._seconds, self._num_steps = engine, seconds, num_steps
        self._width = width
        self._begun: set[int] = set()
        self._given: dict[int, _Given] = {}
        self._losses: Counter[int] = Counter()
        self.notes: list[str] = []

    def do(self, units: Sequence[Unit]) -> list[Reply]:
        """What came of units of different shards, in their order, whoever did them and when.

        Raises:
            UprightError: An environment is at fault, or a unit's worker was lost again and again.
        """
        workers = self._engine.workers
        waiting: list[deque[Unit]] = [deque() for _ in range(workers)]
        for unit in units:
            waiting[unit.shard % workers].append(unit)
        replies: dict[int, Reply] = {}
        self._losses.clear()
        try:
            for worker in range(workers):
                self._give(worker, waiting[worker])
            for worker, answer in self._answers():
                given = self._given.pop(worker)
                if isinstance(answer, Fault):
                    raise UprightError(answer.message, answer.hint)
                if isinstance(answer, Reply):
                    replies[given.unit.shard] = answer
                else:
                    self._take_note(worker, given.unit, answer)
                    waiting[worker].appendleft(given.unit)
                self._give(worker, waiting[worker])
        finally:
            for worker in self._given:  # something was raised; nobody waits for these any more
                self._dismiss(worker)
            self._given.clear()
        return [replies[unit.shard] for unit in units]

    def _give(self, worker: int, waiting: deque[Unit]) -> None:
        if waiting:
            unit = waiting.popleft()
            seconds = self._seconds * (1 if worker in self._begun else 2 + self._again(unit))
            self._begun.add(worker)
            unit = replace(unit, seconds=seconds)
            self._given[worker] = _Given(unit, time.monotonic() + seconds)
            self._engine.submit(worker, unit)

    def _again(self, unit: Unit) -> int:
        """How many rollouts long the longest episode is that is to be played again."""
        lengths = unit.before.arrays.get("envs.lengths", ())
        return int(max(lengths, default=0)) // max(1, self._num_steps)

    def _answers(self) -> Iterator[tuple[int, Response]]:
        """Whatever comes, until nobody has anything to do; late is as good as lost."""
        while self._given:
            late = min(self._given, key=lambda worker: self._given[worker].until)
            unit, until = self._given[late]
            came = self._engine.wait(max(0.0, until - time.monotonic()))
            yield came or (late, Lost(f"has not answered for {unit.seconds:g} s"))

    def _take_note(self, worker: int, unit: Unit, lost: Lost) -> None:
        """End what is left of a lost worker, and wait a while.

        Raises:
            UprightError: It was the last try.
        """
        self._dismiss(worker)
        first, last = unit.shard * self._width, (unit.shard + 1) * self._width - 1
        what = f"shard {unit.shard} (environments {first} to {last})"
        self._losses[unit.shard] += 1
        times = self._losses[unit.shard]
        if times > len(WAITS):
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
        time.sleep(WAITS[times - 1])

    def _dismiss(self, worker: int) -> None:
        self._begun.discard(worker)
        self._engine.end(worker)
