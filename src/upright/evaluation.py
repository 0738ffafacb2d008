"""Evaluation: episodes by a policy, on seeds of their own."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from upright.envs import Envs, EnvSource, fastest_backend, make_envs, reward_threshold
from upright.errors import UprightError
from upright.policy import Policy
from upright.seeding import Stream, derive_seed
from upright.statistics import bootstrap_interval

EPISODES = 100
LANES = {"vector": 128, "sync": 10, "async": 10}
MAX_EPISODES, MAX_LANES = 100_000, 1024
# So many steps in which nothing ends are no evaluation, but an environment without a time limit.
ENDLESS = 1_000_000
LARGEST_RETURN = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Evaluation:
    """The returns of whole episodes.

    Attributes:
        returns: One episode return per episode, in order of their numbers.
        seed: What the episodes' seeds derive from.
        deterministic: Whether the most probable action was taken, not a drawn one.
        threshold: The mean return from which the environment counts as solved, if it has one.
        lengths: Steps of each episode.
        num_envs: Environments that ran side by side; part of what makes it repeatable.
        backend: How they ran; likewise.
    """

    returns: tuple[float, ...]
    seed: int
    deterministic: bool
    threshold: float | None
    lengths: tuple[int, ...] = field(repr=False, default=())
    num_envs: int = 1
    backend: str = "sync"

    @property
    def mean(self) -> float:
        """Mean episode return."""
        return float(np.mean(self.returns))

    @property
    def std(self) -> float:
        """Standard deviation of the episode returns."""
        return float(np.std(self.returns))

    @property
    def interval(self) -> tuple[float, float]:
        """95% bootstrap interval of the mean."""
        return bootstrap_interval(self.returns)

    @property
    def solved(self) -> bool | None:
        """Whether the mean reaches the threshold; None where there is no threshold."""
        return None if self.threshold is None else self.mean >= self.threshold

    def record(self) -> dict[str, Any]:
        """What was observed, as JSON values, without what follows from it."""
        return {
            "seed": self.seed,
            "deterministic": self.deterministic,
            "num_envs": self.num_envs,
            "backend": self.backend,
            "threshold": self.threshold,
            "returns": list(self.returns),
            "lengths": list(self.lengths),
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything above, as JSON values."""
        return {
            **self.record(),
            "episodes": len(self.returns),
            "mean": self.mean,
            "std": self.std,
            "interval": list(self.interval),
            "solved": self.solved,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """What `record` gave.

        Raises:
            UprightError: Something is missing, or of another type.
        """
        try:
            threshold = record["threshold"]
            evaluation = cls(
                tuple(float(value) for value in record["returns"]),
                int(record["seed"]),
                bool(record["deterministic"]),
                None if threshold is None else float(threshold),
                tuple(int(value) for value in record["lengths"]),
                int(record["num_envs"]),
                str(record["backend"]),
            )
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise UprightError(f"The recorded evaluation lacks or garbles {error}.") from error
        counts = 0 < len(evaluation.returns) == len(evaluation.lengths) <= MAX_EPISODES
        possible = 0 <= evaluation.seed < 2**63 and 1 <= evaluation.num_envs <= MAX_LANES
        possible = possible and all(abs(each) <= LARGEST_RETURN for each in evaluation.returns)
        if not counts or not possible or evaluation.backend not in LANES:
            raise UprightError("The recorded evaluation is not one that could have been made.")
        return evaluation

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """What `as_dict` recorded.

        Raises:
            UprightError: Something is missing, of another type, or contradicts the returns.
        """
        if not isinstance(record, dict):
            raise UprightError("The recorded evaluation is no table.")
        evaluation = cls.from_record(record)
        if evaluation.as_dict() != record:
            raise UprightError("The recorded evaluation contradicts its own returns.")
        return evaluation


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
        episodes: int = EPISODES,
        backend: str = "auto",
        num_envs: int = 0,
    ) -> None:
        self.threshold = reward_threshold(env)
        self._episodes = episodes
        backend = fastest_backend(env) if backend == "auto" else backend
        lanes = num_envs or min(episodes, LANES[backend])
        self._envs: Envs = make_envs(env, lanes, 0, backend)

    @np.errstate(over="ignore", invalid="ignore")  # what comes of it is looked at in the end
    def evaluate(self, policy: Policy, seed: int, deterministic: bool = True) -> Evaluation:
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
        impossible = ~(np.abs(returns) <= LARGEST_RETURN)
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
