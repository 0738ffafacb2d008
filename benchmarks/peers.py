"""Stable-Baselines3 beside Upright: its own `learn`, judged by Upright's own judge.

The settings are RL Zoo's tuned ones for PPO on CartPole-v1 (`hyperparams/ppo.yml`).
"""

import time
from collections.abc import Callable
from typing import Any, cast

import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from solving import Solve
from upright.envs import Codec
from upright.judging import Judge
from upright.policy import Policy, Weights

NAME = "Stable-Baselines3 PPO"
BUDGET = 100_000
NUM_ENVS = 8


def falling(start: float) -> Callable[[float], float]:
    """A schedule from `start` to 0, of the fraction of the budget that remains."""
    return lambda remaining: start * remaining


def make_model(env: str, seed: int) -> Any:
    """The zoo's tuned PPO on the CPU, with a logger that writes nowhere."""
    model = PPO(
        "MlpPolicy",
        make_vec_env(env, n_envs=NUM_ENVS, seed=seed),
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        ent_coef=0.0,
        learning_rate=falling(0.001),
        clip_range=falling(0.2),
        device="cpu",
        seed=seed,
    )
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


class Greedy:
    """What `Judge` needs of a policy, over one of Stable-Baselines3's."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.observation_space, self.action_space = policy.observation_space, policy.action_space
        self.observations, self.distribution = Codec(policy.observation_space), self

    @torch.no_grad()
    def act(self, obs: NDArray[Any], noise: Any, masks: Any = None) -> NDArray[Any]:
        """The most probable actions [N] of obs [N, ...]; noise there is none."""
        modes = self._policy.get_distribution(torch.from_numpy(obs)).mode()
        return cast("NDArray[Any]", modes.numpy())

    def bounded(self, actions: NDArray[Any]) -> NDArray[Any]:
        """The actions, of which there are no others."""
        return actions

    @property
    def weights(self) -> Weights:
        """The weights."""
        return {name: tensor.numpy() for name, tensor in self._policy.state_dict().items()}


class Verification(BaseCallback):  # type: ignore[misc]
    """Asks the judge between an update and the next collect, and ends `learn` on its verdict.

    Attributes:
        seconds: From the first collect to the verdict (or to the budget's end), evaluations apart.
        timesteps: Environment transitions up to there.
    """

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge
        self.seconds, self.timesteps = 0.0, 0
        self._began: float | None = None

    def _on_rollout_start(self) -> None:
        if self._began is None:
            self._began = time.perf_counter()
        self._ask(self.judge.is_due(self.model.num_timesteps))

    def _on_step(self) -> bool:
        return self.judge.verdict is None

    def _on_training_end(self) -> None:
        self._ask(True)

    def _ask(self, due: bool) -> None:
        if self.judge.verdict is not None or not due:
            return
        assert self._began is not None
        self.judge.consider(cast("Policy", Greedy(self.model.policy)), self.model.num_timesteps)
        self.seconds = time.perf_counter() - self._began - self.judge.seconds
        self.timesteps = self.model.num_timesteps


def warm_up(env: str) -> None:
    """Import and run once what the first run would otherwise pay for."""
    model = make_model(env, seed=0)
    judge = Judge(env, seed=0, every=512)
    model.learn(1024, callback=Verification(judge), log_interval=None)
    judge.close()
    model.get_env().close()


def solve(env: str, seed: int, every: int) -> Solve:
    """One run until a verified policy, or until its budget (where its schedules end) is spent."""
    torch.set_num_threads(1)
    model = make_model(env, seed)
    judge = Judge(env, seed, every)
    callback = Verification(judge)
    model.learn(BUDGET, callback=callback, log_interval=None)
    judge.close()
    model.get_env().close()
    solved = judge.verdict is not None
    return Solve(NAME, seed, solved, callback.seconds, judge.seconds, callback.timesteps)
