"""To how many workers and nodes the synchronous design scales, by a simulation of its costs.

    python benchmarks/scaling.py                # from the costs in scaling.toml
    python benchmarks/scaling.py --measure      # measures them here first, and rewrites the file

An iteration is simulated as it is: weights go out, every worker does one of its shards after the
other, this process takes in one reply after the other, joins them, and learns. Sometimes a worker
is lost.
"""

import argparse
import random
import statistics
import time
import tomllib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import machine
from asking import say
from report import table, write
from upright.cli.arguments import count

COSTS = Path(__file__).with_name("scaling.toml")
WORKERS = (0, 2, 4, 8, 16, 32, 64, 128, 256)
CORES = 16  # of a node; one of the first node's is the driver's
WORTH = 1.25  # what twice as many workers should bring at least
SHARDS, WIDTH, STEPS = 256, 4, 32
# What is measured: the task's name, its environment, and settings that are not the preset's.
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "CartPole": ("CartPole-v1", {}),
    "LunarLander": ("LunarLander-v3", {}),
    "HalfCheetah": ("HalfCheetah-v5", {}),
    "Atari (Pong)": ("ALE/Pong-v5", {"num_steps": 16}),
}


@dataclass(frozen=True)
class Costs:
    """What a task costs on one core, by environment step where it does not say otherwise.

    Attributes:
        name: The task's.
        collect_us: Stepping and acting, microseconds.
        jitter: Standard deviation of what a shard's rollout takes, as a part of it.
        update_us: Learning, microseconds.
        rollout_bytes: Of what a worker sends back.
        weights_bytes: Of what a worker acts with, as a whole.
    """

    name: str
    collect_us: float
    jitter: float
    update_us: float
    rollout_bytes: float
    weights_bytes: float

    @property
    def ceiling(self) -> float:
        """How many times as fast as one process an iteration of any number of workers can be."""
        return (self.collect_us + self.update_us) / self.update_us


@dataclass(frozen=True)
class Wires:
    """What travelling and losing costs.

    Attributes:
        process_ms: Of the driver's time for a unit of a worker process, beyond its bytes.
        ray_ms: The same, of an actor.
        copied_per_s: Bytes that the driver takes in and joins.
        network_per_s: Bytes that pass between two nodes.
        latency_ms: Of a message between nodes.
        losses_per_hour: Of one worker.
        recovery_s: That a lost worker costs.
    """

    process_ms: float
    ray_ms: float
    copied_per_s: float
    network_per_s: float
    latency_ms: float
    losses_per_hour: float
    recovery_s: float


@dataclass(frozen=True)
class Design:
    """How an iteration goes.

    Attributes:
        name: In words.
        lag: Whether the next rollout is collected while this one is learned from.
        faster: How many times as fast as on one core learning is.
    """

    name: str
    lag: bool = False
    faster: float = 1.0


SYNCHRONOUS = Design("as it is")
NEXT = (
    Design("one behind (--lag 1)", lag=True),
    Design("learning 8 times as fast (gradients on 8 cores, or a GPU)", faster=8.0),
    Design("both", lag=True, faster=8.0),
)


def nodes_of(workers: int) -> int:
    """How many nodes have room for so many workers, and for the driver."""
    return ceil((workers + 1) / CORES)


def collected(task: Costs, wires: Wires, workers: int, rng: random.Random) -> float:
    """Seconds from sending weights to having the whole rollout."""
    unit = task.collect_us * 1e-6 * WIDTH * STEPS
    drawn = [unit * max(0.2, rng.gauss(1.0, task.jitter)) for _ in range(SHARDS)]
    if not workers:
        return sum(drawn)
    nodes, is_far = nodes_of(workers), nodes_of(workers) > 1
    bytes_of = task.rollout_bytes * WIDTH * STEPS
    begins = (nodes - 1) * (task.weights_bytes / wires.network_per_s + wires.latency_ms * 1e-3)
    begins += 0 if is_far else workers * task.weights_bytes / wires.copied_per_s
    takes = (wires.ray_ms if is_far else wires.process_ms) * 1e-3 + bytes_of / wires.copied_per_s
    arrivals, stands = [], [begins] * workers
    for shard, seconds in enumerate(drawn):
        worker = shard % workers
        stands[worker] += seconds
        crossing = bytes_of / wires.network_per_s if worker >= CORES - 1 else 0.0
        arrivals.append((stands[worker], crossing))
    now = 0.0
    for arrived, crossing in sorted(arrivals):
        now = max(now, arrived) + takes + crossing
    now += SHARDS * bytes_of / wires.copied_per_s
    lost = rng.random() < wires.losses_per_hour / 3600 * workers * now
    return now + lost * wires.recovery_s


def rate(task: Costs, wires: Wires, workers: int, design: Design, laps: int) -> float:
    """Environment steps per second over so many iterations; the same laps draw the same numbers."""
    rng = random.Random(f"{task.name} {workers}")
    steps = SHARDS * WIDTH * STEPS
    update = task.update_us * 1e-6 * steps / design.faster
    seconds = 0.0
    for _ in range(laps):
        collect = collected(task, wires, workers, rng)
        seconds += max(collect, update) if design.lag and workers else collect + update
    return laps * steps / seconds


def worth(rates: Sequence[float]) -> int:
    """The last place to which twice as many workers brought a quarter more."""
    last = 0
    for place in range(1, len(rates)):
        if rates[place] < rates[last] * WORTH:
            break
        last = place
    return last


