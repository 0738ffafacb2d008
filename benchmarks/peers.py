"""Stable-Baselines3 beside Upright: its own `learn`, judged by Upright's own judge.

The settings are RL Zoo's for PPO (`zoo.toml`).
"""

import math
import time
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecNormalize

from solving import Solve
from upright.envs import Codec
from upright.judging import Judge
from upright.policy import Policy, Weights

NAME = "Stable-Baselines3 PPO"
# Where nothing moves with the budget, a run goes on until it is solved or stopped.
WITHOUT_END = 10**9


@cache
def zoo() -> dict[str, dict[str, Any]]:
    """The zoo's settings of every task, as `zoo.toml` says them."""
    return tomllib.loads(Path(__file__).with_name("zoo.toml").read_text(encoding="utf-8"))


def falling(start: float) -> Callable[[float], float]:
    """A schedule from `start` to 0, of the fraction of the budget that remains."""
    return lambda remaining: start * remaining


def make_model(env: str, seed: int, settings: dict[str, Any]) -> Any:
    """PPO on the CPU, with a logger that writes nowhere.

    Args:
        env: A Gymnasium id.
        seed: Of everything.
        settings: As in `zoo.toml`.
    """
    given = {
        name: falling(float(value.removeprefix("lin_"))) if isinstance(value, str) else value
        for name, value in settings.items()
    }
    given.pop("n_timesteps", None)
    vector: Any = make_vec_env(env, n_envs=given.pop("n_envs"), seed=seed)
    if given.pop("normalize", False):
        vector = VecNormalize(vector, gamma=given["gamma"])
    model = PPO("MlpPolicy", vector, device="cpu", seed=seed, **given)
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def budget_of(settings: dict[str, Any]) -> int:
    """Timesteps after which a run ends by itself: the zoo's, where its schedules end with them."""
    moves = any(isinstance(value, str) for value in settings.values())
    return int(settings["n_timesteps"]) if moves else WITHOUT_END


class Greedy:
    """What the judge needs of a policy, over one of Stable-Baselines3's models."""

    def __init__(self, model: Any) -> None:
        self._policy, self._normalizer = model.policy, model.get_vec_normalize_env()
        self.observation_space = self._policy.observation_space
        self.action_space = self._policy.action_space
        self.observations, self.distribution = Codec(self.observation_space), self

    @torch.no_grad()
    def act(self, obs: NDArray[Any], noise: Any, masks: Any = None) -> NDArray[Any]:
        """The most probable actions [N] of obs [N, ...]; noise there is none."""
        if self._normalizer is not None:
            obs = self._normalizer.normalize_obs(obs)
        modes = self._policy.get_distribution(torch.from_numpy(obs)).mode()
        return cast("NDArray[Any]", modes.numpy())

    def bounded(self, actions: NDArray[Any]) -> NDArray[Any]:
        """The actions within their space, as Stable-Baselines3 brings them there."""
        space = self.action_space
        return np.clip(actions, space.low, space.high) if _is_box(space) else actions

    @property
    def weights(self) -> Weights:
        """The weights."""
        return {name: tensor.numpy() for name, tensor in self._policy.state_dict().items()}


def _is_box(space: Any) -> bool:
    return isinstance(space, gym.spaces.Box)


class Verification(BaseCallback):  # type: ignore[misc]
    """Asks the judge between an update and the next collect, and ends `learn` on its verdict.

    Attributes:
        seconds: From the first collect to the verdict (or to the run's end), evaluations apart.
        timesteps: Environment transitions up to there.

    Args:
        judge: Is asked when it is due.
        limit: Seconds of training, evaluations apart, after which the run is stopped.
    """

    def __init__(self, judge: Judge, limit: float = math.inf) -> None:
        super().__init__()
        self.judge, self._limit = judge, limit
        self.seconds, self.timesteps = 0.0, 0
        self._began: float | None = None

    def _on_rollout_start(self) -> None:
        if self._began is None:
            self._began = time.perf_counter()
        self._ask(self.judge.is_due(self.model.num_timesteps))

    def _on_step(self) -> bool:
        if self.judge.verdict is not None:
            return False
        self._count()
        return self.seconds < self._limit

    def _on_training_end(self) -> None:
        self._ask(True)

    def _count(self) -> None:
        assert self._began is not None
        self.seconds = time.perf_counter() - self._began - self.judge.seconds
        self.timesteps = self.model.num_timesteps

    def _ask(self, due: bool) -> None:
        if self.judge.verdict is not None or not due:
            return
        self._count()
        if self.seconds >= self._limit:
            return
        self.judge.consider(cast("Policy", Greedy(self.model)), self.model.num_timesteps)


def warm_up(env: str) -> None:
    """Import and run once what the first run would otherwise pay for."""
    model = make_model(env, 0, zoo()[env])
    judge = Judge(env, seed=0, every=512)
    model.learn(1024, callback=Verification(judge, limit=1.0), log_interval=None)
    judge.close()
    model.get_env().close()


def solve(
    env: str, seed: int, every: int, threshold: float | None = None, limit: float = math.inf
) -> Solve:
    """One run until a verified policy, until it is stopped, or until its schedules end.

    Args:
        env: A task of the zoo's.
        seed: The run's, and the judge's.
        every: Timesteps between evaluations.
        threshold: The bar; None for the environment's own.
        limit: Seconds of training after which it is stopped, and counted as just that.
    """
    torch.set_num_threads(1)
    settings = zoo()[env]
    model = make_model(env, seed, settings)
    judge = Judge(env, seed, every, threshold)
    callback = Verification(judge, limit)
    model.learn(budget_of(settings), callback=callback, log_interval=None)
    judge.close()
    model.get_env().close()
    solved = judge.verdict is not None
    seconds = min(callback.seconds, limit)
    return Solve(NAME, seed, solved, seconds, judge.seconds, callback.timesteps)
