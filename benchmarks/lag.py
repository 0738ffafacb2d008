"""One rollout ahead (`--lag 1`): what it costs in timesteps, and what it gains in seconds.

    python benchmarks/lag.py --parts steps,speed

Parts: steps (to a verified policy, with a lag and without; it sees no clock), speed (of a training
that spends its budget, with no worker, one and two; it needs a machine that does nothing else).
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
import upright
from asking import parse_list, say, some_of
from report import Ratios, spread, table, write
from scale import SHARDS
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed

PARTS = ("steps", "speed")
# Tasks, and the timesteps between their evaluations.
LAGGED = {"CartPole-v1": 512, "Acrobot-v1": 1024, "LunarLander-v3": 4096}
TIMED = ("LunarLander-v3", "HalfCheetah-v5")
WORKERS = (0, 1, 2)


def train(env: str, lag: int, seed: int, **how: Any) -> dict[str, Any]:
    """What run.json says of a training in shards."""
    with tempfile.TemporaryDirectory() as out:
        chosen: dict[str, Any] = {"shards": SHARDS, "lag": lag, "seed": seed, **how}
        return upright.train(env, "ppo", out=out, media=False, **chosen).info


def steps_section(seeds: Sequence[int]) -> str:
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
    return "\n\n".join(["## Timesteps to the verdict", text, table(header, rows)])


def _solved(env: str, every: int, lag: int, seed: int) -> tuple[bool, int]:
    """Whether a run was solved, and the timesteps that it took."""
    info = train(env, lag, seed, eval_every=every)
    say(f"{env}, seed {seed}, lag {lag}: {info['timesteps']:,}, solved {info['solved']}")
    return info["solved"] is True, info["timesteps"]


def speed_section(envs: Sequence[str], timesteps: int, laps: int) -> str:
    """Steps per second of whole trainings, learning included; the report on it."""
    rows = []
    for env in envs:
        rates: dict[tuple[int, int], list[float]] = {
            (w, lag): [] for w in WORKERS for lag in (0, 1)
        }
        for lap in range(laps):
            for workers, lag in rates:
                how = {"workers": workers, "until": "budget", "eval_every": timesteps}
                info = train(env, lag, lap, total_timesteps=timesteps, num_envs=16, **how)
                rates[workers, lag].append(info["timesteps"] / info["train_seconds"])
                say(f"{env}, {workers} workers, lag {lag}: {rates[workers, lag][-1]:,.0f}")
        for workers in WORKERS:
            ratio = Ratios.between(rates[workers, 1], rates[workers, 0])
            both = [spread(rates[workers, lag], ",.0f") for lag in (0, 1)]
            rows.append((env, str(workers), *both, str(ratio)))
    text = (
        f"PPO with the preset's settings, or its family's, 16 environments in {SHARDS} shards, "
        f"{timesteps:,} timesteps. Steps per second, learning included, evaluations apart: median "
        "(least to greatest)."
    )
    header = ("environment", "workers", "`--lag 0`", "`--lag 1`", "times as fast")
    return "\n\n".join(["## Steps per second", text, table(header, rows)])


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", type=some_of(PARTS), default=[*PARTS], help="default: all, comma-separated")
    add("--seeds", type=count, default=5, help="of steps; default 5")
    add("--first-seed", type=first_seed, default=400, help="the first of them; default 400")
    add("--envs", type=parse_list, default=[*TIMED], help=f"of speed; default {','.join(TIMED)}")
    add("--total-timesteps", type=count, default=100_000, metavar="N", help="default 100000")
    add("--laps", type=count, default=3, help="trainings of each kind; default 3")
    add("--out", type=Path, default=Path(__file__).with_name("lag.md"), help="the report")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and write the report."""
    args = read_arguments(words)
    parts = [machine.head("lag.py", "One rollout ahead")]
    if "steps" in args.parts:
        parts.append(steps_section(range(args.first_seed, args.first_seed + args.seeds)))
    if "speed" in args.parts:
        parts.append(speed_section(args.envs, args.total_timesteps, args.laps))
    write(args.out, parts)


if __name__ == "__main__":
    main()
