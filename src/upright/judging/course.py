"""How a training went: its rows of metrics, as a diagnosis asks for them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from upright.ground import Floats
from upright.judging.verdict import Verdict
from upright.learning import RECENT, Metric

if TYPE_CHECKING:
    from upright.settings import Recipe

# Before so few episodes ended, nothing is said of their returns.
FEWEST_EPISODES = 10


class Rise(NamedTuple):
    """Mean returns: the first one, the best one since, and the last one.

    Attributes:
        beyond_chance: Whether the best is above the first by five times the sum of their standard
            errors; so many, because the best of many is looked for.
    """

    start: float
    best: float
    now: float
    beyond_chance: bool

    @property
    def fell(self) -> bool:
        """Whether more than half of what was won is lost."""
        return self.now < (self.start + self.best) / 2


class Course:
    """How a training went, as the checks ask for it."""

    def __init__(
        self, recipe: "Recipe", rows: Sequence[Mapping[str, Any]], verdict: Verdict | None
    ) -> None:
        self.settings, self._rows = recipe.settings, rows
        self.is_solved = verdict is not None and verdict.solved is True
        self.threshold = None if verdict is None else verdict.proof.threshold
        self.returns, self.deviations = (
            self.column(Metric.EPISODE_RETURN),
            self.column(Metric.EPISODE_DEVIATION),
        )

    def column(self, name: str) -> Floats:
        """A metric in those rows that have it, shape [n]."""
        return np.array([row[name] for row in self._rows if name in row], np.float64)

    def late(self, name: str, fraction: float = 0.5) -> float | None:
        """The median of a metric over the last fraction of its rows; None where it has none."""
        column = self.column(name)
        last = column[-max(1, round(fraction * len(column))) :]
        return float(np.median(last)) if len(last) else None

    @property
    def rewards_are_equal(self) -> bool:
        """Whether enough episodes ended to say that no two of them have different returns."""
        episodes, returns = self.column(Metric.EPISODES), self.returns
        if not len(self.deviations) == len(returns) > 0 or episodes[-1:].sum() < FEWEST_EPISODES:
            return False
        same = np.ptp(returns) <= 1e-9 * np.abs(returns).max()  # but for rounding in the means
        return bool(same and not self.deviations.any())

    @property
    def rise(self) -> "Rise | None":
        """What was won so far; None before `FEWEST_EPISODES` ended."""
        returns, deviations, episodes = self.returns, self.deviations, self.column(Metric.EPISODES)
        counts = np.clip(episodes[-len(returns) :], 1, RECENT)
        if not len(returns) == len(deviations) == len(counts) > 0 or counts[-1] < FEWEST_EPISODES:
            return None
        first = int(np.argmax(counts >= FEWEST_EPISODES))
        peak = first + int(np.argmax(returns[first:]))
        errors = deviations[[first, peak]] / np.sqrt(counts[[first, peak]])
        start, best, now = map(float, returns[[first, peak, -1]])
        return Rise(start, best, now, best - start > 5 * float(errors.sum()))

    @property
    def is_poor(self) -> bool:
        """Whether the returns are nearer to the first ones than to the threshold.

        Where there is none: nearer to the first ones than to the best, or never beyond chance.
        """
        rise, threshold = self.rise, self.threshold
        if rise is None or self.is_solved:
            return False
        if threshold is not None:
            return rise.now < min(threshold, (rise.start + threshold) / 2)
        return rise.fell or not rise.beyond_chance
