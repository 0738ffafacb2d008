"""Whether verdicts stand: every verified policy once more, by a plain loop, on other episodes.

    python benchmarks/third_look.py --tasks CartPole-v1,Acrobot-v1 --seeds 10

What trains and proves a policy has no part in this look but for the policy itself: Gymnasium makes
the environment, Gymnasium steps it, and the mean of the rewards it gave is held against the bar.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import machine
import upright
from report import Requirement, requirements_table, table, write
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed
from upright.envs import make_env
from upright.policy import Policy

TASKS = (
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
    "LunarLander-v3",
    "LunarLanderContinuous-v3",
    "FrozenLake-v1",
    "Taxi-v4",
)
CONFIRMED = 0.97  # of the verified policies
FIRST_EPISODE = 2**30  # seeds far from those that anything derives: of a few dozen, of 31 bits


@dataclass(frozen=True)
class Look:
    """A verified policy, looked at once more.

    Attributes:
        task: The environment's id.
        seed: Of its training.
        bar: The mean return from which it counts as solved.
        proof: The verdict's mean.
        third: The mean of this look.
        error: Its standard error.
    """

    task: str
    seed: int
    bar: float
    proof: float
    third: float
    error: float

    @property
    def confirms(self) -> bool:
        """Whether the policy reaches the bar here too."""
        return self.third >= self.bar


def plain_returns(env: Any, policy: Policy, episodes: int) -> list[float]:
    """Episode returns of the greedy policy, one step after the other."""
    returns = []
    for episode in range(episodes):
        obs, info = env.reset(seed=FIRST_EPISODE + episode)
        total, done = 0.0, False
        while not done:
            mask = info.get("action_mask")
            action, _ = policy.predict(obs, deterministic=True, action_masks=mask)
            obs, reward, terminated, truncated, info = env.step(action)
            total, done = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def look_again(task: str, seed: int, episodes: int) -> Look | None:
    """A training as `upright.train` runs it, and a third look; None where nothing was verified."""
    with tempfile.TemporaryDirectory() as out:
        run = upright.train(task, seed=seed, out=out, media=False)
        if run.info["solved"] is not True:
            return None
        with closing(make_env(run.eval_env)) as env:
            returns = plain_returns(env, run.policy, episodes)
        error = float(np.std(returns) / np.sqrt(episodes))
        bar = float(run.threshold or 0.0)
        return Look(task, seed, bar, run.info["mean_return"], float(np.mean(returns)), error)


def section(looks: Sequence[Look], tried: Sequence[str], episodes: int) -> str:
    """The report; `tried` names the task of every training."""
    rows = []
    for task in dict.fromkeys(tried):
        of_task = [look for look in looks if look.task == task]
        confirmed = [look for look in of_task if look.confirms]
        below = [f"{look.third:.2f} ± {look.error:.2f}" for look in of_task if not look.confirms]
        margins = [look.third - look.bar for look in of_task]
        rows.append(
            (
                task,
                f"{of_task[0].bar:g}" if of_task else "",
                f"{len(of_task)} of {tried.count(task)}",
                f"{len(confirmed)} of {len(of_task)}",
                f"{np.median(margins):.2f}, {min(margins):.2f}" if margins else "",
                ", ".join(below),
            )
        )
    confirmed_in_all = sum(look.confirms for look in looks)
    promise = Requirement(
        f"a third look confirms at least {CONFIRMED:.0%} of all verdicts",
        f"{confirmed_in_all} of {len(looks)}",
        confirmed_in_all >= CONFIRMED * len(looks) > 0,
    )
    header = ("task", "bar", "verified", "confirmed", "above the bar: median, least", "below it")
    return "\n\n".join(
        [
            "## The third look",
            f"Each verified policy plays {episodes:,} other episodes in a plain loop over "
            "Gymnasium's environment; the standard error of the mean stands beside what is below.",
            table(header, rows),
            requirements_table([promise]),
        ]
    )


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tasks", type=lambda text: text.split(","), default=[*TASKS], help="comma-separated")
    add("--seeds", type=count, default=12, help="trainings of each task; default 12")
    add("--first-seed", type=first_seed, default=500, help="the first of them; default 500")
    add("--episodes", type=count, default=1000, help="of a look; default 1,000")
    add("--out", type=Path, default=Path(__file__).with_name("third_look.md"), help="the report")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Train, look again, and write the report."""
    args = read_arguments(words)
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    head = machine.head("third_look.py", "Whether verdicts stand", machine.span(seeds))
    looks, tried = [], []
    for task in args.tasks:
        for seed in seeds:
            tried.append(task)
            look = look_again(task, seed, args.episodes)
            print(look or f"{task}, seed {seed}: not verified", file=sys.stderr, flush=True)
            looks += [look] if look else []
    write(args.out, [head, section(looks, tried, args.episodes)])


if __name__ == "__main__":
    main()
