"""What an evaluation found, and its record."""

from dataclasses import field
from typing import Annotated, Any, Self

import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from upright.ground import LARGEST_FLOAT32, UprightError
from upright.judging.statistics import bootstrap_interval
from upright.settings import Backend

MAX_EPISODES, MAX_LANES = 100_000, 1024
# A whole number stays one; what no float can be is none.
Threshold = float | Annotated[int, Field(gt=-(10**300), lt=10**300)] | None
_Return = Annotated[float, Field(ge=-LARGEST_FLOAT32, le=LARGEST_FLOAT32)]
_List = Field(strict=False)  # JSON has no tuples


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="ignore", defer_build=True))
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

    Example:
        >>> evaluation = upright.Evaluation((480.0, 500.0), 0, True, threshold=475.0)
        >>> evaluation.mean, evaluation.solved
        (490.0, True)
    """

    returns: Annotated[tuple[_Return, ...], _List]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    deterministic: bool
    threshold: Threshold
    lengths: Annotated[tuple[int, ...], _List] = field(repr=False, default=())
    num_envs: Annotated[int, Field(ge=1, le=MAX_LANES)] = 1
    backend: Backend = "sync"

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
        names = ("seed", "deterministic", "num_envs", "backend", "threshold")
        values = {name: getattr(self, name) for name in names}
        return values | {"returns": list(self.returns), "lengths": list(self.lengths)}

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
            UprightError: Something is missing, or of another type, or could not have been found.
        """
        try:
            evaluation = cls(**record)
            if not 0 < len(evaluation.returns) == len(evaluation.lengths) <= MAX_EPISODES:
                raise ValueError("its lists are of other lengths")
        except (TypeError, ValueError) as error:
            raise UprightError(
                "The recorded evaluation is not one that could have been made."
            ) from error
        return evaluation

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """What `as_dict` recorded.

        Raises:
            UprightError: Something is missing, of another type, or contradicts the returns.
        """
        evaluation = cls.from_record(record)
        if evaluation.as_dict() != record:
            raise UprightError("The recorded evaluation contradicts its own returns.")
        return evaluation
