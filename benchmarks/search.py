"""Search for settings that solve an environment fast on every seed.

    python benchmarks/search.py CartPole-v1 --algo ppo --trials 80 --random-state 2
    python benchmarks/search.py CartPole-v1 --algo ppo --around --seeds 12

The first draws settings at random and halves: each round doubles the seeds and keeps the best
third. The second varies the recorded preset, one setting at a time. Seeds are taken from 1,000,000
on, so that small seeds stay unused for proofs. A trial's score is the mean of the seconds to a
verified policy, evaluations apart, where a seed that does not get there counts ten times its own
time. Results are JSON lines on stdout, the best last.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from upright.classes import Trainer
from upright.envs import recipe_for
from upright.judging import Judge

FIRST_SEED = 1_000_000
EVAL_EVERY = 1_000

Settings = dict[str, Any]
Space = dict[str, list[Any]]

COMMON: Space = {
    "num_envs": [8, 12, 16, 32],
    "gamma": [0.98, 0.99],
    "learning_rate": ["0.004:0.0004", "0.008:0.0008", "0.01:0.001", "0.015:0.0015"],
    "hidden_sizes": [[64], [128], [64, 64]],
    "activation": ["tanh", "relu"],
    "max_grad_norm": [0.5, 1.0, 10.0],
    "vf_coef": [0.5, 1.0],
    "value_scale": [10.0, 20.0, 50.0, 100.0],
    "ent_coef": [0.0, 0.01],
}
SPACES: dict[str, Space] = {
    "reinforce": COMMON | {"baseline": [False, True]},
    "actor-critic": COMMON | {"num_steps": [0, 16, 32], "gae_lambda": [0.9, 0.95, 0.98, 1.0]},
    "ppo": COMMON
    | {
        "num_steps": [16, 32, 64],
        "gae_lambda": [0.9, 0.95, 0.98],
        "num_epochs": [5, 6, 8, 10, 12],
        "minibatch_size": [0, 256],
        "clip_range": [0.2, 0.3],
    },
}


@dataclass
class Trial:
    """Some settings, and how the seeds went: seconds, timesteps, solved."""

    settings: Settings
    rows: list[tuple[float, int, bool]] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Mean seconds, a failure counting ten times."""
        costs = [seconds * (1.0 if solved else 10.0) for seconds, _, solved in self.rows]
        return float(np.mean(costs))

    def extend(self, env: str, algo: str, seeds: int) -> None:
        """Run the next seeds until there are that many."""
        while len(self.rows) < seeds:
            self.rows.append(attempt(env, algo, self.settings, FIRST_SEED + len(self.rows)))
        print(f"{self.score:8.3f}  {self.settings}", file=sys.stderr, flush=True)

    def report(self) -> str:
        """One JSON line."""
        seconds, timesteps, solved = zip(*self.rows, strict=True)
        record = {
            "score": round(self.score, 3),
            "seeds": len(self.rows),
            "solved": sum(solved),
            "median_seconds": round(float(np.median(seconds)), 3),
            "median_timesteps": int(np.median(timesteps)),
            "max_timesteps": max(timesteps),
            "settings": self.settings,
        }
        return json.dumps(record)


def attempt(env: str, algo: str, settings: Settings, seed: int) -> tuple[float, int, bool]:
    """Seconds (evaluations apart), timesteps, and whether a verified policy came of it."""
    trainer = Trainer(env, algo, preset="default", seed=seed, **settings)
    judge = Judge(env, seed, EVAL_EVERY, trainer.recipe.reward_threshold)
    began = time.perf_counter()
    for iteration in trainer:
        if judge.is_due(iteration.timesteps):
            judge.consider(trainer.policy, iteration.timesteps)
        if judge.verdict is not None:
            break
    seconds = time.perf_counter() - began - judge.seconds
    trainer.close()
    judge.close()
    return seconds, trainer.timesteps, judge.verdict is not None


def complete(settings: Settings, algo: str) -> Settings:
    """Settings that fit together: a share of one episode for each environment."""
    if algo == "reinforce":
        return settings | {"num_episodes": settings["num_envs"]}
    return settings


def at_random(args: argparse.Namespace) -> list[Trial]:
    """Random search with halving."""
    rng, space = np.random.default_rng(args.random_state), SPACES[args.algo]
    trials = []
    for _ in range(args.trials):
        drawn = {name: values[rng.integers(len(values))] for name, values in space.items()}
        settings = complete(drawn, args.algo) | {"total_timesteps": args.budget}
        trials.append(Trial(settings))
    seeds = args.seeds
    for round_number in range(args.rounds):
        for trial in trials:
            trial.extend(args.env, args.algo, seeds)
        trials.sort(key=lambda trial: trial.score)
        seeds *= 2
        if round_number < args.rounds - 1:
            trials = trials[: max(len(trials) // 3, 3)]
    return trials[:5]


def around(args: argparse.Namespace) -> list[Trial]:
    """The recorded preset, and every change of one of its settings."""
    base = recipe_for(args.env, args.algo).settings.model_dump(mode="json")
    variations = [
        complete(base | {name: value}, args.algo)
        for name, values in SPACES[args.algo].items()
        for value in values
        if value != base[name]
    ]
    trials = [Trial(settings) for settings in (base, *variations)]
    for trial in trials:
        trial.extend(args.env, args.algo, args.seeds)
    return sorted(trials, key=lambda trial: trial.score)


def main() -> None:
    """Search, and print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("env")
    parser.add_argument("--algo", choices=list(SPACES), required=True)
    parser.add_argument("--around", action="store_true", help="vary the recorded preset")
    parser.add_argument("--seeds", type=int, default=2, help="seeds of a trial's first round")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--random-state", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--budget", type=int, default=60_000)
    args = parser.parse_args()
    trials = around(args) if args.around else at_random(args)
    for trial in reversed(trials):
        print(trial.report(), flush=True)


if __name__ == "__main__":
    main()
