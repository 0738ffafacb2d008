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

    def as_dict(self) -> dict[str, Any]:
        """Everything above, as JSON values."""
        return {
            "episodes": len(self.returns),
            "seed": self.seed,
            "deterministic": self.deterministic,
            "num_envs": self.num_envs,
            "backend": self.backend,
            "mean": self.mean,
            "std": self.std,
            "interval": list(self.interval),
            "threshold": self.threshold,
            "solved": self.solved,
            "returns": list(self.returns),
            "lengths": list(self.lengths),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """What `as_dict` recorded.

        Raises:
            UprightError: Something is missing, of another type, or contradicts the returns.
        """
        try:
            evaluation = cls(
                tuple(float(value) for value in record["returns"]),
                int(record["seed"]),
                bool(record["deterministic"]),
                None if record["threshold"] is None else float(record["threshold"]),
                tuple(int(value) for value in record["lengths"]),
                int(record["num_envs"]),
                str(record["backend"]),
            )
            consistent = len(evaluation.returns) > 0 and evaluation.as_dict() == record
        except (KeyError, TypeError, ValueError) as error:
            raise UprightError(f"The recorded evaluation lacks or garbles {error}.") from error
        if not consistent:
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

    def evaluate(self, policy: Policy, seed: int, deterministic: bool = True) -> Evaluation:
        """Play the episodes; environment n plays the numbers n, n + N, n + 2N, ..."""
        envs, act = self._envs, policy.behaviour()
        lanes = envs.num_envs
        rng = np.random.default_rng(derive_seed(seed, Stream.ACTIONS))
        returns = np.zeros(self._episodes)
        lengths = np.zeros(self._episodes, np.int64)
        number = np.arange(lanes)
        running_return, running_length = np.zeros(lanes), np.zeros(lanes, np.int64)
        obs = envs.reset(seed)
        while (number < self._episodes).any():
            noise = 0.0 if deterministic else policy.distribution.noise(rng, (lanes,))
            step = envs.step(act(obs, noise))
            running_return += step.rewards * step.valid
            running_length += step.valid
            obs, done = step.obs, step.terminated | step.truncated
            if np.count_nonzero(done):
                obs = envs.restart(done, obs)
                counted = done & (number < self._episodes)
                returns[number[counted]] = running_return[counted]
                lengths[number[counted]] = running_length[counted]
                running_return[done] = running_length[done] = 0
                number[done] += lanes
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
