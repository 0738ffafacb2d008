"""The loop in the open: every iteration is one collect and one update. No files, no printing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from upright.algorithms import ALGORITHMS
from upright.algorithms.base import Metrics
from upright.envs import EnvSource, make_envs, name_of
from upright.policy import Policy, choose_device
from upright.recipe import resolve
from upright.rollout import Collector, Episode, LocalCollector
from upright.seeding import Stream, derive_seed, generator


@dataclass(frozen=True)
class Iteration:
    """One collect and one update.

    Attributes:
        number: Counted from 1.
        timesteps: Environment transitions so far, over all environments.
        episodes: The episodes that finished in this iteration.
        total_episodes: Finished episodes so far.
        metrics: What the update reported, under the names that go to the metrics file.
    """

    number: int
    timesteps: int
    episodes: tuple[Episode, ...]
    total_episodes: int
    metrics: Metrics


class Trainer:
    """An iterator over training iterations, until the budget is spent.

        for iteration in Trainer("CartPole-v1", algo="ppo", seed=0):
            print(iteration.timesteps, iteration.metrics["train/entropy"])

    Args:
        env: A Gymnasium id, or a function that returns a new environment.
        algo: "reinforce", "actor-critic" or "ppo"; the environment's preset names the default.
        preset: "tuned", "lesson" or "default"; tuned where there is one.
        config: A TOML file of settings.
        **settings: Any setting, and seed, device, threads.

    Raises:
        UprightError: A setting, the environment or one of its spaces will not do.
    """

    def __init__(
        self,
        env: EnvSource | None = None,
        algo: str | None = None,
        *,
        preset: str | None = None,
        config: str | Path | None = None,
        **settings: Any,
    ) -> None:
        name = None if env is None else name_of(env)
        self.recipe = recipe = resolve(name, algo, preset=preset, config=config, **settings)
        self.settings = recipe.settings
        self.env: EnvSource = recipe.env if env is None else env
        torch.set_num_threads(recipe.threads)
        self.device, self.device_reason = choose_device(recipe.device)
        seed, chosen = recipe.seed, self.settings
        envs = make_envs(
            self.env, chosen.num_envs, derive_seed(seed, Stream.TRAINING), chosen.backend
        )
        self.backend = envs.backend
        self.policy = Policy(
            envs.observation_space, envs.action_space, chosen, derive_seed(seed, Stream.WEIGHTS)
        ).to(self.device)
        self.algorithm = ALGORITHMS[recipe.algo](
            self.policy, chosen, generator(seed, Stream.MINIBATCHES)
        )
        self.collector: Collector = LocalCollector(
            envs,
            self.policy,
            generator(seed, Stream.ACTIONS),
            chosen.rollout_steps,
            chosen.episodes_per_env,
        )
        self.iterations = self.timesteps = self.episodes = 0

    @property
    def progress(self) -> float:
        """The fraction of the budget that is spent."""
        spent = self.timesteps / self.settings.total_timesteps
        if self.settings.total_episodes:
            spent = max(spent, self.episodes / self.settings.total_episodes)
        return min(spent, 1.0)

    def __iter__(self) -> Iterator[Iteration]:
        return self

    def __next__(self) -> Iteration:
        if self.progress >= 1.0:
            raise StopIteration
        rollout = self.collector.collect()
        metrics = self.algorithm.update(rollout, self.progress)
        self.iterations += 1
        self.timesteps += rollout.timesteps
        self.episodes += len(rollout.episodes)
        return Iteration(self.iterations, self.timesteps, rollout.episodes, self.episodes, metrics)

    def close(self) -> None:
        """Release the environments."""
        self.collector.close()
