"""Evaluation: episodes by a policy, on seeds of their own."""

from typing import TYPE_CHECKING

import numpy as np

from upright.envs import Envs, EnvSource, fastest_backend, make_envs, reward_threshold
from upright.ground import LARGEST_FLOAT32, Stream, UprightError, derive_seed
from upright.judging.evaluation import LANES, Evaluation

if TYPE_CHECKING:
    from upright.policy import Policy

NUM_EPISODES = 100
# So many steps in which nothing ends are no evaluation, but an environment without a time limit.
ENDLESS = 1_000_000


class Evaluator:
    """Evaluates policies on one environment, keeping the environments between calls.

    Args:
        env: A Gymnasium id, or a function that returns a new environment.
        episodes: How many episodes an evaluation has; their numbers, not their ends, decide
            which ones count, so short episodes are not preferred.
        backend: As in `make_envs`.
        num_envs: Environments side by side; 0 for what suits the backend.
    """

    def __init__(
        self,
        env: EnvSource,
        episodes: int = NUM_EPISODES,
        backend: str = "auto",
        num_envs: int = 0,
    ) -> None:
        self.threshold = reward_threshold(env)
        self._episodes = episodes
        backend = fastest_backend(env) if backend == "auto" else backend
        lanes = num_envs or min(episodes, LANES[backend])
        self._envs: Envs = make_envs(env, lanes, 0, backend)

    @np.errstate(over="ignore", invalid="ignore")  # what comes of it is looked at in the end
    def evaluate(self, policy: "Policy", seed: int, deterministic: bool = True) -> Evaluation:
        """Play the episodes; environment n plays the numbers n, n + N, n + 2N, ...

        Raises:
            UprightError: The policy is for another environment, an episode does not end, or its
                return is not finite.
        """
        envs, act = self._envs, policy.behaviour()
        spaces = (envs.observation_space, policy.observation_space)
        if spaces[0].shape != spaces[1].shape or envs.action_space != policy.action_space:
            raise UprightError(
                f"The policy is for {policy.observation_space} and {policy.action_space}; this "
                f"environment has {envs.observation_space} and {envs.action_space}."
            )
        lanes = envs.num_envs
        rng = np.random.default_rng(derive_seed(seed, Stream.ACTIONS))
        returns = np.zeros(self._episodes)
        lengths = np.zeros(self._episodes, np.int64)
        number = np.arange(lanes)
        running_return, running_length = np.zeros(lanes), np.zeros(lanes, np.int64)
        obs, quiet = envs.reset(seed), 0
        while (number < self._episodes).any():
            noise = 0.0 if deterministic else policy.distribution.noise(rng, (lanes,))
            step = envs.step(act(obs, noise))
            running_return += step.rewards * step.valid
            running_length += step.valid
            obs, done = step.obs, step.terminated | step.truncated
            quiet += 1
            if quiet > ENDLESS:
                raise UprightError(
                    f"No episode of an evaluation ended within {ENDLESS:,} steps.",
                    "Give the environment a time limit: gymnasium.wrappers.TimeLimit, or "
                    "max_episode_steps where it is registered.",
                )
            if np.count_nonzero(done):
                obs, quiet = envs.restart(done, obs), 0
                counted = done & (number < self._episodes)
                returns[number[counted]] = running_return[counted]
                lengths[number[counted]] = running_length[counted]
                running_return[done] = running_length[done] = 0
                number[done] += lanes
        impossible = ~(np.abs(returns) <= LARGEST_FLOAT32)
        if impossible.any():
            (first,) = np.argwhere(impossible)[0].tolist()
            raise UprightError(
                f"Episode {first} of an evaluation has the return {returns[first]}.",
                "The environment's rewards should be finite numbers of 32 bits.",
            )
        return Evaluation(
            tuple(returns.tolist()),
            seed,
            deterministic,
            self.threshold,
            tuple(lengths.tolist()),
            lanes,
            envs.backend,
        )

    def close(self) -> None:
        """Release the environments."""
        self._envs.close()
