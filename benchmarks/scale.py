"""Shards in worker processes and on Ray: an iteration's cost beyond the work, and steps per second.

    python benchmarks/scale.py --parts overhead,rates --engines process,ray

Ray (extra ray) is begun for this machine alone, where it is asked for. Parts: overhead (of one
collect beyond the work, in this process and in workers), rates (steps per second while collecting,
workers against this process).
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import machine
import upright
from asking import parse_list, say, some_of
from report import Ratios, Requirement, requirements_table, spread, table, write
from upright.cli.arguments import count
from upright.policy import Policy
from upright.rollout import Rollout
from upright.scale import (
    Engine,
    InProcess,
    Job,
    ProcessEngine,
    RayEngine,
    Reply,
    ShardedCollector,
)

PARTS = ("overhead", "rates")
ENVS = ("LunarLander-v3", "HalfCheetah-v5")
SHARDS, WIDTH, STEPS = 4, 4, 128
OVERHEAD_MS = {"process": 1.0, "ray": 12.0}  # at most, of two workers
FASTER = 1.6  # at least, with two worker processes


class Who(NamedTuple):
    """Who collects: so many workers of an engine; 0 is this process.

    Attributes:
        engine: "process" or "ray".
        workers: How many.
    """

    engine: str
    workers: int

    def __str__(self) -> str:
        if not self.workers:
            return "this process"
        of_ray = " of Ray" if self.engine == "ray" else ""
        return f"{self.workers} worker{'s'[: self.workers > 1]}{of_ray}"

    def of(self, job: Job, policy: Policy, seconds: float) -> Engine:
        """The engine."""
        if not self.workers:
            return InProcess(job, policy)
        if self.engine == "ray":
            return RayEngine(job, self.workers)
        return ProcessEngine(job, self.workers, seconds)


HERE = Who("process", 0)


class Timed:
    """An engine that keeps what its workers' units took.

    Args:
        engine: It.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self.workers = engine, engine.workers
        self.took: Counter[int] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def wait(self, seconds: float) -> Any:
        """The engine's answer, noted."""
        came = self._engine.wait(seconds)
        if came is not None and isinstance(came[1], Reply):
            self.took[came[0]] += came[1].seconds  # type: ignore[assignment]
        return came


class Bench:
    """Shards of an environment, and who collects them."""

    def __init__(self, env: str, who: Who, steps: int, seconds: float = 60.0) -> None:
        self.steps, num_envs = steps * SHARDS * WIDTH, SHARDS * WIDTH
        chosen: dict[str, Any] = {"num_envs": num_envs, "num_steps": steps, "shards": SHARDS}
        trainer = upright.Trainer(env, "ppo", seed=0, **chosen)
        trainer.close()
        job = Job(trainer.env, trainer.settings, 0, trainer.backend, trainer.device)
        self._work = max if who.workers else sum
        self.engine = Timed(who.of(job, trainer.policy, seconds))
        policy, settings = trainer.policy, trainer.settings
        self.collector = ShardedCollector(self.engine, policy, settings, seconds)
        self.collect()  # what begins, begins now

    def collect(self) -> Rollout:
        """One rollout."""
        return self.collector.collect()

    def timed(self) -> tuple[float, float]:
        """Seconds of one collect, and of the worker that had most to do in it."""
        self.engine.took.clear()
        began = time.perf_counter()
        self.collect()
        return time.perf_counter() - began, self._work(self.engine.took.values())

    def close(self) -> None:
        """End the workers."""
        self.collector.close()


@contextmanager
def benches(env: str, everybody: Sequence[Who], steps: int) -> Iterator[list[Bench]]:
    """One for each who collects, measured in turn, so that a busy machine is so for all."""
    made = [Bench(env, each, steps) for each in everybody]
    try:
        yield made
    finally:
        for each in made:
            each.close()


def overhead_section(laps: int, engines: Sequence[str]) -> str:
    """What one collect takes beyond the work; the report on it."""
    rows, promises = [], []
    for env, steps, what in (
        ("CartPole-v1", 1, "a single step: next to no work"),
        (ENVS[0], STEPS, f"{STEPS} steps"),
    ):
        everybody = [HERE, *(Who(engine, 2) for engine in engines)]
        with benches(env, everybody, steps) as made:
            for bench, who in zip(made, everybody, strict=True):
                beyond = []
                for _ in range(laps):
                    whole, work = bench.timed()
                    beyond.append(1000 * (whole - work))
                say(f"{env}, {steps}, {who}: {spread(beyond, '.2f')} ms")
                rows.append((f"{env}, {what}", str(who), spread(beyond, ".2f")))
                if who.workers:
                    most, found = OVERHEAD_MS[who.engine], float(np.median(beyond))
                    promise = f"{env}, {steps} steps: at most {most:g} ms beyond the work, {who}"
                    promises.append(Requirement(promise, f"{found:.2f} ms", found <= most))
    text = (
        f"{SHARDS} shards of {WIDTH} environments. What a collect takes less the time of the "
        "worker that had most to do, which it reports itself: sending weights, units and states, "
        "waiting, receiving and joining rollouts. Median (least to greatest), ms."
    )
    header = ("a collect of", "by", "beyond the work, ms")
    parts = ["## Overhead of an iteration", text, table(header, rows), requirements_table(promises)]
    return "\n\n".join(parts)


def rates_section(envs: Sequence[str], laps: int, engines: Sequence[str]) -> str:
    """Steps per second while collecting; the report on it."""
    rows, promises = [], []
    for env in envs:
        everybody = [HERE, *(Who(engine, 2) for engine in engines)]
        with benches(env, everybody, STEPS) as made:
            laps_of = [[bench.timed()[0] for bench in made] for _ in range(laps)]
        alone, *others = zip(*laps_of, strict=True)
        for who, every in zip(everybody, (alone, *others), strict=True):
            ratio = Ratios.between(alone, every)
            rates = [made[0].steps / seconds for seconds in every]
            rows.append((env, str(who), spread(rates, ",.0f"), f"{ratio.of_medians:.2f}"))
            say(f"{env}, {who}: {ratio}")
            if who == Who("process", 2):
                promise = f"{env}: 2 workers at least {FASTER:g} times as fast"
                promises.append(Requirement(promise, f"{ratio}", ratio.smaller >= FASTER))
    text = (
        f"{SHARDS} shards of {WIDTH} environments, {STEPS} steps a rollout, an untrained policy of "
        "two times 64 units; collects in turn. Median (least to greatest)."
    )
    parts = ["## Steps per second while collecting", text]
    return "\n\n".join(
        [
            *parts,
            table(("environment", "by", "steps/s", "times as fast"), rows),
            requirements_table(promises),
        ]
    )


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", type=some_of(PARTS), default=[*PARTS], help="default: all, comma-separated")
    text = "process, ray or both, comma-separated; default process"
    add("--engines", type=some_of(OVERHEAD_MS, "engine"), default=["process"], help=text)
    add("--envs", type=parse_list, default=[*ENVS], help=f"of rates; default {','.join(ENVS)}")
    add("--laps", type=count, default=100, help="collects of each measurement; default 100")
    add("--out", type=Path, default=Path(__file__).with_name("scale.md"), help="the report")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and write the report."""
    args = read_arguments(words)
    parts = [machine.head("scale.py", "Shards in worker processes")]
    if "overhead" in args.parts:
        parts.append(overhead_section(args.laps, args.engines))
    if "rates" in args.parts:
        parts.append(rates_section(args.envs, args.laps, args.engines))
    write(args.out, parts)


if __name__ == "__main__":
    main()
