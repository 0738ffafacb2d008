"""Environment steps per second: the loop over bare stepping, every backend, and beside a peer.

    python benchmarks/throughput.py --parts loop,backends

Parts: loop (collecting and learning, over Gymnasium's own stepping with nothing around it),
backends (stepping under each; what `--backend auto` rests on), peer (HalfCheetah-v5 beside
Stable-Baselines3, the same settings).
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import machine
import peers
import same_settings
import upright
from asking import parse_list, say, some_of
from report import Ratios, Requirement, requirements_table, spread, table, write
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed
from upright.envs import BACKENDS, Envs, fastest_backend, make_envs
from upright.settings import presets_of

ENVS = ("CartPole-v1", "LunarLander-v3", "HalfCheetah-v5")
CLASSIC = ("Acrobot-v1", "MountainCar-v0", "Pendulum-v1")
SIZES = (8, 64, 512)
ROLLOUT = 2048  # transitions of one iteration, or 16 of each environment where that is more
# How many times faster than Stable-Baselines3, by environments side by side.
REQUIRED = {1: 5.0, 8: 4.0}
PEER_ENV = "HalfCheetah-v5"
PARTS = ("loop", "backends", "peer")


def bare_rate(env: str, num_envs: int, seconds: float) -> float:
    """Steps per second of Gymnasium's fastest form of N environments, with random actions."""
    mode = "vector_entry_point" if fastest_backend(env) == "vector" else "sync"
    vector: Any = gym.make_vec(env, num_envs, vectorization_mode=mode)
    vector.action_space.seed(0)
    actions = [vector.action_space.sample() for _ in range(64)]
    vector.reset(seed=0)
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds or not steps:
        vector.step(actions[steps % 64])
        steps += 1
    elapsed = time.perf_counter() - began
    vector.close()
    return steps * num_envs / elapsed


def backend_rate(env: str, backend: str, num_envs: int, seconds: float) -> float:
    """Steps per second of Upright's environments, with random actions; resets are in the time."""
    with closing(make_envs(env, num_envs, 0, backend)) as envs:
        actions = _random_actions(envs)
        envs.reset()
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds or not steps:
            step = envs.step(actions[steps % 64])
            if step.any_done:
                envs.restart(step.done, step.obs)
            steps += 1
        return steps * num_envs / (time.perf_counter() - began)


def _random_actions(envs: Envs) -> list[Any]:
    codec = envs.actions
    codec.space.seed(0)
    return [
        np.array([codec.row(codec.space.sample()) for _ in range(envs.num_envs)]) for _ in range(64)
    ]


