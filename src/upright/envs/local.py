"""Environments stepped one after the other in this process."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from upright.envs.episodes import Episodes
from upright.envs.guard import Guard
from upright.envs.step import Backend, Step
from upright.ground import Array, Bools, State, UprightError


class SyncEnvs:
    """Environments in one loop; they never reset by themselves."""

    backend: Backend = "sync"
    replaces_final_obs = True
    exact = True

    def __init__(self, envs: list[gym.Env[Any, Any]], seed: int) -> None:
        self._envs = [Guard(env, index) for index, env in enumerate(envs)]
        self.num_envs = len(envs)
        self._episodes = Episodes(seed, len(envs))
        self.observation_space = envs[0].observation_space
        self.action_space = envs[0].action_space
        self._shape = (self.num_envs, *(self.observation_space.shape or ()))
        self._everything = np.ones(self.num_envs, np.bool_)
        self._everything.flags.writeable = False

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """A new episode everywhere, each from its own seed."""
        if seed is not None:
            self._episodes = Episodes(seed, self.num_envs)
        return self.restart(self._everything, np.empty(self._shape, np.float32))

    def step(self, actions: Array) -> Step:
        """One action in every environment; a Discrete one is passed as an int, checked fastest."""
        plain = actions.tolist() if actions.ndim == 1 else list(actions)
        obs, rewards = np.empty(self._shape, np.float32), np.empty(self.num_envs)
        terminated, truncated = np.empty(self.num_envs, np.bool_), np.empty(self.num_envs, np.bool_)
        for n, (env, action) in enumerate(zip(self._envs, plain, strict=True)):
            obs[n], rewards[n], terminated[n], truncated[n], _ = env.step(action)
        self._episodes.acted(plain)
        return Step(obs, rewards, terminated, truncated, self._everything)

    def restart(self, done: Bools, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reset the environments that are done, each to the seed of its next episode."""
        fresh = obs.copy()
        for n, seed in enumerate(self._episodes.begin(done)):
            if seed is not None:
                fresh[n], _ = self._envs[n].reset(seed=seed)
        return fresh

    def state(self, unfinished: bool = True) -> State:
        """The episodes' seeds and actions."""
        return self._episodes.state(self.action_space, unfinished)

    def restore(
        self, state: State, obs: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32] | None, Bools]:
        """Every unfinished episode played again."""
        lost = np.zeros(self.num_envs, np.bool_)
        if not self._episodes.restore(state, self.action_space) or obs is None:
            return obs, lost
        seeds = self._episodes.current_seeds()
        for n, (env, seed) in enumerate(zip(self._envs, seeds, strict=True)):
            try:
                stands = env.replay(seed, self._episodes.actions[n])
                lost[n] = not stands.whole or stands.obs.tobytes() != obs[n].tobytes()
            except UprightError:
                lost[n] = True
        return (self.restart(lost, obs) if lost.any() else obs), lost

    def close(self) -> None:
        """Release what the environments hold."""
        for env in self._envs:
            env.close()
