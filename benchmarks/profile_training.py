"""Where the time of a training run goes, against the floor of its arithmetic.

    python benchmarks/profile_training.py --algos ppo,actor-critic --seeds 5

Every seed trains twice until its verdict: once as it is, once with timers around the methods.
"""

import argparse
import gc
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import machine
import upright
from floor import Floor, Work, measure
from report import spread, table
from solving import warm_up
from stopwatch import Stopwatch
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed
from upright.envs import NextStepEnvs, SyncEnvs
from upright.experiment import RunWriter
from upright.judging import Judge
from upright.learning import ALGORITHMS, Adam
from upright.policy import Policy
from upright.rollout import LocalCollector, Rollout
from upright.runs import Run

ENV, ACT, COLLECT = "environment steps and resets", "acting", "collecting, the rest"
BATCH, WEIGHTS = "values and log-probs of the rollout", "advantages"
LOSS, BACKWARD, ADAM = "loss, forward", "backward", "optimiser"
UPDATE, METRICS = "updating, the rest", "metrics: making and writing them"
EVALUATION, REST = "evaluation", "everything else"
SECTIONS = (ENV, ACT, COLLECT, BATCH, WEIGHTS, LOSS, BACKWARD, ADAM, UPDATE, METRICS)


@dataclass(frozen=True)
class Profile:
    """One seed.

    Attributes:
        plain_seconds: Training, evaluations apart, without timers.
        train_seconds: The same with timers.
        sections: Seconds of each section with timers; `SECTIONS` and the rest add up to
            `train_seconds`, evaluation comes on top.
        timesteps: Environment transitions.
        work: What there was to compute.
        floor: Its floor.
    """

    plain_seconds: float
    train_seconds: float
    sections: dict[str, float]
    timesteps: int
    work: Work
    floor: Floor


def instrument(watch: Stopwatch, algo: str, work: Work) -> None:
    """Put timers around the methods, and note the sizes of what goes through them."""
    kind = ALGORITHMS[algo]
    _record(watch, kind, work)
    watch.watch(EVALUATION, Judge, "consider")
    for envs in (NextStepEnvs, SyncEnvs):
        watch.watch(ENV, envs, "reset", "step", "restart")
    watch.watch(ACT, LocalCollector, "_noise")
    watch.watch(ACT, Policy, "act")
    watch.watch(COLLECT, LocalCollector, "collect")
    for section, name in (
        (BATCH, "batch"),
        (WEIGHTS, "advantages"),
        (LOSS, "gradient"),
        (METRICS, "metrics"),
        (UPDATE, "update"),
    ):
        watch.watch(section, kind, name)
    watch.watch(BACKWARD, Policy, "backward")
    watch.watch(ADAM, Adam, "clip", "step")
    watch.watch(METRICS, RunWriter, "row")


def _record(watch: Stopwatch, kind: Any, work: Work) -> None:
    loss = kind.loss

    def loss_and_note(algorithm: Any, batch: Any, *said: Any) -> Any:
        work.batches.append(len(batch.obs))
        return loss(algorithm, batch, *said)

    watch.replace(LocalCollector, "collect", _noting(LocalCollector.collect, work))
    watch.replace(kind, "loss", loss_and_note)


def _noting(collect: Callable[[Any], Rollout], work: Work) -> Callable[[Any], Rollout]:
    def collect_and_note(collector: Any) -> Rollout:
        rollout = collect(collector)
        work.rollouts.append((rollout.actions.shape[0], rollout.actions.shape[1]))
        return rollout

    return collect_and_note


def train(env: str, algo: str, seed: int) -> tuple[Run, Policy]:
    """One run to its verdict, and its policy (the folder is gone afterwards)."""
    gc.collect()
    with tempfile.TemporaryDirectory() as out:
        run = upright.train(env, algo, seed=seed, out=out, media=False)
        return run, run.policy


def profile(env: str, algo: str, seed: int) -> Profile:
    """One seed, without timers and with them."""
    plain, policy = train(env, algo, seed)
    work = Work()
    with Stopwatch(EVALUATION) as watch:
        instrument(watch, algo, work)
        timed, _ = train(env, algo, seed)
    if timed.info["timesteps"] != plain.info["timesteps"]:
        raise RuntimeError("the timers changed what was trained")
    sections = dict(watch.seconds)
    seconds = timed.info["train_seconds"]
    sections[REST] = seconds - sum(sections[name] for name in SECTIONS)
    floor = measure(env, policy, work)
    return Profile(
        plain.info["train_seconds"], seconds, sections, timed.info["timesteps"], work, floor
    )


def report(algo: str, profiles: Sequence[Profile]) -> str:
    """Medians over the seeds, in milliseconds."""
    rows = [
        (
            name,
            spread([1e3 * each.sections[name] for each in profiles], ".1f"),
            spread([100 * each.sections[name] / each.train_seconds for each in profiles], ".1f"),
        )
        for name in (*SECTIONS, REST)
    ]
    rows += [
        ("training with timers", _spread_ms([each.train_seconds for each in profiles]), "100"),
        ("training without timers", _spread_ms([each.plain_seconds for each in profiles]), ""),
        (EVALUATION, _spread_ms([each.sections[EVALUATION] for each in profiles]), "on top"),
    ]
    return "\n\n".join(
        [
            f"## {algo}",
            _amounts(profiles),
            table(("section", "ms", "% of training"), rows),
            "The floor: bare calls of the same shapes and number, nothing between them.",
            _floor_table(profiles),
        ]
    )


def _amounts(profiles: Sequence[Profile]) -> str:
    steps = spread([each.timesteps for each in profiles], ",.0f")
    rollouts = spread([len(each.work.rollouts) for each in profiles], ".0f")
    batches = spread([len(each.work.batches) for each in profiles], ".0f")
    rows = spread([row for each in profiles for row in each.work.batches], ",.0f")
    return (
        f"{len(profiles)} seeds. Timesteps: {steps}. Rollouts: {rollouts}. Gradient steps: "
        f"{batches}, of {rows} rows each. Median (least to greatest), here and below."
    )


def _floor_table(profiles: Sequence[Profile]) -> str:
    floors = [each.floor for each in profiles]
    together = [each.env + each.acting + each.forward + each.learning for each in floors]
    shares = [100 * low / each.train_seconds for low, each in zip(together, profiles, strict=True)]
    rows = [
        ("environment steps", _spread_ms([each.env for each in floors])),
        ("the actor's products while acting", _spread_ms([each.acting for each in floors])),
        ("products of values and log-probs", _spread_ms([each.forward for each in floors])),
        ("products of the gradient steps", _spread_ms([each.learning for each in floors])),
        ("together", _spread_ms(together)),
        ("together, % of training", spread(shares, ".1f")),
        ("all products, GFLOP", spread([each.gflop for each in floors], ".3f")),
    ]
    return table(("floor", "ms"), rows)


def _spread_ms(seconds: Sequence[float]) -> str:
    return spread([1e3 * each for each in seconds], ".1f")


def main() -> None:
    """Profile, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--algos", default="ppo,actor-critic", help="comma-separated")
    parser.add_argument("--seeds", type=count, default=5)
    parser.add_argument("--first-seed", type=first_seed, default=0)
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    facts = "\n".join(f"- {what}: {value}" for what, value in machine.describe())
    print(f"# Where the time goes: {args.env}\n\n{facts}\n")
    for algo in args.algos.split(","):
        warm_up(args.env, algo)
        print(report(algo, [profile(args.env, algo, seed) for seed in seeds]) + "\n", flush=True)


if __name__ == "__main__":
    main()
