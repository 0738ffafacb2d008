"""Shards in worker processes and on Ray: an iteration's cost beyond the work, speed, faults, lag.

    python benchmarks/scale.py --parts overhead,rates --engines process,ray

Ray (extra ray) is begun for this machine alone, where it is asked for. Parts: overhead (of one
collect beyond the work, in this process and in workers), rates (steps per second while collecting,
workers against this process), faults (workers that are killed or stopped: what was seen, what it
cost, and whether anything was lost), lag (steps to a verified policy where the next rollout is
collected while learning from this one; it sees no clock).
"""

import argparse
import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import machine
import upright
from report import Ratios, Requirement, requirements_table, spread, table
from throughput import parse_list, say
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed
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

PARTS = ("overhead", "rates", "faults", "lag")
ENVS = ("LunarLander-v3", "HalfCheetah-v5")
SHARDS, WIDTH, STEPS = 4, 4, 128
OVERHEAD_MS = {"process": 1.0, "ray": 12.0}  # at most, of two workers
FASTER = 1.6  # at least, with two worker processes
HUNG_AFTER = 5.0  # seconds
# Tasks of the part lag, and the timesteps between their evaluations.
LAGGED = {"CartPole-v1": 512, "Acrobot-v1": 1024, "LunarLander-v3": 4096}
FAULTS = {"killed (SIGKILL)": signal.SIGKILL, "frozen (SIGSTOP)": signal.SIGSTOP}


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


def same(one: Rollout, other: Rollout) -> bool:
    """Whether two rollouts are, to the last bit."""
    ours, theirs = one.arrays(), other.arrays()
    alike = all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    return alike and one.episodes == other.episodes


def faults_section(env: str, laps: int, engines: Sequence[str]) -> str:
    """Workers that are killed or stopped, each time in one collect; the report on it."""
    rows = [_faults(env, laps, Who(engine, 2), what) for engine in engines for what in FAULTS]
    text = (
        f"{env}, {SHARDS} shards, 2 workers, of which one is struck in the middle of every "
        f"collect; --env-timeout {HUNG_AFTER:g}. What is lost: every rollout is compared, to the "
        "last bit, with that of a process that nobody disturbs."
    )
    header = ("one of", "is", 'the run says "its process ..."', "s that it cost", "lost")
    return "\n\n".join(["## Faults", text, table(header, rows)])


def _faults(env: str, laps: int, who: Who, what: str) -> tuple[str, ...]:
    """One kind of fault, again and again; its row."""
    with (
        closing(Bench(env, HERE, STEPS)) as calm,
        closing(Bench(env, who, STEPS, HUNG_AFTER)) as struck,
    ):
        usual = float(np.median([_struck(struck, who, None)[0] for _ in range(5)]))
        for _ in range(5):
            calm.collect()
        cost, said, lost = [], set(), 0
        for _ in range(laps):
            seconds, rollout = _struck(struck, who, FAULTS[what])
            cost.append(seconds - usual)
            said |= {note.partition("its process ")[2].split(".")[0] for note in rollout.notes}
            lost += not same(rollout, calm.collect())
    say(f"{who}, {what}: {spread(cost, '.2f')} s")
    nothing = "nothing" if not lost else f"{lost} rollouts were OTHERS"
    return str(who), what, "; ".join(sorted(said)), spread(cost, ".2f"), nothing


def _victim(who: Who) -> int:
    """The process of a worker."""
    if who.engine == "process":
        return min(each.pid or 0 for each in multiprocessing.active_children())
    import psutil

    descendants = psutil.Process().children(recursive=True)
    actors = [each for each in descendants if "ray::RayWorker" in " ".join(each.cmdline())]
    # Ray's kill does not reach one that is frozen; it stays until Ray ends.
    return min(int(each.pid) for each in actors if each.status() != psutil.STATUS_STOPPED)


def _struck(bench: Bench, who: Who, how: signal.Signals | None) -> tuple[float, Rollout]:
    """One collect, and its seconds, in which a worker gets a signal after a few milliseconds."""
    victim = 0 if how is None else _victim(who)
    began = time.perf_counter()
    if how is not None:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(victim, how))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    rollout = bench.collect()
    signal.setitimer(signal.ITIMER_REAL, 0.0)  # it may have been over before
    return time.perf_counter() - began, rollout


def lag_section(seeds: Sequence[int]) -> str:
    """Steps to a verified policy with a lag and without; the report on it."""
    rows = []
    for env, every in LAGGED.items():
        both = [[_solved(env, every, lag, seed) for seed in seeds] for lag in (0, 1)]
        steps = [[float(taken) for _, taken in runs] for runs in both]
        for lag, runs in enumerate(both):
            ratio = str(Ratios.between(steps[1], steps[0])) if lag else ""
            solved = f"{sum(is_solved for is_solved, _ in runs)} of {len(runs)}"
            rows.append((env, str(lag), solved, spread(steps[lag], ",.0f"), ratio))
    text = (
        f"PPO, the preset's settings in {SHARDS} shards, evaluated every "
        f"{', '.join(f'{every:,}' for every in LAGGED.values())} timesteps, seeds {seeds[0]} to "
        f"{seeds[-1]}. Timesteps until the policy was solved and verified, or the budget spent: "
        "median (least to greatest). The ratio is of the medians, then of the pairs of a seed."
    )
    header = ("environment", "lag", "solved", "timesteps", "lag 1 over lag 0")
    return "\n\n".join(["## One rollout ahead (`--lag 1`)", text, table(header, rows)])


def _solved(env: str, every: int, lag: int, seed: int) -> tuple[bool, int]:
    """Whether a run was solved, and the timesteps that it took."""
    how: dict[str, Any] = {"shards": SHARDS, "lag": lag, "seed": seed, "eval_every": every}
    with tempfile.TemporaryDirectory() as out:
        info = upright.train(env, "ppo", out=out, media=False, **how).info
    say(f"{env}, seed {seed}, lag {lag}: {info['timesteps']:,}, solved {info['solved']}")
    return info["solved"] is True, info["timesteps"]


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", type=parse_list, default=[*PARTS], help="default: all, comma-separated")
    text = "process, ray or both, comma-separated; default process"
    add("--engines", type=parse_list, default=["process"], help=text)
    add("--envs", type=parse_list, default=[*ENVS], help=f"of rates; default {','.join(ENVS)}")
    add("--laps", type=count, default=30, help="collects of each measurement; default 30")
    add("--faults", type=count, default=5, help="workers struck of each kind; default 5")
    add("--seeds", type=count, default=5, help="of lag; default 5")
    add("--first-seed", type=first_seed, default=400, help="the first of them; default 400")
    add("--out", type=Path, default=Path(__file__).with_name("scale.md"), help="the report")
    args = parser.parse_args(words)
    if unknown := {*args.engines} - {*OVERHEAD_MS}:
        parser.error(f"no engine {', '.join(sorted(unknown))}; there are {', '.join(OVERHEAD_MS)}")
    if unknown := {*args.parts} - {*PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return args


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and write the report."""
    args = read_arguments(words)
    parts = [machine.head("scale.py", "Shards in worker processes")]
    if "overhead" in args.parts:
        parts.append(overhead_section(args.laps, args.engines))
    if "rates" in args.parts:
        parts.append(rates_section(args.envs, args.laps, args.engines))
    if "faults" in args.parts:
        parts.append(faults_section(args.envs[0], args.faults, args.engines))
    if "lag" in args.parts:
        parts.append(lag_section(range(args.first_seed, args.first_seed + args.seeds)))
    report = "\n\n".join(parts) + "\n"
    args.out.write_text(report, encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()
