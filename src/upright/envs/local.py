"""Environments stepped one after the other in this process."""

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from upright.envs.episodes import SeededEnvs
from upright.envs.guard import Guard, Stand
from upright.envs.masks import Mask
from upright.envs.step import Step
from upright.ground import Array, Bools
from upright.settings import Backend


class SyncEnvs(SeededEnvs):
    """Environments in one loop; they never reset by themselves."""

    backend: Backend = "sync"

    def __init__(
        self, envs: list[gym.Env[Any, Any]], seed: int, mask: Mask = "auto", first: int = 0
    ) -> None:
        super().__init__(envs[0], len(envs), seed, first)
        self._envs = [Guard(env, index, mask, first) for index, env in enumerate(envs)]
        self._obs, self._rewards = self._room(), np.empty(self.num_envs)
        self._terminated, self._truncated = np.empty((2, self.num_envs), np.bool_)

    def step(self, actions: Array) -> Step:
        """One action in every environment."""
        obs, rewards, any_done = self._obs, self._rewards, False
        terminated, truncated = self._terminated, self._truncated
        for n, action in enumerate(self._acted(actions)):
            obs[n], rewards[n], ended, cut, _ = self._envs[n].step(action)
            terminated[n], truncated[n] = ended, cut
            any_done = any_done or ended or cut
        if self.masks is not None:
            self.masks = np.array([env.mask for env in self._envs])
        return Step(obs, rewards, terminated, truncated, self._everything, any_done)

    def _reset_into(self, obs: Array, seeds: Sequence[int | None], done: Bools) -> None:
        for n, seed in enumerate(seeds):
            if seed is not None:
                obs[n], _ = self._envs[n].reset(seed=seed)
        self._allow(done, [env.mask for env in self._envs])

    def _replay(self, seeds: Sequence[int]) -> Iterable[Stand | None]:
        return (env.replay(seeds, self._actions) for env in self._envs)

    def close(self) -> None:
        """Release what the environments hold."""
        for env in self._envs:
            env.close()