def rows_of(task: Costs, wires: Wires, laps: int) -> tuple[str, ...]:
    """What the simulation says of a task."""
    rates = [rate(task, wires, workers, SYNCHRONOUS, laps) for workers in WORKERS]
    last = worth(rates)
    shown = [f"{rates[WORKERS.index(n)] / rates[0]:.1f}" for n in (2, 8, 32, 128)]
    scales = f"{WORKERS[last]} ({nodes_of(WORKERS[last])})" if last else "this process"
    return (task.name, f"{rates[0]:,.0f}", *shown, scales, f"{task.ceiling:.1f}")


def next_of(task: Costs, wires: Wires, laps: int) -> tuple[str, ...]:
    """What would come of other designs, each with the workers that it is worth."""
    alone = rate(task, wires, 0, SYNCHRONOUS, laps)
    found = [task.name]
    for design in (SYNCHRONOUS, *NEXT):
        rates = [rate(task, wires, workers, design, laps) for workers in WORKERS]
        last = worth(rates)
        found.append(f"{rates[last] / alone:.1f} ({WORKERS[last]})")
    return tuple(found)


def measured(name: str, env: str, chosen: dict[str, Any], laps: int) -> Costs:
    """What a task costs here: the processor's time, which others at work beside it do not see."""
    import upright

    usual = {"num_envs": 4 * WIDTH, "shards": 4, "num_steps": 128, "seed": 0}
    with closing(upright.Trainer(env, "ppo", **usual | chosen)) as trainer:
        steps = trainer.settings.num_envs * trainer.settings.rollout_steps
        collects, updates = [], []
        for _ in range(laps + 1):
            began = time.process_time()
            rollout = trainer.collector.collect()
            between = time.process_time()
            trainer.algorithm.update(rollout, 0.0)
            collects.append((between - began) / steps * 1e6)
            updates.append((time.process_time() - between) / steps * 1e6)
        rollout_bytes = sum(array.nbytes for array in rollout.arrays().values()) / steps
        weights_bytes = sum(array.nbytes for array in trainer.policy.weights.values())
    collects, updates = collects[1:], updates[1:]
    middle = statistics.median(collects)
    # A lap has four units; one alone varies twice as much.
    jitter = 2 * statistics.stdev(collects) / middle if laps > 1 else 0.1
    say(f"{name}: collect {middle:.1f}, update {statistics.median(updates):.1f} µs a step")
    return Costs(
        name,
        round(middle, 2),
        round(min(jitter, 0.5), 3),
        round(statistics.median(updates), 2),
        round(rollout_bytes),
        weights_bytes,
    )


def read_costs(path: Path) -> tuple[list[Costs], Wires]:
    """The costs in a file."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Costs(**task) for task in found["task"]], Wires(**found["wires"])


def write_costs(path: Path, tasks: Sequence[Costs], wires: Wires) -> None:
    """Let a file say these; what it says of itself stays."""
    import tomli_w

    text = path.read_text(encoding="utf-8")
    comment = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    content = {"wires": vars(wires), "task": [vars(task) for task in tasks]}
    path.write_text(f"{comment}\n{tomli_w.dumps(content)}", encoding="utf-8")


def section(tasks: Sequence[Costs], wires: Wires, laps: int) -> str:
    """The report."""
    first = (
        f"{SHARDS} shards of {WIDTH} environments, {STEPS} steps a rollout; nodes of {CORES} "
        f"cores, {wires.network_per_s / 1.25e8:.0f} Gbit/s between them. How many times as many "
        "steps per second as one process, learning included; the most workers (nodes) for which "
        f"twice as many still bring {WORTH - 1:.0%} more; and the bound that learning in one "
        "process sets."
    )
    header = ("task", "steps/s, one process", "2", "8", "32", "128", "scales to", "bound")
    costs = ("task", "collect, µs", "varies by", "update, µs", "rollout, bytes", "weights, kB")
    second = "The same, with what would be next; each with the workers (in brackets) it is worth."
    return "\n\n".join(
        [
            "## What a step costs on one core",
            table(costs, [_cost_row(task) for task in tasks]),
            "## To how many workers it scales",
            first,
            table(header, [rows_of(task, wires, laps) for task in tasks]),
            "## What would be next",
            second,
            table(
                ("task", SYNCHRONOUS.name, *(design.name for design in NEXT)),
                [next_of(task, wires, laps) for task in tasks],
            ),
        ]
    )


def _cost_row(task: Costs) -> tuple[str, ...]:
    return (
        task.name,
        f"{task.collect_us:.1f}",
        f"{task.jitter:.0%}",
        f"{task.update_us:.1f}",
        f"{task.rollout_bytes:,.0f}",
        f"{task.weights_bytes / 1e3:,.0f}",
    )


def main(words: Sequence[str] | None = None) -> None:
    """Simulate, and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--measure", action="store_true", help="measure the tasks' costs here first")
    add("--costs", type=Path, default=COSTS, help="the file of costs; default scaling.toml")
    add("--measured-laps", type=count, default=8, help="iterations measured; default 8")
    add("--laps", type=count, default=20, help="iterations of each case; default 20")
    add("--out", type=Path, default=Path(__file__).with_name("scaling.md"), help="the report")
    args = parser.parse_args(words)
    head = machine.head("scaling.py", "How far shards scale")
    tasks, wires = read_costs(args.costs)
    if args.measure:
        tasks = [
            measured(name, env, chosen, args.measured_laps) for name, (env, chosen) in TASKS.items()
        ]
        write_costs(args.costs, tasks, wires)
    write(args.out, [head, section(tasks, wires, args.laps)])


if __name__ == "__main__":
    main()