def loop_rate(env: str, num_envs: int, seconds: float) -> float:
    """Transitions per second of collecting and learning, from the second iteration on."""
    rows = max(ROLLOUT // num_envs, 16)
    chosen = {} if presets_of(env).tables else same_settings.OURS
    settings = {**chosen, "num_envs": num_envs, "num_steps": rows, "total_timesteps": 10**9}
    with closing(upright.Trainer(env, "ppo", seed=0, **settings)) as trainer:
        first = next(trainer).timesteps
        began, timesteps = time.perf_counter(), first
        while time.perf_counter() - began < seconds or timesteps == first:
            timesteps = next(trainer).timesteps
        return (timesteps - first) / (time.perf_counter() - began)


def loop_section(envs: Sequence[str], sizes: Sequence[int], seconds: float) -> str:
    """The whole loop over bare stepping; the report on it."""
    rows = []
    for env in envs:
        for num_envs in sizes:
            bare, loop = (rate(env, num_envs, seconds) for rate in (bare_rate, loop_rate))
            say(f"{env}, {num_envs}: loop {loop:,.0f}, bare {bare:,.0f}")
            rows.append((env, str(num_envs), f"{loop:,.0f}", f"{bare:,.0f}", f"{loop / bare:.2f}"))
    header = ("environment", "side by side", "loop, steps/s", "bare, steps/s", "loop over bare")
    return "\n\n".join(
        [
            "## The whole loop over bare stepping",
            "Loop: PPO with the environment's preset (HalfCheetah-v5: the settings of the "
            "comparison), collecting and learning, without evaluations. Bare: `step` of "
            "Gymnasium's own vector form, else of its SyncVectorEnv, random actions.",
            table(header, rows),
        ]
    )


def _runnable(env: str, sizes: Sequence[int]) -> Iterator[tuple[str, int]]:
    for num_envs in sizes:
        for name, backend in BACKENDS.items():
            if backend.can(env):
                yield name, num_envs


def backends_section(envs: Sequence[str], sizes: Sequence[int], seconds: float) -> str:
    """Stepping under every backend; the report on it."""
    rows = []
    for env in envs:
        for name, num_envs in _runnable(env, sizes):
            rate = backend_rate(env, name, num_envs, seconds)
            say(f"{env}, {num_envs}, {name}: {rate:,.0f}")
            taken = "auto" * (name == fastest_backend(env))
            rows.append((env, str(num_envs), name, f"{rate:,.0f}", taken))
    header = ("environment", "side by side", "backend", "steps/s", "taken by")
    return "\n\n".join(
        [
            "## Backends",
            "Random actions, resets included, no policy. `auto` takes the fastest of those that "
            "resume exactly. Worker processes are measured by benchmarks/scale.py.",
            table(header, rows),
        ]
    )


def peer_section(seeds: Sequence[int], laps: int) -> str:
    """Steps trained per second beside Stable-Baselines3; the report on it."""
    rows, promises = [], []
    for num_envs, least in REQUIRED.items():
        ours: list[float] = []
        theirs: list[float] = []
        for seed in seeds:
            ours += same_settings.our_laps(PEER_ENV, num_envs, seed, laps)
            theirs += same_settings.their_laps(PEER_ENV, num_envs, seed, laps)
            say(f"{num_envs}: {ours[-1]:.2f} s, {theirs[-1]:.2f} s")
        steps = int(same_settings.OURS["num_steps"]) * num_envs
        for who, seconds in (("Upright", ours), (peers.NAME, theirs)):
            rates = [steps / each for each in seconds]
            rows.append((str(num_envs), who, spread(rates, ",.0f")))
        ratio = Ratios.between(theirs, ours)
        promises.append(
            Requirement(
                f"{num_envs} side by side: at least {least:g} times as many steps per second",
                f"{ratio.of_medians:.1f} of medians, {ratio.median:.1f} median of pairs",
                ratio.of_medians >= least,
            )
        )
    return "\n\n".join(
        [
            f"## {PEER_ENV}: steps trained per second beside {peers.NAME}",
            "The same settings (benchmarks/same_settings.py): 2,048 steps of each environment, 10 "
            "epochs, minibatches of 64, two times 64 tanh units, normalised; one thread; collects "
            "and updates in turn, the first of each apart. Median (least to greatest).",
            table(("side by side", "", "steps/s"), rows),
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
    add("--envs", type=parse_list, default=[*ENVS], help=f"default {','.join(ENVS)}")
    add("--sizes", type=parse_list, default=[*map(str, SIZES)], help="environments side by side")
    add("--seconds", type=float, default=5.0, help="of each measurement; default 5")
    add("--seeds", type=count, default=3, help="of the comparison; default 3")
    add("--first-seed", type=first_seed, default=300, help="the first of them; default 300")
    add("--laps", type=count, default=4, help="collects and updates of each; default 4")
    add("--out", type=Path, default=Path(__file__).with_name("throughput.md"), help="the report")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and write the report."""
    args = read_arguments(words)
    sizes, parts = [*map(int, args.sizes)], [machine.head("throughput.py", "Steps per second")]
    if "loop" in args.parts:
        parts.append(loop_section(args.envs, sizes, args.seconds))
    if "backends" in args.parts:
        every = [*args.envs, *(env for env in CLASSIC if args.envs == [*ENVS])]
        parts.append(backends_section(every, sizes, args.seconds))
    if "peer" in args.parts:
        seeds = range(args.first_seed, args.first_seed + args.seeds)
        parts.append(peer_section(seeds, args.laps))
    write(args.out, parts)


if __name__ == "__main__":
    main()
