"""The rows of metrics.jsonl: an iteration's own numbers, its recent episodes, and the clock."""

import math
import time
from collections import deque
from typing import Any

import numpy as np

from upright.ground import State, UprightError, mean, variance
from upright.judging import Judge
from upright.learning import RECENT, Iteration
from upright.rollout import Episode
from upright.runs import Metric


class RunningMetrics:
    """What a line says besides an iteration's own numbers; it goes on where a run goes on.

    Args:
        judge: Whose seconds are none of the training's.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._recent: deque[Episode] = deque(maxlen=RECENT)
        self._before = 0.0
        self.start()

    def start(self) -> None:
        """The training begins, or goes on, now."""
        self._began, self._judged_before = time.perf_counter(), self._judge.seconds

    @property
    def seconds(self) -> float:
        """Seconds of training, without the evaluations, over all sessions of the run."""
        judged = self._judge.seconds - self._judged_before
        return self._before + time.perf_counter() - self._began - judged

    def state(self) -> State:
        """All that `restore` needs."""
        return State({"recent": [list(each) for each in self._recent], "seconds": self.seconds})

    def restore(self, state: State) -> None:
        """Go on where `state` was taken.

        Raises:
            UprightError: The state is not one of these.
        """
        recent, self._before = state.value("recent", list), state.value("seconds", float)
        try:
            episodes = [Episode(float(r), int(length), int(n)) for r, length, n in recent]
        except (TypeError, ValueError, OverflowError) as error:
            raise UprightError("The recorded state has no valid 'recent'.") from error
        self._recent = deque(episodes, maxlen=RECENT)

    def row(self, iteration: Iteration, eval_mean: float | None) -> dict[str, Any]:
        """One line; what a clock decides of it is time/fps and time/time_elapsed.

        Args:
            iteration: The one that is over.
            eval_mean: The mean return of an evaluation after it, if there was one.

        Raises:
            UprightError: A number of it is not finite.
        """
        seconds = self.seconds
        self._recent.extend(iteration.episodes)
        row: dict[str, Any] = {Metric.ITERATION: iteration.number}
        if self._recent:
            returns, lengths, _ = map(np.array, zip(*self._recent, strict=True))
            row[Metric.EPISODE_RETURN] = mean(returns)
            differ = returns.min() < returns.max()  # rounding leaves equal ones a deviation
            row[Metric.EPISODE_DEVIATION] = math.sqrt(variance(returns)) if differ else 0.0
            row[Metric.EPISODE_LENGTH] = mean(lengths)
        row |= iteration.metrics
        if eval_mean is not None:
            row[Metric.EVALUATION] = eval_mean
        row[Metric.TIMESTEPS] = iteration.timesteps
        row[Metric.EPISODES] = iteration.total_episodes
        row[Metric.FPS] = round(iteration.timesteps / max(seconds, 1e-9))
        row[Metric.SECONDS] = round(seconds, 4)
        for name, value in row.items():
            if not math.isfinite(value):
                raise UprightError(
                    f"{name} became {value} in iteration {iteration.number}; training stopped.",
                    "Try a smaller learning_rate or max_grad_norm.",
                )
        return row
