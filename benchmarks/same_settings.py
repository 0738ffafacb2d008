"""Upright and Stable-Baselines3 with the same settings on MuJoCo: how fast, and how well.

PPO's common ones for these tasks (Schulman et al. 2017, table 3; Huang et al. 2022): two times 64
tanh units, 2,048 steps, 10 epochs, minibatches of 64, observations, rewards and each minibatch's
advantages normalised.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, cast

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

import peers
import upright
from report import Requirement, requirements_table, spread, table
from upright.judging import Evaluator
from upright.policy import Policy

TASKS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
OURS: dict[str, Any] = {
    "preset": "default",
    "num_steps": 2048,
    "num_epochs": 10,
    "minibatch_size": 64,
    "normalize_advantages_over": "minibatch",
    "learning_rate": 3e-4,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "ent_coef": 0.0,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
    "hidden_sizes": (64, 64),
    "activation": "tanh",
    "normalize_obs": True,
    "clip_obs": 10.0,
    "normalize_rewards": True,
    "clip_rewards": 10.0,
}
# The same by the names of Stable-Baselines3; its defaults for what is not here.
THEIRS: dict[str, Any] = {
    "normalize": True,
    "n_steps": 2048,
    "n_epochs": 10,
    "batch_size": 64,
    "learning_rate": 3e-4,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "ent_coef": 0.0,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
}


def our_trainer(env: str, num_envs: int, seed: int, timesteps: int) -> upright.Trainer:
    """Upright's, not yet trained."""
    return upright.Trainer(
        env, "ppo", seed=seed, num_envs=num_envs, total_timesteps=timesteps, **OURS
    )


def their_model(env: str, num_envs: int, seed: int) -> Any:
    """Stable-Baselines3's, likewise, for one thread."""
    torch.set_num_threads(1)
    return peers.make_model(env, seed, {**THEIRS, "n_envs": num_envs})


class Laps(BaseCallback):  # type: ignore[misc]
    """Notes when each collect begins, and when the training ends."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def _on_rollout_start(self) -> None:
        self.times.append(time.perf_counter())

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.times.append(time.perf_counter())


def our_laps(env: str, num_envs: int, seed: int, laps: int) -> list[float]:
    """Seconds of each collect and update of Upright's, but for the first."""
    rows = int(OURS["num_steps"]) * num_envs
    times = []
    with closing(our_trainer(env, num_envs, seed, rows * (laps + 1))) as trainer:
        for _ in trainer:
            times.append(time.perf_counter())  # noqa: PERF401  the loop is what is timed
    return np.diff(times).tolist()


def their_laps(env: str, num_envs: int, seed: int, laps: int) -> list[float]:
    """The same of Stable-Baselines3's."""
    model, watch = their_model(env, num_envs, seed), Laps()
    rows = int(THEIRS["n_steps"]) * num_envs
    model.learn(rows * (laps + 1), callback=watch, log_interval=None)
    model.get_env().close()
    return np.diff(watch.times).tolist()[1:]


def our_return(env: str, seed: int, timesteps: int) -> tuple[float, float]:
    """Mean return of the policy that Upright ends with, and what its training took of a core, s."""
    with closing(our_trainer(env, 1, seed, timesteps)) as trainer:
        began = time.process_time()
        for _ in trainer:
            pass
        seconds = time.process_time() - began
        return _mean(env, trainer.policy, seed), seconds


def their_return(env: str, seed: int, timesteps: int) -> tuple[float, float]:
    """The same of Stable-Baselines3's."""
    model = their_model(env, 1, seed)
    began = time.process_time()
    model.learn(timesteps, log_interval=None)
    seconds = time.process_time() - began
    model.get_env().close()
    return _mean(env, cast("Policy", peers.Greedy(model)), seed), seconds


def _mean(env: str, policy: Policy, seed: int) -> float:
    with closing(Evaluator(env, 100)) as evaluator:
        return evaluator.evaluate(policy, seed).mean


Returns = tuple[list[tuple[float, float]], list[tuple[float, float]]]


def measure(env: str, seeds: Sequence[int], timesteps: int, say: Callable[[str], None]) -> Returns:
    """Mean return and seconds of Upright's and of the peer's training, seed by seed."""
    found = []
    for seed in seeds:
        found.append((our_return(env, seed, timesteps), their_return(env, seed, timesteps)))
        say(f"{env}, seed {seed}: {found[-1]}")
    ours, theirs = zip(*found, strict=True)
    return [*ours], [*theirs]


def section(results: dict[str, Returns], timesteps: int) -> str:
    """Mean returns after so many steps; the report on the tasks that were measured."""
    rows, promises = [], []
    for env, both in results.items():
        for who, runs in zip(("Upright", peers.NAME), both, strict=True):
            returns, seconds = zip(*runs, strict=True)
            shown = ", ".join(f"{each:,.0f}" for each in returns)
            rows.append((env, who, f"{np.mean(returns):,.0f}", shown, spread(seconds, ",.0f")))
        means = [float(np.mean([run[0] for run in runs])) for runs in both]
        promises.append(
            Requirement(
                f"{env}: mean return not below {peers.NAME}'s",
                f"{means[0]:,.0f} beside {means[1]:,.0f}",
                means[0] >= means[1],
            )
        )
    return "\n\n".join(
        [
            f"## Mean return after {timesteps:,} steps, the same settings",
            "One environment, 2,048 steps, 10 epochs, minibatches of 64, two times 64 tanh units, "
            "observations, rewards and each minibatch's advantages normalised "
            "(benchmarks/same_settings.py). The greedy policy "
            "at the end, 100 episodes of the same seeds for both. Seconds of a core are the median "
            "(least to greatest), without evaluations.",
            table(("task", "", "mean return", "seed by seed", "training, s of a core"), rows),
            requirements_table(promises),
        ]
    )
