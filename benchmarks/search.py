"""Random search with halving for settings that solve an environment fast on every seed.

    python benchmarks/search.py CartPole-v1 --algo ppo --trials 64 --random-state 1

Every trial is scored on search seeds (from 1,000,000 on, so that small seeds stay unused for
proofs): the mean seconds to a verified policy, where a seed that does not get there within the
budget costs ten times the budget's own time. Each round doubles the seeds and keeps the best third.
"""

import argparse
import json
import sys
import time
from typing import Any

import numpy as np

from upright.trainer import Trainer
from upright.verdict import Judge

FIRST_SEED = 1_000_000

Space = dict[str, list[Any]]

COMMON: Space = {
    "num_envs": [8, 16, 32, 64],
    "gamma": [0.98, 0.99],
    "learning_rate": [0.001, 0.002, 0.003, 0.005, 0.008, 0.012],
    "final_rate": [0.0, 0.1, 1.0],
    "hidden_sizes": [[32], [64], [128], [64, 64]],
    "activation": ["tanh", "relu"],
    "max_grad_norm": [0.5, 1.0, 10.0],
    "vf_coef": [0.5, 1.0],
    "value_scale": [1.0, 10.0, 50.0],
    "ent_coef": [0.0, 0.01],
}
SPACES: dict[str, Space] = {
    "reinforce": COMMON | {"share": [1, 2, 4], "baseline": [False, True]},
    "actor-critic": COMMON
    | {
        "learning_rate": [0.004, 0.008, 0.012, 0.016],
        "num_steps": [8, 16, 32],
        "gae_lambda": [0.9, 0.95, 0.98, 1.0],
    },
    "ppo": COMMON
    | {
        "activation": ["relu", "tanh"],
        "value_scale": [10.0, 20.0, 50.0],
        "num_steps": [32, 64, 128],
        "gae_lambda": [0.9, 0.95, 0.98],
        "num_epochs": [5, 8, 12],
        "minibatches": [1, 1, 2],
        "clip_range": [0.2, 0.3],
    },
}


def draw(space: Space, rng: np.random.Generator, budget: int) -> dict[str, Any]:
    """One set of settings."""
    chosen = {name: values[rng.integers(len(values))] for name, values in space.items()}
    rate, end = chosen["learning_rate"], chosen.pop("final_rate")
    chosen["learning_rate"] = f"{rate}:{rate * end}"
    if "share" in chosen:
        chosen["num_episodes"] = chosen.pop("share") * chosen["num_envs"]
    if "minibatches" in chosen:
        rows = chosen["num_envs"] * chosen["num_steps"]
        parts = chosen.pop("minibatches")
        chosen["minibatch_size"] = 0 if parts == 1 else max(rows // parts, 1)
    return chosen | {"total_timesteps": budget}


def attempt(env: str, algo: str, settings: dict[str, Any], seed: int) -> tuple[float, int, bool]:
    """Seconds (evaluations apart), timesteps, and whether a verified policy came of it."""
    trainer = Trainer(env, algo, preset="default", seed=seed, **settings)
    judge = Judge(env, seed, every=1000)
    began = time.perf_counter()
    timesteps = 0
    for iteration in trainer:
        timesteps = iteration.timesteps
        if judge.is_due(timesteps):
            judge.consider(trainer.policy, timesteps)
        if judge.verdict is not None:
            break
    seconds = time.perf_counter() - began - judge.seconds
    trainer.close()
    judge.close()
    return seconds, timesteps, judge.verdict is not None


def score(rows: list[tuple[float, int, bool]]) -> float:
    """Mean seconds, a failure counting ten times."""
    return float(np.mean([seconds * (1.0 if solved else 10.0) for seconds, _, solved in rows]))


def main() -> None:
    """Search, and print the best settings as JSON lines, best last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("env")
    parser.add_argument("--algo", choices=list(SPACES), required=True)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--random-state", type=int, default=1)
    parser.add_argument("--first-seeds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--budget", type=int, default=60_000)
    args = parser.parse_args()
    rng = np.random.default_rng(args.random_state)
    trials = [draw(SPACES[args.algo], rng, args.budget) for _ in range(args.trials)]
    results: list[list[tuple[float, int, bool]]] = [[] for _ in trials]
    alive, seeds = list(range(len(trials))), args.first_seeds
    for round_number in range(args.rounds):
        for index in alive:
            while len(results[index]) < seeds:
                seed = FIRST_SEED + len(results[index])
                results[index].append(attempt(args.env, args.algo, trials[index], seed))
            print(round_number, index, score(results[index]), file=sys.stderr, flush=True)
        alive.sort(key=lambda index: score(results[index]))
        seeds *= 2
        if round_number < args.rounds - 1:
            alive = alive[: max(len(alive) // 3, 3)]
    for index in reversed(alive[:5]):
        rows = results[index]
        print(
            json.dumps(
                {
                    "score": round(score(rows), 3),
                    "seeds": len(rows),
                    "solved": sum(solved for _, _, solved in rows),
                    "median_seconds": round(float(np.median([row[0] for row in rows])), 3),
                    "median_timesteps": int(np.median([row[1] for row in rows])),
                    "max_timesteps": max(row[1] for row in rows),
                    "settings": trials[index],
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
